//! A body in progress: its opener was seen, and it may become a secret or nothing.

use crate::Masker;
use crate::byte_set::ByteSet;
use crate::shape::{Beyond, Part};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    /// The part being read, and all behind it; never empty.
    parts: &'static [Part],
    /// How many bytes of that part were read.
    count: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Undecided,
    Secret,
    NoSecret,
}

/// What one byte does to a candidate.
enum Step {
    Taken,
    /// The byte belongs to the next part, or to none.
    NextPart,
    Decided(Verdict),
    TakenAndSecret,
}

impl Candidate {
    pub(crate) fn new(parts: &'static [Part]) -> Self {
        Self { parts, count: 0 }
    }

    /// Reads until the candidate is decided; also says how many bytes belong to it.
    pub(crate) fn read(&mut self, data: &[u8]) -> (usize, Verdict) {
        let mut used = 0;
        while let Some(&byte) = data.get(used) {
            match self.step(byte) {
                Step::Taken => used += 1,
                Step::NextPart if self.parts.len() > 1 => {
                    *self = Self::new(&self.parts[1..]);
                }
                Step::NextPart => return (used, Verdict::NoSecret),
                Step::Decided(verdict) => return (used, verdict),
                Step::TakenAndSecret => return (used + 1, Verdict::Secret),
            }
        }
        (used, Verdict::Undecided)
    }

    fn step(&mut self, byte: u8) -> Step {
        let is_last = self.parts.len() == 1;
        match self.parts[0] {
            Part::Run { of, min, max, beyond } => {
                if of.contains(byte) && self.count < max {
                    self.count += 1;
                    if is_last && self.count >= min { Step::TakenAndSecret } else { Step::Taken }
                } else if of.contains(byte) && beyond == Beyond::Secret {
                    Step::Decided(Verdict::Secret)
                } else if self.count < min {
                    Step::Decided(Verdict::NoSecret)
                } else {
                    Step::NextPart
                }
            }
            Part::Shown { of, max } => {
                if of.contains(byte) && self.count < max {
                    self.count += 1;
                    Step::Taken
                } else {
                    Step::NextPart
                }
            }
            Part::Literal(literal) => match literal.get(usize::from(self.count)) {
                Some(&expected) if expected == byte => {
                    self.count += 1;
                    let is_whole = usize::from(self.count) == literal.len();
                    if is_last && is_whole { Step::TakenAndSecret } else { Step::Taken }
                }
                Some(_) => Step::Decided(Verdict::NoSecret),
                None => Step::NextPart,
            },
        }
    }
}

/// Writes a body that was found to be a secret.
pub(crate) fn hide(parts: &[Part], mut body: &[u8], out: &mut Vec<u8>) {
    for part in parts {
        let length = match *part {
            Part::Run { of, max, .. } => {
                let length = of.prefix_length(body).min(usize::from(max));
                hide_bytes(length, out);
                length
            }
            Part::Shown { of, max } => {
                let length = of.prefix_length(body).min(usize::from(max));
                // A user name may be a token. No opener that leads here fits into a user name,
                // so this goes one level deep.
                let mut masker = Masker::new();
                masker.feed(&body[..length], out);
                masker.finish(out);
                length
            }
            Part::Literal(literal) => {
                let length = literal.len().min(body.len());
                out.extend_from_slice(&body[..length]);
                length
            }
        };
        body = &body[length..];
    }
}

pub(crate) fn hide_bytes(count: usize, out: &mut Vec<u8>) {
    out.resize(out.len() + count, b'*');
}

/// What goes on being secret after a body was decided.
pub(crate) fn continuation(parts: &[Part]) -> Option<ByteSet> {
    match parts.last() {
        Some(&Part::Run { of, .. }) => Some(of),
        _ => None,
    }
}
