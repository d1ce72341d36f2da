//! What the terminal says when it is asked.
//!
//! Invariant: answers wait in bounded memory. A program that asks without
//! ever reading loses the newest ones.

use alacritty_terminal::term::TermMode;
use alacritty_terminal::vte::ansi::{CursorShape, NamedColor, Rgb};

use super::Emulator;
use crate::redraw::sgr_numbers;

const MAX_ANSWERS: usize = 16 * 1024;
const MAX_REQUEST: usize = 256;
/// Nobody sees pixels here; a common size lets programs keep proportions.
const CELL_PIXELS: (usize, usize) = (8, 16);
/// XTVERSION; programs look for names of terminals in it, and find none.
const NAME: &str = concat!("watchkeeper(", env!("CARGO_PKG_VERSION"), ")");

/// A DCS that asks something, while it arrives.
pub(crate) struct Request {
    kind: RequestKind,
    payload: Vec<u8>,
}

#[derive(Clone, Copy)]
enum RequestKind {
    /// DECRQSS
    Setting,
    /// XTGETTCAP
    Capability,
}

impl Request {
    pub(super) fn begun_by(marks: &[u8], action: char) -> Option<Request> {
        let kind = match (marks, action) {
            ([b'$'], 'q') => RequestKind::Setting,
            ([b'+'], 'q') => RequestKind::Capability,
            _ => return None,
        };
        Some(Request { kind, payload: Vec::new() })
    }

    pub(super) fn push(&mut self, byte: u8) {
        if self.payload.len() < MAX_REQUEST {
            self.payload.push(byte);
        }
    }
}

impl Emulator {
    /// Control sequences that ask; others are ignored.
    pub(super) fn answer_control(&mut self, first: u16, marks: &[u8], action: char) {
        match (marks, action) {
            ([], 'c') if first == 0 => self.answer_attributes(None),
            ([mark @ (b'>' | b'=')], 'c') if first == 0 => self.answer_attributes(Some(*mark)),
            ([], 'n') => self.answer_status(first),
            ([b'?'], 'n') => self.answer_private_status(first),
            ([b'$'], 'p') => {
                let state = mode_number(self.mode_state(first));
                self.answer(&format!("\x1b[{first};{state}$y"));
            }
            ([b'?', b'$'], 'p') => {
                let state = mode_number(self.private_mode_state(first));
                self.answer(&format!("\x1b[?{first};{state}$y"));
            }
            ([b'?'], 'u') => {
                let flags = self.keyboard().flags();
                self.answer(&format!("\x1b[?{flags}u"));
            }
            ([b'?'], 'm') if first == 4 => {
                let level = self.state.modify_other_keys.unwrap_or(0);
                self.answer(&format!("\x1b[>4;{level}m"));
            }
            ([b'>'], 'q') if first == 0 => self.answer(&format!("\x1bP>|{NAME}\x1b\\")),
            ([], 't') => self.answer_window(first),
            _ => {}
        }
    }

    /// DA1, DA2 and DA3: a VT220 with colours, as alacritty's number.
    pub(super) fn answer_attributes(&mut self, mark: Option<u8>) {
        self.answer(match mark {
            None => "\x1b[?62;22c",
            Some(b'>') => "\x1b[>0;2600;1c",
            Some(_) => "\x1bP!|00000000\x1b\\",
        });
    }

    pub(super) fn answer_color(&mut self, index: u16, prefix: &str, bell: bool) {
        let Rgb { r, g, b } =
            self.state.colors.get(&index).copied().unwrap_or_else(|| default_color(index));
        let end = if bell { "\x07" } else { "\x1b\\" };
        self.answer(&format!(
            "\x1b]{prefix};rgb:{r:02x}{r:02x}/{g:02x}{g:02x}/{b:02x}{b:02x}{end}"
        ));
    }

    pub(super) fn answer_request(&mut self, request: &Request) {
        match request.kind {
            RequestKind::Capability => {
                let names = request.payload.iter().copied();
                let names: String = names.filter(u8::is_ascii_hexdigit).map(char::from).collect();
                self.answer(&format!("\x1bP0+r{names}\x1b\\"));
            }
            RequestKind::Setting => match self.setting(&request.payload) {
                Some(setting) => self.answer(&format!("\x1bP1$r{setting}\x1b\\")),
                None => self.answer("\x1bP0$r\x1b\\"),
            },
        }
    }

