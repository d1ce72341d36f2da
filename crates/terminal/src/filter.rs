//! Keeps questions to the terminal away from real terminals.
//!
//! The emulator of a session answers all of them, so a terminal that is
//! attached must never see one: the program gets one answer, however many
//! terminals show it.
//!
//! Nothing unfinished is ever passed on: a sequence waits until its end tells
//! what it is, a character until it is whole. Hence a client may join between
//! any two pieces: it is sent the redraw, then [`QueryFilter::joining`], then
//! what comes out of the filter from there on; what was unfinished comes out
//! whole. Only what is longer than [`MAX_SEQUENCE`](crate::MAX_SEQUENCE), and
//! the payload of device control strings, is passed on as it arrives. Neither
//! has an effect on the emulator; a client that joins within gets the opening
//! of another string that its terminal ignores.
//!
//! Invariants: everything but questions comes out in the order it came in,
//! except that control characters inside a sequence come out before it, as
//! terminals execute them; bytes there that terminals ignore are dropped, and
//! so are sequences that another one cuts off. At
//! most [`MAX_SEQUENCE`](crate::MAX_SEQUENCE) bytes wait, never the last byte
//! of anything.

mod query;

use std::mem;
use std::str;

use memchr::{memchr2, memrchr};

use crate::flood::{Lines, lines};
use crate::lexer::{ESC, Lexer, MAX_SEQUENCE, Part, Step};
use query::Verdict;

const ENQ: u8 = 0x05;
const NUL: u8 = 0x00;
const CANCEL: &[u8] = b"\x18";
const STRING_TERMINATOR: &[u8] = b"\x1b\\";

/// A filter for one stream, whoever listens to it.
#[derive(Clone, Debug, Default)]
pub struct QueryFilter {
    lexer: Lexer,
    fate: Fate,
    /// The unfinished sequence or character.
    pub(crate) held: Vec<u8>,
    /// The text before the sequence ended within a character.
    torn: bool,
    /// The ESC has ended a string, and the rest of its terminator was either
    /// written already or is dropped with the string.
    terminated: bool,
}

/// What happens to the bytes of the sequence that is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fate {
    #[default]
    Held,
    Passed,
    Dropped,
}

impl QueryFilter {
    pub fn new() -> QueryFilter {
        QueryFilter::default()
    }

