//! The masker of one stream.

use std::fmt;

use crate::candidate::hide;
use crate::held::Held;
use crate::reader::{Outcome, Reader};

/// No more bytes than these are ever withheld.
pub const MAX_PENDING: usize = 4096;

/// Masks one stream, chunk by chunk.
#[derive(Clone)]
pub struct Masker {
    reader: Reader,
    held: Held,
}

impl Default for Masker {
    fn default() -> Self {
        Self::new()
    }
}

/// Tells how much waits, not what: it may be a secret.
impl fmt::Debug for Masker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Masker").field("pending", &self.pending()).finish()
    }
}

impl Masker {
    pub fn new() -> Self {
        Self { reader: Reader::new(), held: Held::default() }
    }

    /// Appends to `out` the masked form of as much of the stream as is decided.
    pub fn feed(&mut self, mut input: &[u8], out: &mut Vec<u8>) {
        loop {
            let is_second_reading = !self.held.unread().is_empty();
            let data = if is_second_reading { self.held.unread() } else { input };
            if data.is_empty() {
                return;
            }
            let (used, outcome) = self.reader.read(data, out);
            if is_second_reading {
                self.held.advance(used);
            } else {
                if !matches!(outcome, Outcome::Written) {
                    self.held.push(&input[..used]);
                }
                input = &input[used..];
            }
            match outcome {
                Outcome::Written => self.held.forget_read(),
                Outcome::Withheld => {}
                Outcome::Secret(parts) => {
                    hide(parts, self.held.candidate(), out);
                    self.held.forget_read();
                }
                Outcome::NoSecret => self.held.rewind(),
            }
        }
    }

    /// The end of the stream, or of what can belong together: releases what is undecided, as it
    /// was, for no rule makes it a secret. The masker is then as new.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        while self.reader.end(out) {
            // Other secrets may lie inside what the candidate held back.
            self.held.rewind();
            self.feed(&[], out);
        }
        self.reader = Reader::new();
    }

    /// How many bytes wait for what follows.
    pub fn pending(&self) -> usize {
        self.held.len() + self.reader.pending()
    }
}
