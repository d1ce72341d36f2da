//! SGR: how the next characters look.

use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::vte::Params;
use alacritty_terminal::vte::ansi::{Color, NamedColor, Rgb};

const FOREGROUND: Color = Color::Named(NamedColor::Foreground);
const BACKGROUND: Color = Color::Named(NamedColor::Background);

/// The eight colours, and their bright ones, in the order of their numbers.
const PALETTE: [NamedColor; 16] = [
    NamedColor::Black,
    NamedColor::Red,
    NamedColor::Green,
    NamedColor::Yellow,
    NamedColor::Blue,
    NamedColor::Magenta,
    NamedColor::Cyan,
    NamedColor::White,
    NamedColor::BrightBlack,
    NamedColor::BrightRed,
    NamedColor::BrightGreen,
    NamedColor::BrightYellow,
    NamedColor::BrightBlue,
    NamedColor::BrightMagenta,
    NamedColor::BrightCyan,
    NamedColor::BrightWhite,
];

/// Changes the template that printed cells are made from.
pub(super) fn apply(template: &mut Cell, params: &Params) {
    let mut params = params.iter();
    while let Some(param) = params.next() {
        match *param {
            [0] => reset(template),
            [38] => set(&mut template.fg, color(&mut params.by_ref().map(|param| param[0]))),
            [48] => set(&mut template.bg, color(&mut params.by_ref().map(|param| param[0]))),
            [58] => {
                if let Some(color) = color(&mut params.by_ref().map(|param| param[0])) {
                    template.set_underline_color(Some(color));
                }
            }
            [38, ref rest @ ..] => set(&mut template.fg, colon_color(rest)),
            [48, ref rest @ ..] => set(&mut template.bg, colon_color(rest)),
            [58, ref rest @ ..] => {
                if let Some(color) = colon_color(rest) {
                    template.set_underline_color(Some(color));
                }
            }
            [59] => template.set_underline_color(None),
            [4, 0] => template.flags.remove(Flags::ALL_UNDERLINES),
            [4, style] => underline(&mut template.flags, style),
            [number] => apply_number(template, number),
            _ => {}
        }
    }
}

fn apply_number(template: &mut Cell, number: u16) {
    let flags = &mut template.flags;
    match number {
        1 => flags.insert(Flags::BOLD),
        2 => flags.insert(Flags::DIM),
        3 => flags.insert(Flags::ITALIC),
        4 => underline(flags, 1),
        7 => flags.insert(Flags::INVERSE),
        8 => flags.insert(Flags::HIDDEN),
        9 => flags.insert(Flags::STRIKEOUT),
        21 => underline(flags, 2),
        22 => flags.remove(Flags::BOLD | Flags::DIM),
        23 => flags.remove(Flags::ITALIC),
        24 => flags.remove(Flags::ALL_UNDERLINES),
        27 => flags.remove(Flags::INVERSE),
        28 => flags.remove(Flags::HIDDEN),
        29 => flags.remove(Flags::STRIKEOUT),
        30..=37 => template.fg = palette(number - 30),
        39 => template.fg = FOREGROUND,
        40..=47 => template.bg = palette(number - 40),
        49 => template.bg = BACKGROUND,
        90..=97 => template.fg = palette(number - 90 + 8),
        100..=107 => template.bg = palette(number - 100 + 8),
        _ => {}
    }
}

/// Attributes only: a hyperlink goes on.
fn reset(template: &mut Cell) {
    template.fg = FOREGROUND;
    template.bg = BACKGROUND;
    template.flags = Flags::empty();
    template.set_underline_color(None);
}

fn underline(flags: &mut Flags, style: u16) {
    flags.remove(Flags::ALL_UNDERLINES);
    flags.insert(match style {
        2 => Flags::DOUBLE_UNDERLINE,
        3 => Flags::UNDERCURL,
        4 => Flags::DOTTED_UNDERLINE,
        5 => Flags::DASHED_UNDERLINE,
        _ => Flags::UNDERLINE,
    });
}

fn set(place: &mut Color, color: Option<Color>) {
    if let Some(color) = color {
        *place = color;
    }
}

fn palette(number: u16) -> Color {
    Color::Named(PALETTE[usize::from(number)])
}

/// `2:R:G:B`, `2:SPACE:R:G:B` or `5:N`.
fn colon_color(params: &[u16]) -> Option<Color> {
    let (kind, values) = params.split_first()?;
    let values = if *kind == 2 && values.len() > 3 { &values[1..] } else { values };
    color(&mut std::iter::once(*kind).chain(values.iter().copied()))
}

fn color(params: &mut impl Iterator<Item = u16>) -> Option<Color> {
    match params.next()? {
        2 => {
            let (r, g, b) = (params.next()?, params.next()?, params.next()?);
            let channel = |value| u8::try_from(value).ok();
            Some(Color::Spec(Rgb { r: channel(r)?, g: channel(g)?, b: channel(b)? }))
        }
        5 => Some(Color::Indexed(u8::try_from(params.next()?).ok()?)),
        _ => None,
    }
}
