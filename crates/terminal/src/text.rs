//! What a screen shows, as lines of text.

use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::Line;

use crate::Screen;
use crate::lexer::{ESC, Lexer};
use crate::redraw::rows::{is_wrapped, used_cells, write_cells};

impl Screen {
    /// The rows as plain text, after the scrollback if `history`.
    ///
    /// Blanks at the end of rows are left out, and empty rows at the end.
    pub fn text(&self, history: bool) -> String {
        join(self.rows(history).into_iter().map(|(row, _)| trimmed(&row)))
    }

    /// The same rows, those that were wrapped as the one line that they are.
    pub fn unwrapped(&self, history: bool) -> String {
        let (mut lines, mut line) = (Vec::new(), Vec::new());
        for (row, wrapped) in self.rows(history) {
            line.extend_from_slice(&row);
            if !wrapped {
                lines.push(trimmed(&line));
                line.clear();
            }
        }
        lines.push(trimmed(&line));
        join(lines.into_iter())
    }

    /// The same rows with their colours and attributes, which end with each.
    pub fn ansi(&self, history: bool) -> String {
        let rows = self.rows(history).into_iter();
        join(rows.map(|(row, _)| String::from_utf8_lossy(&row).into_owned()))
    }

    /// Each row, and whether the next one continues it.
    fn rows(&self, history: bool) -> Vec<(Vec<u8>, bool)> {
        let count = if history { usize::MAX } else { 0 };
        let newest = self.emulator.history.newest(count);
        let past = newest.map(|line| (line.ansi.to_vec(), line.wrapped));
        let grid = self.emulator.grid();
        let shown = (0..grid.screen_lines()).map(|line| {
            let cells = &grid[Line(line as i32)][..];
            let mut row = Vec::new();
            write_cells(&mut row, &cells[..used_cells(cells)]);
            (row, is_wrapped(cells))
        });
        past.chain(shown).collect()
    }
}

/// One line each, without the empty ones at the end.
fn join(rows: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    let mut length = 0;
    for row in rows {
        text.push_str(&row);
        if !row.is_empty() {
            length = text.len();
        }
        text.push('\n');
    }
    text.truncate(length);
    if length > 0 {
        text.push('\n');
    }
    text
}

fn trimmed(row: &[u8]) -> String {
    let mut text = plain_text(row);
    text.truncate(text.trim_end_matches(' ').len());
    text
}

/// Output as text, without its control sequences.
pub fn plain_text(bytes: &[u8]) -> String {
    let mut lexer = Lexer::default();
    let mut text = Vec::with_capacity(bytes.len());
    for &byte in bytes {
        if byte == ESC || lexer.in_sequence() {
            lexer.step(byte);
        } else {
            text.push(byte);
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}
