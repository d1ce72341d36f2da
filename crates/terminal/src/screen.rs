//! One terminal, from the bytes that a program writes to what is shown.
//!
//! Cuts the stream into text and sequences: plain text takes a short way to
//! the grid, everything else goes through the parser. A sequence longer than
//! [`MAX_SEQUENCE`](crate::MAX_SEQUENCE) is taken from the parser and ignored.

use std::fmt;
use std::mem;

use alacritty_terminal::vte::Parser;

use crate::Size;
use crate::emulator::Emulator;
use crate::lexer::{ESC, Lexer, Step};

/// Makes a parser give up the sequence it is in.
const CANCEL: &[u8] = b"\x18";

/// The terminal of one session.
pub struct Screen {
    pub(crate) emulator: Emulator,
    parser: Parser,
    lexer: Lexer,
    /// Bytes that a character is waiting for in the parser.
    missing: usize,
}

impl Screen {
    /// `history` is the number of lines to keep of those that scroll away.
    pub fn new(size: Size, history: usize) -> Screen {
        Screen {
            emulator: Emulator::new(size, history),
            parser: Parser::new(),
            lexer: Lexer::default(),
            missing: 0,
        }
    }

    /// Takes in what the program has written.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = if self.lexer.overlong() {
                self.skip_overlong(rest)
            } else if self.lexer.in_sequence() {
                self.feed_sequence(rest)
            } else {
                self.feed_text(rest)
            };
            rest = &rest[taken..];
        }
    }

    /// What the program must read as its terminal's answers.
    pub fn take_answers(&mut self) -> Vec<u8> {
        mem::take(&mut self.emulator.answers)
    }

    pub fn resize(&mut self, size: Size) {
        self.emulator.resize(size);
    }

    pub fn size(&self) -> Size {
        self.emulator.size
    }

    /// The window's title, if the program has set one: short, and without
    /// control characters.
    pub fn title(&self) -> Option<&str> {
        self.emulator.state.titles.current()
    }

    /// Whether the program is in the middle of a synchronized update, so that
    /// what is shown now may be half a picture.
    pub fn is_updating(&self) -> bool {
        self.emulator.state.synchronized
    }

    /// Whether the stream is between sequences and characters.
    pub(crate) fn is_between(&self) -> bool {
        !self.lexer.in_sequence() && !self.lexer.overlong() && self.missing == 0
    }

    fn feed_text(&mut self, bytes: &[u8]) -> usize {
        if bytes[0] == ESC {
            self.lexer.step(ESC);
            self.parse(&bytes[..1]);
            return 1;
        }
        if self.missing > 0 {
            // One by one: given more, the parser would lose what follows.
            self.parse(&bytes[..1]);
            return 1;
        }
        let plain = bytes.iter().position(|&byte| !is_plain(byte)).unwrap_or(bytes.len());
        if plain > 0 {
            self.emulator.print_ascii(&bytes[..plain]);
            return plain;
        }
        let end = bytes.iter().position(|&byte| byte == ESC || is_plain(byte));
        let mut end = end.unwrap_or(bytes.len());
        if end < bytes.len() && bytes[end] != ESC && missing(0, &bytes[..end]) > 0 {
            // It cuts a character off, which only the parser notices.
            end += 1;
        }
        self.parse(&bytes[..end]);
        end
    }

    fn feed_sequence(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while taken < bytes.len() && self.lexer.in_sequence() && !self.lexer.overlong() {
            self.lexer.step(bytes[taken]);
            taken += 1;
        }
        self.parse(&bytes[..taken]);
        if self.lexer.overlong() {
            self.emulator.discarding = true;
            self.parse(CANCEL);
            self.emulator.discarding = false;
        }
        taken
    }

    /// The parser is between sequences, the stream is not.
    fn skip_overlong(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while taken < bytes.len() && self.lexer.overlong() {
            let step = self.lexer.step(bytes[taken]);
            taken += 1;
            if matches!(step, Step::Began | Step::Control) {
                self.parse(&bytes[taken - 1..taken]);
            }
        }
        taken
    }

    fn parse(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.emulator, bytes);
        self.missing = missing(self.missing, bytes);
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Screen")
            .field("size", &self.size())
            .field("state", &self.emulator.state)
            .finish_non_exhaustive()
    }
}

fn is_plain(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte)
}

/// Bytes that the last character still waits for at the end of `bytes`, when
/// the one before them waited for `before`.
fn missing(before: usize, bytes: &[u8]) -> usize {
    let continuations = bytes.iter().rev().take_while(|&&byte| byte & 0xc0 == 0x80).count();
    let expected = match bytes[..bytes.len() - continuations].last() {
        None => before,
        Some(0xc2..=0xdf) => 1,
        Some(0xe0..=0xef) => 2,
        Some(0xf0..=0xf4) => 3,
        Some(_) => 0,
    };
    expected.saturating_sub(continuations)
}
