//! Lines that have left the top of the main screen.
//!
//! Kept as the bytes that would print them, not as cells: a line takes what
//! its text takes, not 24 bytes for each column.
//!
//! Invariant: no more lines than asked for, and no more bytes than
//! [`BYTES_PER_LINE`] for each of these: the oldest go first.

use std::collections::VecDeque;

use alacritty_terminal::grid::Row;
use alacritty_terminal::term::cell::Cell;

use crate::redraw::rows;

const BYTES_PER_LINE: usize = 512;

#[derive(Clone, Debug)]
pub(crate) struct History {
    lines: VecDeque<HistoryLine>,
    limit: usize,
    bytes: usize,
    /// Kept to spare an allocation for each line.
    scratch: Vec<u8>,
}

/// A line that begins and ends with all attributes off.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HistoryLine {
    pub(crate) ansi: Box<[u8]>,
    pub(crate) columns: u16,
    /// The next line is the rest of this one.
    pub(crate) wrapped: bool,
}

impl HistoryLine {
    /// Whether a terminal would wrap from this line to `next` by itself.
    ///
    /// The next one may have been changed after this one had left.
    pub(crate) fn runs_into(&self, next: &HistoryLine) -> bool {
        self.wrapped && !next.ansi.is_empty()
    }
}

impl History {
    pub(crate) fn new(limit: usize) -> History {
        History { lines: VecDeque::new(), limit, bytes: 0, scratch: Vec::new() }
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn push(&mut self, row: &Row<Cell>) {
        if self.limit == 0 {
            return;
        }
        let line = rows::history_line(row, &mut self.scratch);
        self.bytes += line.ansi.len();
        self.lines.push_back(line);
        while self.lines.len() > self.limit || self.bytes > self.limit * BYTES_PER_LINE {
            match self.lines.pop_front() {
                Some(oldest) => self.bytes -= oldest.ansi.len(),
                None => break,
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.lines = VecDeque::new();
        self.bytes = 0;
    }

    /// The newest `count` lines, oldest first.
    pub(crate) fn newest(&self, count: usize) -> impl Iterator<Item = &HistoryLine> + Clone {
        self.lines.iter().skip(self.lines.len().saturating_sub(count))
    }
}