    fn answer_status(&mut self, what: u16) {
        match what {
            5 => self.answer("\x1b[0n"),
            6 => {
                let (line, column) = self.reported_cursor();
                self.answer(&format!("\x1b[{line};{column}R"));
            }
            _ => {}
        }
    }

    fn answer_private_status(&mut self, what: u16) {
        match what {
            6 => {
                let (line, column) = self.reported_cursor();
                self.answer(&format!("\x1b[?{line};{column}R"));
            }
            // Dark colours, as the default ones are.
            996 => self.answer("\x1b[?997;1n"),
            _ => {}
        }
    }

    fn answer_window(&mut self, what: u16) {
        let (cols, rows) = (usize::from(self.size.cols()), usize::from(self.size.rows()));
        let (width, height) = CELL_PIXELS;
        let (kind, high, wide) = match what {
            14 => (4, rows * height, cols * width),
            15 => (5, rows * height, cols * width),
            16 => (6, height, width),
            18 => (8, rows, cols),
            19 => (9, rows, cols),
            _ => return,
        };
        self.answer(&format!("\x1b[{kind};{high};{wide}t"));
    }

    /// The value of a DECRQSS setting, as the sequence that would set it.
    fn setting(&self, name: &[u8]) -> Option<String> {
        match name {
            b"m" => Some(format!("{}m", sgr_numbers(&self.grid().cursor.template))),
            b"r" => {
                let region = &self.state.region;
                Some(format!("{};{}r", region.start + 1, region.end))
            }
            b" q" => Some(format!(
                "{} q",
                self.state
                    .cursor_style
                    .map_or(0, |style| { style_number(style.shape, style.blinking) })
            )),
            _ => None,
        }
    }

    /// Counted from one and from the origin.
    fn reported_cursor(&self) -> (i32, usize) {
        let point = self.grid().cursor.point;
        let origin = if self.mode(TermMode::ORIGIN) { self.state.region.start } else { 0 };
        (point.line.0 - origin + 1, point.column.0 + 1)
    }

    fn answer(&mut self, text: &str) {
        if self.answers.len() + text.len() <= MAX_ANSWERS {
            self.answers.extend_from_slice(text.as_bytes());
        }
    }
}

/// The number of a cursor style in DECSCUSR.
pub(crate) fn style_number(shape: CursorShape, blinking: bool) -> u8 {
    let steady = match shape {
        CursorShape::Underline => 4,
        CursorShape::Beam => 6,
        CursorShape::Block | CursorShape::HollowBlock | CursorShape::Hidden => 2,
    };
    steady - u8::from(blinking)
}

fn mode_number(state: Option<bool>) -> u8 {
    match state {
        None => 0,
        Some(true) => 1,
        Some(false) => 2,
    }
}

/// What xterm shows when nobody has chosen colours.
fn default_color(index: u16) -> Rgb {
    const BASIC: [u32; 16] = [
        0x00_00_00, 0xcd_00_00, 0x00_cd_00, 0xcd_cd_00, 0x00_00_ee, 0xcd_00_cd, 0x00_cd_cd,
        0xe5_e5_e5, 0x7f_7f_7f, 0xff_00_00, 0x00_ff_00, 0xff_ff_00, 0x5c_5c_ff, 0xff_00_ff,
        0x00_ff_ff, 0xff_ff_ff,
    ];
    const BACKGROUND: u16 = NamedColor::Background as u16;
    let rgb = |value: u32| {
        let [_, r, g, b] = value.to_be_bytes();
        Rgb { r, g, b }
    };
    let level = |step: u16| if step == 0 { 0 } else { (step * 40 + 55) as u8 };
    match index {
        0..=15 => rgb(BASIC[usize::from(index)]),
        16..=231 => {
            let cube = index - 16;
            Rgb { r: level(cube / 36), g: level(cube / 6 % 6), b: level(cube % 6) }
        }
        232..=255 => {
            let gray = ((index - 232) * 10 + 8) as u8;
            Rgb { r: gray, g: gray, b: gray }
        }
        BACKGROUND => rgb(0),
        _ => rgb(BASIC[7]),
    }
}
