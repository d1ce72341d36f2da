//! Reads bytes in one of four modes, and says what is to happen with them.

use crate::byte_set::ByteSet;
use crate::candidate::{Candidate, Verdict, continuation, hide_bytes};
use crate::key_block::KeyBlock;
use crate::openers::Openers;
use crate::shape::{Body, Part};

#[derive(Clone, Debug)]
pub(crate) struct Reader {
    openers: Openers,
    mode: Mode,
}

#[derive(Clone, Debug)]
enum Mode {
    Searching,
    Deciding {
        candidate: Candidate,
        parts: &'static [Part],
    },
    /// The rest of a secret.
    Hiding(ByteSet),
    InKeyBlock(KeyBlock),
}

/// What becomes of the bytes that were read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    /// They are in the output.
    Written,
    /// They wait.
    Withheld,
    /// They, and what waited before them, are a secret of these parts.
    Secret(&'static [Part]),
    /// They, and what waited before them, are to be read once more.
    NoSecret,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self { openers: Openers::at_boundary(), mode: Mode::Searching }
    }

    /// Reads as far as one mode goes; returns how many bytes that took.
    pub(crate) fn read(&mut self, data: &[u8], out: &mut Vec<u8>) -> (usize, Outcome) {
        match &mut self.mode {
            Mode::Searching => (self.search(data, out), Outcome::Written),
            Mode::Deciding { candidate, parts } => {
                let parts = *parts;
                let (used, verdict) = candidate.read(data);
                (used, self.decide(verdict, parts))
            }
            Mode::Hiding(set) => {
                let used = set.prefix_length(data);
                hide_bytes(used, out);
                if used < data.len() {
                    *self = Self { openers: Openers::inside_word(), mode: Mode::Searching };
                }
                (used, Outcome::Written)
            }
            Mode::InKeyBlock(block) => {
                let (used, is_over) = block.read(data, out);
                if is_over {
                    *self = Self::new();
                }
                (used, Outcome::Written)
            }
        }
    }

    /// Nothing follows. Returns whether a candidate was given up, to be read once more.
    pub(crate) fn end(&mut self, out: &mut Vec<u8>) -> bool {
        let mode = std::mem::replace(&mut self.mode, Mode::Searching);
        if let Mode::InKeyBlock(mut block) = mode {
            block.end(out);
            return false;
        }
        matches!(mode, Mode::Deciding { .. })
    }

    /// Bytes that wait here and nowhere else.
    pub(crate) fn pending(&self) -> usize {
        match &self.mode {
            Mode::InKeyBlock(block) => block.pending(),
            Mode::Searching | Mode::Deciding { .. } | Mode::Hiding(_) => 0,
        }
    }

    fn search(&mut self, data: &[u8], out: &mut Vec<u8>) -> usize {
        let (used, shape) = self.openers.next(data);
        out.extend_from_slice(&data[..used]);
        match shape.map(|shape| &shape.body) {
            Some(&Body::Parts(parts)) => {
                self.mode = Mode::Deciding { candidate: Candidate::new(parts), parts };
            }
            Some(Body::KeyBlock) => self.mode = Mode::InKeyBlock(KeyBlock::new()),
            None => {}
        }
        used
    }

    fn decide(&mut self, verdict: Verdict, parts: &'static [Part]) -> Outcome {
        match verdict {
            Verdict::Undecided => Outcome::Withheld,
            Verdict::Secret => {
                match continuation(parts) {
                    Some(set) => self.mode = Mode::Hiding(set),
                    None => *self = Self::new(),
                }
                Outcome::Secret(parts)
            }
            Verdict::NoSecret => {
                // The openers go on behind the opener that led here.
                self.mode = Mode::Searching;
                Outcome::NoSecret
            }
        }
    }
}
