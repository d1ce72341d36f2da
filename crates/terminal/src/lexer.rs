//! Where control sequences begin and end in a stream.
//!
//! Follows the state machine of `vte` byte for byte, but gives no meaning to
//! anything: the emulator and the query filter must agree on what one
//! sequence is, and on which one is too long to count.
//!
//! Text is no concern of the lexer: it is stepped from an ESC on until the
//! sequence has ended.

pub(crate) const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;

/// The longest sequence that has an effect, in bytes.
///
/// Real ones end far earlier; only pictures and clipboards are longer, and
/// those mean nothing to an emulator without pixels. Without a limit, a
/// string that never ends would be collected forever.
pub const MAX_SEQUENCE: usize = 2048;

/// The part of a sequence that the stream is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Part {
    /// Between sequences.
    #[default]
    Ground,
    Escape,
    EscapeIntermediate,
    CsiEntry,
    CsiParameters,
    CsiIntermediate,
    CsiIgnored,
    DcsEntry,
    DcsParameters,
    DcsIntermediate,
    DcsIgnored,
    DcsPayload,
    Osc,
    /// SOS, PM or APC.
    Ignored,
}

/// What one byte did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// An ESC: whatever was open is over, a new sequence begins.
    Began,
    /// A control character executed on the spot; the sequence goes on.
    Control,
    /// No part of anything; terminals skip it.
    Noise,
    /// Belongs to the sequence, and may be its last byte.
    Belongs,
    /// CAN or SUB: the sequence is over.
    Cancelled,
}

/// Follows one stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lexer {
    part: Part,
    length: usize,
}

impl Lexer {
    pub(crate) fn part(&self) -> Part {
        self.part
    }

    pub(crate) fn in_sequence(&self) -> bool {
        self.part != Part::Ground
    }

    /// Whether the open sequence is longer than [`MAX_SEQUENCE`].
    pub(crate) fn overlong(&self) -> bool {
        self.in_sequence() && self.length > MAX_SEQUENCE
    }

    pub(crate) fn step(&mut self, byte: u8) -> Step {
        match byte {
            ESC => {
                *self = Lexer { part: Part::Escape, length: 1 };
                return Step::Began;
            }
            CAN | SUB => {
                *self = Lexer::default();
                return Step::Cancelled;
            }
            _ => {}
        }
        if !self.part.is_string() {
            match byte {
                0x00..=0x1f => return Step::Control,
                0x7f..=0xff => return Step::Noise,
                _ => {}
            }
        }
        self.length += 1;
        self.part = self.part.after(byte);
        Step::Belongs
    }
}

impl Part {
    /// Whether control characters are content here, not executed.
    pub(crate) fn is_string(self) -> bool {
        use Part::*;
        matches!(
            self,
            DcsEntry | DcsParameters | DcsIntermediate | DcsIgnored | DcsPayload | Osc | Ignored
        )
    }

    fn after(self, byte: u8) -> Part {
        match self {
            Part::Ground => Part::Ground,
            Part::Escape => match byte {
                0x20..=0x2f => Part::EscapeIntermediate,
                b'[' => Part::CsiEntry,
                b']' => Part::Osc,
                b'P' => Part::DcsEntry,
                b'X' | b'^' | b'_' => Part::Ignored,
                _ => Part::Ground,
            },
            Part::EscapeIntermediate => match byte {
                0x20..=0x2f => self,
                _ => Part::Ground,
            },
            Part::CsiEntry => match byte {
                0x20..=0x2f => Part::CsiIntermediate,
                0x30..=0x3f => Part::CsiParameters,
                _ => Part::Ground,
            },
            Part::CsiParameters => match byte {
                0x20..=0x2f => Part::CsiIntermediate,
                0x30..=0x3b => self,
                0x3c..=0x3f => Part::CsiIgnored,
                _ => Part::Ground,
            },
            Part::CsiIntermediate => match byte {
                0x20..=0x2f => self,
                0x30..=0x3f => Part::CsiIgnored,
                _ => Part::Ground,
            },
            Part::CsiIgnored => match byte {
                0x20..=0x3f => self,
                _ => Part::Ground,
            },
            Part::DcsEntry => match byte {
                0x20..=0x2f => Part::DcsIntermediate,
                0x30..=0x3f => Part::DcsParameters,
                0x40..=0x7e => Part::DcsPayload,
                _ => self,
            },
            Part::DcsParameters => match byte {
                0x20..=0x2f => Part::DcsIntermediate,
                0x3c..=0x3f => Part::DcsIgnored,
                0x40..=0x7e => Part::DcsPayload,
                _ => self,
            },
            Part::DcsIntermediate => match byte {
                0x30..=0x3f => Part::DcsIgnored,
                0x40..=0x7e => Part::DcsPayload,
                _ => self,
            },
            // The one 8-bit control that `vte` knows.
            Part::DcsPayload if byte == 0x9c => Part::Ground,
            Part::Osc if byte == BEL => Part::Ground,
            Part::DcsPayload | Part::DcsIgnored | Part::Osc | Part::Ignored => self,
        }
    }
}
