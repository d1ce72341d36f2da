//! Lines of events as asciicast v3 writes them.

use crate::escape::push_quoted;
use std::io::Write;

/// What ends an event's line.
pub(crate) const CLOSE: &[u8] = b"\"]\n";

/// The part of an event's line before its text, for example `[0.250000,"o","`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    bytes: [u8; 40],
    length: usize,
}

impl Opening {
    /// `interval_us` is the time since the previous event.
    pub(crate) fn new(interval_us: u64, code: char) -> Opening {
        let mut opening = Opening { bytes: [0; 40], length: 0 };
        let mut room = &mut opening.bytes[..];
        let (seconds, micros) = (interval_us / 1_000_000, interval_us % 1_000_000);
        // 14 digits of seconds, 6 of micros, 11 others and a code fit in 40 bytes.
        let _ = write!(room, "[{seconds}.{micros:06},\"{code}\",\"");
        let free = room.len();
        opening.length = opening.bytes.len() - free;
        opening
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Appends the whole line of an event; `code` must need no escape.
pub(crate) fn push_event(interval_us: u64, code: char, text: &str, line: &mut Vec<u8>) {
    let opening = Opening::new(interval_us, code);
    let bytes = opening.as_bytes();
    line.extend_from_slice(&bytes[..bytes.len() - 1]);
    push_quoted(text, line);
    line.extend_from_slice(&CLOSE[1..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_lines_of_json() {
        let mut line = Vec::new();
        push_event(1_000_250, 'o', "a\n", &mut line);
        assert_eq!(line, b"[1.000250,\"o\",\"a\\n\"]\n");
    }

    #[test]
    fn the_longest_interval_has_room() {
        assert!(Opening::new(u64::MAX, '😀').as_bytes().ends_with("\"😀\",\"".as_bytes()));
    }
}
