//! Attributes of text as control sequences.

use std::fmt::Write;

use alacritty_terminal::term::cell::{Cell, Flags, Hyperlink};
use alacritty_terminal::vte::ansi::{Color, NamedColor};

/// The flags that attributes are; the others tell how cells belong together.
const STYLE: Flags = Flags::INVERSE
    .union(Flags::BOLD_ITALIC)
    .union(Flags::ALL_UNDERLINES)
    .union(Flags::DIM)
    .union(Flags::HIDDEN)
    .union(Flags::STRIKEOUT);

/// What attributes a terminal has been told to print with.
#[derive(Debug)]
pub(crate) struct Pen {
    fg: Color,
    bg: Color,
    style: Flags,
    underline: Option<Color>,
    link: Option<Hyperlink>,
}

impl Default for Pen {
    fn default() -> Pen {
        let cell = Cell::default();
        Pen { fg: cell.fg, bg: cell.bg, style: Flags::empty(), underline: None, link: None }
    }
}

impl Pen {
    /// Writes what is needed to print with the attributes of `cell`.
    pub(crate) fn take(&mut self, out: &mut Vec<u8>, cell: &Cell) {
        if !self.suits(cell) {
            self.change(out, cell);
        }
    }

    /// Quick to say yes, for nearly every cell.
    fn suits(&self, cell: &Cell) -> bool {
        cell.extra.is_none()
            && self.underline.is_none()
            && self.link.is_none()
            && self.style == cell.flags & STYLE
            && self.fg == cell.fg
            && self.bg == cell.bg
    }

    fn change(&mut self, out: &mut Vec<u8>, cell: &Cell) {
        let style = cell.flags & STYLE;
        let underline = cell.underline_color();
        if (self.fg, self.bg, self.style, self.underline) != (cell.fg, cell.bg, style, underline) {
            (self.fg, self.bg, self.style, self.underline) = (cell.fg, cell.bg, style, underline);
            out.extend_from_slice(format!("\x1b[{}m", sgr_numbers(cell)).as_bytes());
        }
        let link = cell.hyperlink();
        if self.link != link {
            let (id, uri) = link.as_ref().map_or(("", ""), |link| (link.id(), link.uri()));
            let option = if id.is_empty() { "" } else { "id=" };
            out.extend_from_slice(format!("\x1b]8;{option}{id};{uri}\x1b\\").as_bytes());
            self.link = link;
        }
    }

    /// Puts all attributes off.
    pub(crate) fn drop(&mut self, out: &mut Vec<u8>) {
        self.take(out, &Cell::default());
    }
}

/// Whether two cells look the same but for their characters.
pub(crate) fn same_attributes(one: &Cell, other: &Cell) -> bool {
    (one.fg, one.bg, one.flags & STYLE) == (other.fg, other.bg, other.flags & STYLE)
        && one.underline_color() == other.underline_color()
        && one.hyperlink() == other.hyperlink()
}

/// The parameters of the SGR that leads to the attributes of `cell`, from any.
pub(crate) fn sgr_numbers(cell: &Cell) -> String {
    const STYLES: [(Flags, &str); 11] = [
        (Flags::BOLD, ";1"),
        (Flags::DIM, ";2"),
        (Flags::ITALIC, ";3"),
        (Flags::UNDERLINE, ";4"),
        (Flags::DOUBLE_UNDERLINE, ";4:2"),
        (Flags::UNDERCURL, ";4:3"),
        (Flags::DOTTED_UNDERLINE, ";4:4"),
        (Flags::DASHED_UNDERLINE, ";4:5"),
        (Flags::INVERSE, ";7"),
        (Flags::HIDDEN, ";8"),
        (Flags::STRIKEOUT, ";9"),
    ];
    let mut numbers = String::from("0");
    for (flag, number) in STYLES {
        if cell.flags.contains(flag) {
            numbers.push_str(number);
        }
    }
    push_color(&mut numbers, cell.fg, 30);
    push_color(&mut numbers, cell.bg, 40);
    // Subparameters, since terminals that do not know 58 would take plain
    // ones for attributes of their own.
    let _ = match cell.underline_color() {
        Some(Color::Spec(rgb)) => write!(numbers, ";58:2::{}:{}:{}", rgb.r, rgb.g, rgb.b),
        Some(Color::Indexed(index)) => write!(numbers, ";58:5:{index}"),
        Some(Color::Named(_)) | None => Ok(()),
    };
    numbers
}

/// `base` is 30 for the foreground, 40 for the background.
fn push_color(numbers: &mut String, color: Color, base: usize) {
    const LAST_BRIGHT: usize = NamedColor::BrightWhite as usize;
    let _ = match color {
        Color::Named(name) => match name as usize {
            index @ 0..8 => write!(numbers, ";{}", base + index),
            index @ 8..=LAST_BRIGHT => write!(numbers, ";{}", base + 60 + index - 8),
            _ => Ok(()),
        },
        Color::Indexed(index) => write!(numbers, ";{};5;{index}", base + 8),
        Color::Spec(rgb) => write!(numbers, ";{};2;{};{};{}", base + 8, rgb.r, rgb.g, rgb.b),
    };
}
