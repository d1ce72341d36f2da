//! Complete lines of a segment that may still grow, shrink by a torn line, or
//! have been deleted.
//!
//! A writer whose disk is full cuts its torn line off and later writes another
//! one in its place. So a line is only ever taken from a single read of the
//! file: what was read of an unfinished line is read again.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const FIRST_READ: usize = 64 * 1024;

/// Longer lines are passed over; none of ours is half as long.
const LONGEST_LINE: usize = 16 * 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Lines {
    file: File,
    buffer: Vec<u8>,
    /// Where in the file `buffer` starts.
    start: u64,
    /// How much of `buffer` was given out.
    used: usize,
    /// Lines given out.
    count: u64,
    skipping: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    Text(&'a [u8]),
    TooLong,
}

impl Lines {
    pub(crate) fn new(file: File) -> Lines {
        Lines { file, buffer: Vec::new(), start: 0, used: 0, count: 0, skipping: false }
    }

    /// The number of the line read last, from 1.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The next complete line without its end; `None` until there is one.
    pub(crate) fn read(&mut self) -> io::Result<Option<Line<'_>>> {
        let mut size = FIRST_READ;
        loop {
            if let Some(length) = memchr::memchr(b'\n', &self.buffer[self.used..]) {
                let text = self.used..self.used + length;
                self.used = text.end + 1;
                self.count += 1;
                let too_long = std::mem::take(&mut self.skipping);
                return Ok(Some(if too_long {
                    Line::TooLong
                } else {
                    Line::Text(&self.buffer[text])
                }));
            }
            if self.used == 0 && self.buffer.len() >= size && !self.skipping {
                size = self.buffer.len() * 2;
            }
            if size > LONGEST_LINE {
                self.skipping = true;
                size = FIRST_READ;
            }
            self.fill(size)?;
            if self.buffer.len() < size && !self.buffer.contains(&b'\n') {
                self.forget_unfinished();
                return Ok(None);
            }
        }
    }

    /// Reads up to `size` bytes behind what was given out.
    fn fill(&mut self, size: usize) -> io::Result<()> {
        // The inside of a line that is passed over is not needed again.
        self.start += if self.skipping { self.buffer.len() } else { self.used } as u64;
        self.used = 0;
        self.buffer.resize(size, 0);
        let length = loop {
            match self.file.read_at(&mut self.buffer, self.start) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.buffer.clear();
                    return Err(error);
                }
                Ok(length) => break length,
            }
        };
        self.buffer.truncate(length);
        Ok(())
    }

    /// At the end of the file: waits without memory, for what may change there.
    fn forget_unfinished(&mut self) {
        if self.skipping {
            self.start += self.buffer.len() as u64;
        }
        self.buffer = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn open(content: &[u8]) -> (tempfile::NamedTempFile, Lines) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        let lines = Lines::new(file.reopen().unwrap());
        (file, lines)
    }

    #[test]
    fn a_torn_line_is_read_once_it_is_complete_as_it_is_then() {
        let (mut file, mut lines) = open(b"one\ntwo, to");
        assert_eq!(lines.read().unwrap(), Some(Line::Text(b"one")));
        assert_eq!(lines.read().unwrap(), None);
        file.as_file().set_len(4).unwrap();
        assert_eq!(lines.read().unwrap(), None);
        // The cursor of `file` is behind the cut: start again where it was made.
        std::io::Seek::seek(&mut file, io::SeekFrom::Start(4)).unwrap();
        file.write_all(b"three\nfour\n").unwrap();
        assert_eq!(lines.read().unwrap(), Some(Line::Text(b"three")));
        assert_eq!(lines.read().unwrap(), Some(Line::Text(b"four")));
        assert_eq!(lines.read().unwrap(), None);
        assert_eq!(lines.count(), 3);
    }

    #[test]
    fn long_lines_are_whole_and_endless_ones_passed_over() {
        let long = vec![b'l'; FIRST_READ * 5];
        let endless = vec![b'e'; LONGEST_LINE + 7];
        let (_file, mut lines) = open(&[&long[..], b"\n", &endless, b"\nend\n"].concat());
        assert_eq!(lines.read().unwrap(), Some(Line::Text(&long)));
        assert_eq!(lines.read().unwrap(), Some(Line::TooLong));
        assert_eq!(lines.read().unwrap(), Some(Line::Text(b"end")));
        assert_eq!(lines.read().unwrap(), None);
    }

    #[test]
    fn an_endless_line_still_growing_is_passed_over_once() {
        let (mut file, mut lines) = open(&vec![b'e'; LONGEST_LINE + 7]);
        assert_eq!(lines.read().unwrap(), None);
        file.write_all(b"more").unwrap();
        assert_eq!(lines.read().unwrap(), None);
        file.write_all(b"\nend\n").unwrap();
        assert_eq!(lines.read().unwrap(), Some(Line::TooLong));
        assert_eq!(lines.read().unwrap(), Some(Line::Text(b"end")));
    }
}
