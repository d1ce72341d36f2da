//! What a screen shows, as lines of text.

use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::Line;

use crate::Screen;
use crate::lexer::{ESC, Lexer};
use crate::redraw::rows::{used_cells, write_cells};

impl Screen {
    /// The rows as plain text, after the scrollback if `history`.
    ///
    /// Blanks at the end of rows are left out, and empty rows at the end.
    pub fn text(&self, history: bool) -> String {
        join(self.rows(history).into_iter().map(|row| {
            let mut text = without_sequences(&row);
            text.truncate(text.trim_end_matches(' ').len());
            text
        }))
    }

    /// The same rows with their colours and attributes, which end with each.
    pub fn ansi(&self, history: bool) -> String {
        join(self.rows(history).into_iter().map(|row| String::from_utf8_lossy(&row).into_owned()))
    }

    fn rows(&self, history: bool) -> Vec<Vec<u8>> {
        let count = if history { usize::MAX } else { 0 };
        let past = self.emulator.history.newest(count).map(|line| line.ansi.to_vec());
        let grid = self.emulator.grid();
        let shown = (0..grid.screen_lines()).map(|line| {
            let cells = &grid[Line(line as i32)][..];
            let mut row = Vec::new();
            write_cells(&mut row, &cells[..used_cells(cells)]);
            row
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

fn without_sequences(bytes: &[u8]) -> String {
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
