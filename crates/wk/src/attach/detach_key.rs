//! The key that leaves a session running and comes back to the shell.
//!
//! Pressed once it detaches, after a short while in which a second press passes one through.
//! Programs may have switched the terminal to another way to report keys; those are known.

use std::{fmt, str::FromStr, time::Duration};

/// How long a second press is awaited.
pub(crate) const PATIENCE: Duration = Duration::from_millis(300);

/// A key held with Ctrl; `C-\` by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DetachKey {
    /// The key's character, letters in lower case.
    key: u8,
}

/// What became of some input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Forwarded,
    /// The key was pressed: [`Detacher::detaches`] when nothing follows in [`PATIENCE`].
    Waiting,
    Detach,
}

/// Looks for the key in what is typed.
#[derive(Clone, Debug)]
pub(crate) struct Detacher {
    key: DetachKey,
    pressed: bool,
}

enum Press {
    Down,
    Up,
}

impl Default for DetachKey {
    fn default() -> Self {
        Self { key: b'\\' }
    }
}

impl FromStr for DetachKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let key = match text.as_bytes() {
            [b'C' | b'c', b'-', key] => key.to_ascii_lowercase(),
            [b'^', key] => key.to_ascii_lowercase(),
            _ => 0,
        };
        // Ctrl-[, -m, -j and -i are what Escape, Enter and Tab send, -h is often Backspace.
        match key {
            b'a'..=b'z' if b"himj".contains(&key) => Err(format!(
                "`C-{}` is needed to type: use another key, like `C-\\`",
                char::from(key)
            )),
            b'a'..=b'z' | b'\\' | b']' | b'^' | b'_' | b'@' => Ok(Self { key }),
            _ => {
                let shown: String = text.chars().take(20).collect();
                Err(format!(
                    "`{}` is no detach key: write C- and a letter, \\, ], ^, _ or @",
                    shown.escape_debug()
                ))
            }
        }
    }
}

impl fmt::Display for DetachKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "C-{}", char::from(self.key))
    }
}

impl DetachKey {
    /// Finds the key at the front of `input`: how long it is, and whether it goes down or up.
    fn at_front(self, input: &[u8]) -> Option<(usize, Press)> {
        match input {
            [first, ..] if *first == self.key & 0x1f => Some((1, Press::Down)),
            [0x1b, b'[', rest @ ..] => {
                let end = rest.iter().take(32).position(|byte| (0x40..=0x7e).contains(byte))?;
                let press = self.reported(&rest[..end], rest[end])?;
                Some((end + 3, press))
            }
            _ => None,
        }
    }

    /// Reads `CODE;MODIFIERS:EVENT u` (kitty) and `27;MODIFIERS;CODE ~` (xterm).
    fn reported(self, parameters: &[u8], end: u8) -> Option<Press> {
        let text = std::str::from_utf8(parameters).ok()?;
        let mut fields = text.split(';').map(|field| {
            let mut parts = field.split(':').map(|part| part.parse::<u32>().ok());
            (parts.next().flatten(), parts.next().flatten())
        });
        let ((first, _), (second, event)) = (fields.next()?, fields.next()?);
        let (code, modifiers) = match end {
            b'u' => (first?, second?),
            b'~' if first == Some(27) => (fields.next()?.0?, second?),
            _ => return None,
        };
        // Bit 2 is Ctrl; bits 6 and 7 are Caps Lock and Num Lock.
        let held = modifiers.checked_sub(1)? & 0x3f;
        match event {
            _ if code != u32::from(self.key) || held != 4 => None,
            Some(3) => Some(Press::Up),
            _ => Some(Press::Down),
        }
    }
}

impl Detacher {
    pub(crate) fn new(key: DetachKey) -> Self {
        Self { key, pressed: false }
    }

