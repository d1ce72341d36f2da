//! A private key between its BEGIN and END lines.
//!
//! Printed characters are hidden; line breaks, spaces, control sequences and what is not ASCII
//! (frames and line numbers of viewers) pass, so a key is also hidden where a program displays
//! it. Only what may be the END line waits.
//!
//! A BEGIN line alone is no key: sources and documents mention them, and keys get cut off. So a
//! block is over when a quote closes directly behind BEGIN, or when nothing like a line of a key
//! was seen for a while.

/// The longest block; keys are far smaller.
const MAX_LENGTH: usize = 64 * 1024;
/// As many characters of base64 as make a line of a key.
const LINE_LENGTH: usize = 24;
/// A block is over after so many bytes without such a line; headers of keys are shorter.
const MAX_WITHOUT_LINE: usize = 512;
const MAX_MARKER: usize = 80;

/// How END lines start and end: PEM, then SSH2.
const MARKERS: [(&[u8], &[&[u8]]); 2] = [
    (b"-----END ", &[b"PRIVATE KEY-----", b"PRIVATE KEY BLOCK-----"]),
    (b"---- END ", &[b"PRIVATE KEY ----"]),
];

#[derive(Clone, Debug)]
pub(crate) struct KeyBlock {
    length: usize,
    without_line: usize,
    base64_run: usize,
    escape: Escape,
    /// What may become the END line; never a secret by itself.
    marker: Vec<u8>,
}

/// Where in a control sequence of the terminal, or in an escaped line break (`\n`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    /// Directly behind BEGIN.
    Opening,
    Outside,
    Started,
    Parameters,
    Backslash {
        is_opening: bool,
    },
}

impl KeyBlock {
    pub(crate) fn new() -> Self {
        Self {
            length: 0,
            without_line: 0,
            base64_run: 0,
            escape: Escape::Opening,
            marker: Vec::new(),
        }
    }

    /// Returns how many bytes were read, and whether the block is over.
    pub(crate) fn read(&mut self, data: &[u8], out: &mut Vec<u8>) -> (usize, bool) {
        for (index, &byte) in data.iter().enumerate() {
            let is_too_long = self.length >= MAX_LENGTH || self.without_line >= MAX_WITHOUT_LINE;
            if is_too_long || self.is_mention(byte) {
                self.end(out);
                return (index, true);
            }
            self.length += 1;
            self.note_line(byte);
            if self.read_marker(byte, out) {
                return (index + 1, true);
            }
        }
        (data.len(), false)
    }

    /// Nothing follows: what looked like the END line was none.
    pub(crate) fn end(&mut self, out: &mut Vec<u8>) {
        for byte in std::mem::take(&mut self.marker) {
            out.push(masked(byte));
        }
    }

    pub(crate) fn pending(&self) -> usize {
        self.marker.len()
    }

    /// Whether a quote closes directly behind BEGIN: a text about keys.
    fn is_mention(&self, byte: u8) -> bool {
        let is_opening =
            matches!(self.escape, Escape::Opening | Escape::Backslash { is_opening: true });
        is_opening && matches!(byte, b'"' | b'\'' | b'`')
    }

    fn note_line(&mut self, byte: u8) {
        let is_base64 = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
        self.base64_run = if is_base64 { self.base64_run + 1 } else { 0 };
        self.without_line = if self.base64_run >= LINE_LENGTH { 0 } else { self.without_line + 1 };
    }

    /// Returns whether the END line is complete.
    fn read_marker(&mut self, byte: u8, out: &mut Vec<u8>) -> bool {
        self.marker.push(byte);
        while !may_become_marker(&self.marker) {
            // The END line may begin inside what looked like one, as in six dashes.
            let first = self.marker.remove(0);
            self.write(first, out);
        }
        if is_marker(&self.marker) {
            out.append(&mut self.marker);
            return true;
        }
        false
    }

    /// Writes a byte of the key.
    fn write(&mut self, byte: u8, out: &mut Vec<u8>) {
        let (escape, passes) = match (self.escape, byte) {
            (_, 0x1b) => (Escape::Started, true),
            (Escape::Started, b'[') => (Escape::Parameters, true),
            (Escape::Started, 0x20..=0x2f) => (Escape::Started, true),
            (Escape::Started, 0x30..=0x7e) => (Escape::Outside, true),
            (Escape::Parameters, 0x20..=0x3f) => (Escape::Parameters, true),
            (Escape::Parameters, 0x40..=0x7e) => (Escape::Outside, true),
            (Escape::Opening | Escape::Backslash { is_opening: true }, b'\\') => {
                (Escape::Backslash { is_opening: true }, true)
            }
            (_, b'\\') => (Escape::Backslash { is_opening: false }, true),
            (Escape::Backslash { .. }, b'n' | b'r') => (Escape::Outside, true),
            _ => (Escape::Outside, false),
        };
        self.escape = escape;
        if passes {
            out.push(byte);
        } else {
            out.push(masked(byte));
        }
    }
}

fn masked(byte: u8) -> u8 {
    if byte.is_ascii_graphic() { b'*' } else { byte }
}

fn may_become_marker(bytes: &[u8]) -> bool {
    let is_label = |byte: &u8| byte.is_ascii_uppercase() || matches!(byte, b' ' | b'-');
    bytes.len() <= MAX_MARKER
        && MARKERS.iter().any(|(start, _)| {
            let common = bytes.len().min(start.len());
            bytes[..common] == start[..common] && bytes[common..].iter().all(is_label)
        })
}

fn is_marker(bytes: &[u8]) -> bool {
    MARKERS.iter().any(|(start, ends)| {
        bytes.starts_with(start) && ends.iter().any(|end| bytes.ends_with(end))
    })
}