    /// Copies what is no question to `out`.
    pub fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) {
        let mut rest = input;
        while let Some(&byte) = rest.first() {
            let taken = if self.lexer.in_sequence() {
                self.sequence_byte(byte, out);
                1
            } else if !self.held.is_empty() {
                self.character_byte(byte, out)
            } else {
                self.text(rest, out)
            };
            rest = &rest[taken..];
        }
    }

    /// As [`feed`](Self::feed), with bytes that were looked at before.
    pub fn feed_lines(&mut self, lines: Lines<'_>, out: &mut Vec<u8>) {
        let is_between = !self.lexer.in_sequence() && self.held.is_empty();
        let known = if is_between { lines.length } else { 0 };
        if known > 0 {
            self.pass_text(lines.bytes, known, out);
        }
        self.feed(&lines.bytes[known..], out);
    }

    /// As [`feed`](Self::feed), when nobody listens: only looks from the last
    /// sequence on.
    pub fn skip(&mut self, input: &[u8]) {
        let last = if let Some(start) = memrchr(ESC, input) {
            *self = QueryFilter { held: mem::take(&mut self.held), ..QueryFilter::default() };
            self.held.clear();
            &input[start..]
        } else if self.lexer.in_sequence() || input.len() < 4 {
            input
        } else {
            self.held.clear();
            &input[input.len() - 4..]
        };
        self.feed(last, &mut Vec::new());
    }

    /// What a client that joins now is sent after the redraw; mostly nothing.
    pub fn joining(&self) -> &'static [u8] {
        if self.fate != Fate::Passed {
            return b"";
        }
        match self.lexer.part() {
            Part::Ground | Part::Escape => b"",
            Part::EscapeIntermediate => b"\x1b###",
            Part::CsiEntry | Part::CsiParameters | Part::CsiIntermediate | Part::CsiIgnored => {
                b"\x1b[0<"
            }
            Part::DcsEntry | Part::DcsParameters => b"\x1bP0",
            Part::DcsIntermediate => b"\x1bP###",
            Part::DcsPayload => b"\x1bP0~",
            Part::DcsIgnored => b"\x1bP0<",
            Part::Osc => b"\x1b]7777;",
            Part::Ignored => b"\x1b_-",
        }
    }

    /// Takes text up to a sequence or a question.
    fn text(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> usize {
        // Text and colours ask nothing: mostly, all of it is that.
        let end = match lines(bytes).0 {
            0 => memchr2(ESC, ENQ, bytes).unwrap_or(bytes.len()),
            length => length,
        };
        if end == 0 {
            return self.control(bytes, out);
        }
        self.pass_text(bytes, end, out);
        end
    }

    /// Passes text up to `end` on.
    fn pass_text(&mut self, bytes: &[u8], end: usize, out: &mut Vec<u8>) {
        let unfinished = unfinished(&bytes[..end]);
        if end < bytes.len() {
            out.extend_from_slice(&bytes[..end]);
            self.torn = unfinished > 0;
        } else {
            let (whole, rest) = bytes.split_at(end - unfinished);
            out.extend_from_slice(whole);
            self.held.extend_from_slice(rest);
            self.torn = false;
        }
    }

    fn control(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> usize {
        if bytes[0] == ENQ {
            self.dropped(out);
            return 1;
        }
        let harmless = harmless_control(bytes);
        if harmless == 0 {
            self.lexer.step(ESC);
            self.held.push(ESC);
            return 1;
        }
        out.extend_from_slice(&bytes[..harmless]);
        self.torn = false;
        harmless
    }

    /// Adds to the held beginning of a character.
    fn character_byte(&mut self, byte: u8, out: &mut Vec<u8>) -> usize {
        self.held.push(byte);
        match str::from_utf8(&self.held) {
            Ok(_) => self.pass_held(out),
            Err(error) if error.error_len().is_none() => {}
            Err(_) => {
                // Cut off; the byte may be the start of anything.
                self.held.pop();
                self.pass_held(out);
                self.torn = true;
                return 0;
            }
        }
        1
    }

    fn sequence_byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        let before = self.lexer.part();
        match self.lexer.step(byte) {
            Step::Control if byte != ENQ => out.push(byte),
            Step::Control | Step::Noise => {}
            Step::Cancelled => {
                self.end(before, out);
                out.push(byte);
                self.torn = false;
            }
            Step::Began => {
                let passed = self.end(before, out);
                self.terminated = before.is_string();
                if passed {
                    // At once: control characters may come between.
                    out.extend_from_slice(if self.terminated { STRING_TERMINATOR } else { CANCEL });
                }
                self.held.push(ESC);
            }
            Step::Belongs => {
                if mem::take(&mut self.terminated) && byte == b'\\' {
                    self.held.clear();
                    return;
                }
                match self.fate {
                    Fate::Held => self.held.push(byte),
                    Fate::Passed => out.push(byte),
                    Fate::Dropped => {}
                }
                self.decide(before, out);
            }
        }
    }

    /// Judges the sequence as soon as it can be.
    fn decide(&mut self, before: Part, out: &mut Vec<u8>) {
        if !self.lexer.in_sequence() {
            self.finish(before, out);
            self.torn = false;
        } else if self.fate != Fate::Held {
        } else if self.lexer.part() == Part::DcsPayload {
            // It may be long, and means nothing to the emulator.
            let asks = matches!(query::judge(Part::DcsPayload, &self.held), Verdict::Query);
            self.fate = if asks { Fate::Dropped } else { Fate::Passed };
            if asks {
                self.held.clear();
                self.dropped(out);
            } else {
                self.pass_held(out);
            }
        } else if self.lexer.overlong() {
            self.pass_held(out);
            self.fate = Fate::Passed;
        }
    }

    /// The sequence ends without a last byte of its own; whether any of it was
    /// passed on. A string counts all the same, others were never whole.
    fn end(&mut self, part: Part, out: &mut Vec<u8>) -> bool {
        if part.is_string() {
            return !self.finish(part, out);
        }
        self.held.clear();
        mem::take(&mut self.fate) == Fate::Passed
    }

    /// The sequence is over; whether it was a question.
    fn finish(&mut self, part: Part, out: &mut Vec<u8>) -> bool {
        let fate = mem::take(&mut self.fate);
        if fate != Fate::Held {
            return fate == Fate::Dropped;
        }
        match query::judge(part, &self.held) {
            Verdict::Harmless => self.pass_held(out),
            Verdict::Changed(sequence) => {
                out.extend_from_slice(&sequence);
                self.held.clear();
            }
            Verdict::Query => {
                self.held.clear();
                self.dropped(out);
                return true;
            }
        }
        false
    }

    fn pass_held(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.held);
    }

    /// What is dropped must not join the bytes around it to a character.
    fn dropped(&mut self, out: &mut Vec<u8>) {
        if mem::take(&mut self.torn) {
            out.push(NUL);
        }
    }
}

/// The length of the control sequence at the start, if it is whole and surely
/// no question: most are not even like one.
fn harmless_control(bytes: &[u8]) -> usize {
    let Some(body) = bytes.strip_prefix(b"\x1b[") else { return 0 };
    match body.iter().position(|byte| !(0x20..0x40).contains(byte)) {
        Some(end) if end + 3 <= MAX_SEQUENCE && query::never_asks(body[0], body[end]) => end + 3,
        _ => 0,
    }
}

/// Bytes at the end that are the beginning of a character.
fn unfinished(bytes: &[u8]) -> usize {
    let begins = |count: &usize| {
        bytes.len() >= *count
            && str::from_utf8(&bytes[bytes.len() - count..])
                .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    (1..=3).find(begins).unwrap_or(0)
}
