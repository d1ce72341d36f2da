//! The withheld bytes: a candidate that was read but not decided, or is to be read once more.

use std::fmt;

/// `bytes[start..read]` belong to the candidate, `bytes[read..]` come before any new input.
#[derive(Clone, Default)]
pub(crate) struct Held {
    bytes: Vec<u8>,
    start: usize,
    read: usize,
}

/// Shows no bytes: they may be a secret.
impl fmt::Debug for Held {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Held").field("length", &self.len()).finish()
    }
}

impl Held {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(crate) fn candidate(&self) -> &[u8] {
        &self.bytes[self.start..self.read]
    }

    pub(crate) fn unread(&self) -> &[u8] {
        &self.bytes[self.read..]
    }

    /// The candidate took `count` of the unread bytes.
    pub(crate) fn advance(&mut self, count: usize) {
        self.read += count;
    }

    /// The candidate took bytes of the input; nothing is unread.
    pub(crate) fn push(&mut self, input: &[u8]) {
        self.bytes.extend_from_slice(input);
        self.read = self.bytes.len();
    }

    /// What was read is written, in whatever form.
    pub(crate) fn forget_read(&mut self) {
        self.start = self.read;
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
            self.read = 0;
        }
    }

    /// The candidate was none: its bytes are to be read once more.
    pub(crate) fn rewind(&mut self) {
        // What was written has to leave here, or a chain of candidates would grow the buffer.
        self.bytes.drain(..self.start);
        self.start = 0;
        self.read = 0;
    }
}