    /// Takes what was typed and appends to `out` what the session gets of it.
    pub(crate) fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) -> Outcome {
        let mut rest = input;
        while let Some(first) = rest.first() {
            match (self.key.at_front(rest), self.pressed) {
                (Some((length, Press::Down)), true) => {
                    self.pressed = false;
                    out.extend(&rest[..length]);
                    rest = &rest[length..];
                }
                (Some((length, Press::Down)), false) => {
                    self.pressed = true;
                    rest = &rest[length..];
                }
                (Some((length, Press::Up)), true) => rest = &rest[length..],
                (None, true) => return Outcome::Detach,
                (Some((_, Press::Up)) | None, false) => {
                    out.push(*first);
                    rest = &rest[1..];
                }
            }
        }
        if self.pressed { Outcome::Waiting } else { Outcome::Forwarded }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn feed(inputs: &[&[u8]]) -> (Vec<u8>, Outcome) {
        let (mut detacher, mut out) = (Detacher::new(DetachKey::default()), Vec::new());
        let mut outcome = Outcome::Forwarded;
        for input in inputs {
            outcome = detacher.feed(input, &mut out);
            if outcome == Outcome::Detach {
                break;
            }
        }
        (out, outcome)
    }

    #[test]
    fn one_press_waits_a_second_passes_one_through_and_anything_else_detaches() {
        for (inputs, out, outcome) in [
            (&[&b"ls\r"[..]][..], &b"ls\r"[..], Outcome::Forwarded),
            (&[b"ls\x1c"], b"ls", Outcome::Waiting),
            (&[b"\x1c\x1c"], b"\x1c", Outcome::Forwarded),
            (&[b"\x1c", b"\x1c"], b"\x1c", Outcome::Forwarded),
            (&[b"\x1c\x1c\x1c"], b"\x1c", Outcome::Waiting),
            (&[b"\x1c", b"x"], b"", Outcome::Detach),
            (&[b"a\x1cb"], b"a", Outcome::Detach),
        ] {
            assert_eq!(feed(inputs), (out.to_vec(), outcome), "{inputs:?}");
        }
    }

    #[test]
    fn the_key_is_known_in_every_way_that_terminals_report_it() {
        for press in
            ["\x1b[92;5u", "\x1b[92;5:1u", "\x1b[92;69u", "\x1b[92::92;5u", "\x1b[27;5;92~"]
        {
            assert_eq!(feed(&[press.as_bytes()]), (vec![], Outcome::Waiting), "{press:?}");
            let twice = press.repeat(2);
            assert_eq!(feed(&[twice.as_bytes()]), (press.into(), Outcome::Forwarded), "{press:?}");
        }
        let released = b"\x1b[92;5u\x1b[92;5:3u";
        assert_eq!(feed(&[released]), (vec![], Outcome::Waiting));
        for other in ["\x1b[92;6u", "\x1b[93;5u", "\x1b[27;5;93~", "\x1b[A", "\x1b", "\x1b[92;5"] {
            assert_eq!(feed(&[other.as_bytes()]), (other.into(), Outcome::Forwarded), "{other:?}");
        }
    }

    #[test]
    fn keys_are_read_and_bad_ones_refused() {
        for (text, shown) in [("C-\\", "C-\\"), ("^]", "C-]"), ("c-A", "C-a"), ("C-_", "C-_")] {
            assert_eq!(text.parse::<DetachKey>().map(|key| key.to_string()), Ok(shown.into()));
        }
        for bad in ["", "x", "C-", "C-ab", "C-m", "C-i", "C-[", "M-x", "C-é"] {
            assert!(bad.parse::<DetachKey>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn input_without_the_key_arrives_as_it_is(input: Vec<u8>) {
            let input: Vec<u8> = input.into_iter().filter(|byte| *byte != 0x1c).collect();
            prop_assume!(!input.windows(2).any(|pair| pair == b"\x1b["));
            prop_assert_eq!(feed(&[&input]), (input.clone(), Outcome::Forwarded));
        }
    }
}
