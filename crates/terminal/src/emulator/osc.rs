//! Commands: `OSC number ; … ST`.

use std::str;

use alacritty_terminal::term::cell::Hyperlink;
use alacritty_terminal::vte::ansi::{CursorShape, NamedColor, Rgb};

use super::Emulator;

/// The numbers of the 256 colours of the palette come before this one.
const PALETTE_END: u16 = NamedColor::Foreground as u16;

impl Emulator {
    pub(super) fn command(&mut self, params: &[&[u8]], bell: bool) {
        let (&[number], arguments) = params.split_at(params.len().min(1)) else { return };
        match number {
            b"0" | b"2" if !arguments.is_empty() => {
                let parts: Vec<&str> =
                    arguments.iter().filter_map(|part| str::from_utf8(part).ok()).collect();
                self.state.titles.set(&parts.join(";"));
            }
            b"4" => {
                for pair in arguments.chunks_exact(2) {
                    if let Some(index) = parse_index(pair[0]) {
                        self.color_command(index, pair[1], &format!("4;{index}"), bell);
                    }
                }
            }
            b"8" => self.set_hyperlink(arguments),
            b"10" | b"11" | b"12" => {
                let first = u16::from(number[1] - b'0');
                for (index, &argument) in (first..=2).zip(arguments) {
                    let prefix = format!("{}", index + 10);
                    self.color_command(PALETTE_END + index, argument, &prefix, bell);
                }
            }
            b"50" => self.set_cursor_shape(arguments),
            b"104" if arguments.first().is_none_or(|first| first.is_empty()) => {
                self.state.colors.retain(|&index, _| index >= PALETTE_END);
            }
            b"104" => {
                for index in arguments.iter().filter_map(|argument| parse_index(argument)) {
                    self.state.colors.remove(&index);
                }
            }
            b"110" | b"111" | b"112" => {
                self.state.colors.remove(&(PALETTE_END + u16::from(number[2] - b'0')));
            }
            _ => {}
        }
    }

    /// Sets a colour, or asks for it.
    fn color_command(&mut self, index: u16, argument: &[u8], prefix: &str, bell: bool) {
        if argument == b"?" {
            self.answer_color(index, prefix, bell);
        } else if let Some(color) = parse_color(argument) {
            self.state.colors.insert(index, color);
        }
    }

    fn set_hyperlink(&mut self, arguments: &[&[u8]]) {
        let [options, uri @ ..] = arguments else { return };
        // A URI may hold semicolons.
        let uri = uri.iter().map(|part| str::from_utf8(part).unwrap_or_default());
        let uri = uri.collect::<Vec<_>>().join(";");
        let id = options.split(|&byte| byte == b':').find_map(|option| option.strip_prefix(b"id="));
        let id = id.and_then(|id| str::from_utf8(id).ok()).unwrap_or_default();
        // What is sent on to other terminals must not end the sequence early.
        let clean = !uri.chars().chain(id.chars()).any(char::is_control);
        let link = (clean && !uri.is_empty()).then(|| Hyperlink::new(Some(id), uri));
        self.grid_mut().cursor.template.set_hyperlink(link);
    }

    fn set_cursor_shape(&mut self, arguments: &[&[u8]]) {
        let shape = match arguments {
            [b"CursorShape=0", ..] => CursorShape::Block,
            [b"CursorShape=1", ..] => CursorShape::Beam,
            [b"CursorShape=2", ..] => CursorShape::Underline,
            _ => return,
        };
        self.state.cursor_style.get_or_insert_default().shape = shape;
    }
}

fn parse_index(text: &[u8]) -> Option<u16> {
    str::from_utf8(text).ok()?.parse::<u8>().ok().map(u16::from)
}

/// `rgb:R/G/B` with one to four digits each, or `#RGB` with the same.
fn parse_color(text: &[u8]) -> Option<Rgb> {
    let text = str::from_utf8(text).ok()?;
    if let Some(digits) = text.strip_prefix('#') {
        let width = digits.len() / 3;
        let channel = |index: usize| shifted(digits.get(index * width..(index + 1) * width)?);
        let valid = digits.len() % 3 == 0;
        return valid.then_some(Rgb { r: channel(0)?, g: channel(1)?, b: channel(2)? });
    }
    let mut channels = text.strip_prefix("rgb:")?.split('/').map(scaled);
    let color = Rgb { r: channels.next()??, g: channels.next()??, b: channels.next()?? };
    channels.next().is_none().then_some(color)
}

/// The highest value of as many digits is the brightest.
fn scaled(digits: &str) -> Option<u8> {
    let max = 16_u32.pow(digits_len(digits)?) - 1;
    let value = u32::from_str_radix(digits, 16).ok()?;
    Some((255 * value / max) as u8)
}

/// The digits are the high ones of the value.
fn shifted(digits: &str) -> Option<u8> {
    let width = digits_len(digits)?;
    let value = u32::from_str_radix(digits, 16).ok()?;
    Some(if width == 1 { value << 4 } else { value >> (4 * (width - 2)) } as u8)
}

fn digits_len(digits: &str) -> Option<u32> {
    let valid = (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    valid.then_some(digits.len() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_are_read_in_every_width() {
        for (text, want) in [
            ("rgb:ff/80/00", Some((255, 128, 0))),
            ("rgb:ffff/8080/0000", Some((255, 128, 0))),
            ("rgb:f/8/0", Some((255, 136, 0))),
            ("#ff8000", Some((255, 128, 0))),
            ("#ffff80800000", Some((255, 128, 0))),
            ("#f80", Some((240, 128, 0))),
            ("rgb:ff/80", None),
            ("rgb:ff/80/00/00", None),
            ("rgb:+f/80/00", None),
            ("#ff80", None),
            ("#", None),
            ("red", None),
        ] {
            let color = parse_color(text.as_bytes()).map(|color| (color.r, color.g, color.b));
            assert_eq!(color, want, "{text}");
        }
    }
}
