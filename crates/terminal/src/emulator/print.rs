//! Putting characters on the screen.

use alacritty_terminal::grid::{Dimensions, Grid};
use alacritty_terminal::index::{Column, Line, Point};
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::vte::ansi::{CharsetIndex, StandardCharset};
use unicode_width::UnicodeWidthChar;

use super::Emulator;

/// Combining characters that a cell holds; more are dropped, since a stream
/// of nothing else would grow one cell forever.
const MAX_COMBINING: usize = 16;

impl Emulator {
    /// Prints a run of bytes from 0x20 to 0x7e: most of any output.
    pub(crate) fn print_ascii(&mut self, mut text: &[u8]) {
        let Some(&last) = text.last() else { return };
        self.state.last_char = Some(char::from(last));
        if self.mode(TermMode::INSERT) || self.charset() != StandardCharset::Ascii {
            for &byte in text {
                self.put(char::from(byte), 1);
            }
            return;
        }
        while !text.is_empty() {
            if self.grid().cursor.input_needs_wrap {
                if self.mode(TermMode::LINE_WRAP) {
                    self.wrap();
                } else {
                    text = &text[text.len() - 1..];
                }
            }
            let taken = fill(self.grid_mut(), text);
            text = &text[taken..];
        }
    }

    pub(crate) fn print(&mut self, c: char) {
        match c.width() {
            None => return,
            Some(0) => combine(self.grid_mut(), c),
            Some(width) => {
                if !self.put(c, width.min(2)) {
                    return;
                }
            }
        }
        self.state.last_char = Some(c);
    }

    /// REP. More repetitions than the screen has cells change nothing more.
    pub(super) fn repeat(&mut self, count: usize) {
        if let Some(c) = self.state.last_char {
            for _ in 0..count.min(self.columns() * self.rows()) {
                self.print(c);
            }
        }
    }

    /// Whether there was room for the character.
    fn put(&mut self, c: char, width: usize) -> bool {
        let wraps = self.mode(TermMode::LINE_WRAP);
        if self.grid().cursor.input_needs_wrap && wraps {
            self.wrap();
        }
        if width == 2 && self.grid().cursor.point.column + 1 >= self.columns() {
            if !wraps {
                self.grid_mut().cursor.input_needs_wrap = true;
                return false;
            }
            self.write(' ', Flags::LEADING_WIDE_CHAR_SPACER);
            self.wrap();
        }
        if self.mode(TermMode::INSERT) {
            self.insert_blanks(width);
        }
        if width == 2 {
            self.write(c, Flags::WIDE_CHAR);
            self.grid_mut().cursor.point.column += 1;
            self.write(' ', Flags::WIDE_CHAR_SPACER);
        } else {
            self.write(c, Flags::empty());
        }
        advance(self.grid_mut(), 1);
        true
    }

    /// Continues at the start of the next row.
    fn wrap(&mut self) {
        self.grid_mut().cursor_cell().flags.insert(Flags::WRAPLINE);
        self.line_feed();
        let cursor = &mut self.grid_mut().cursor;
        cursor.point.column = Column(0);
        cursor.input_needs_wrap = false;
    }

    fn write(&mut self, c: char, flags: Flags) {
        let c = self.charset().map(c);
        let grid = self.grid_mut();
        let Point { line, column } = grid.cursor.point;
        part_wide(grid, line, column.0);
        let template = grid.cursor.template.clone();
        let flags = flags | template.flags;
        grid[line][column] = Cell { c, flags, ..template };
    }

    fn charset(&self) -> StandardCharset {
        let index = if self.state.shifted { CharsetIndex::G1 } else { CharsetIndex::G0 };
        self.grid().cursor.charsets[index]
    }
}

/// Writes as much text as fits into the row.
fn fill(grid: &mut Grid<Cell>, text: &[u8]) -> usize {
    let Point { line, column } = grid.cursor.point;
    let count = text.len().min(grid.columns() - column.0);
    part_wide(grid, line, column.0);
    part_wide(grid, line, column.0 + count - 1);
    let template = grid.cursor.template.clone();
    let cells = &mut grid[line][column..column + count];
    if template.extra.is_none() {
        for (cell, &byte) in cells.iter_mut().zip(text) {
            cell.c = char::from(byte);
            cell.fg = template.fg;
            cell.bg = template.bg;
            cell.flags = template.flags;
            // Assigning `None` to nothing would still check what to drop.
            if cell.extra.is_some() {
                cell.extra = None;
            }
        }
    } else {
        for (cell, &byte) in cells.iter_mut().zip(text) {
            *cell = Cell { c: char::from(byte), ..template.clone() };
        }
    }
    advance(grid, count);
    count
}

fn advance(grid: &mut Grid<Cell>, count: usize) {
    let last = grid.last_column();
    let cursor = &mut grid.cursor;
    let column = cursor.point.column + count;
    cursor.input_needs_wrap = column > last;
    cursor.point.column = column.min(last);
}

/// Adds a combining character to the one before the cursor.
fn combine(grid: &mut Grid<Cell>, c: char) {
    let Point { line, mut column } = grid.cursor.point;
    if !grid.cursor.input_needs_wrap {
        column.0 = column.saturating_sub(1);
    }
    if grid[line][column].flags.contains(Flags::WIDE_CHAR_SPACER) {
        column.0 = column.saturating_sub(1);
    }
    let cell = &mut grid[line][column];
    if cell.zerowidth().is_none_or(|chars| chars.len() < MAX_COMBINING) {
        cell.push_zerowidth(c);
    }
}

/// Blanks the other half of a wide character that is about to lose one.
fn part_wide(grid: &mut Grid<Cell>, line: Line, column: usize) {
    let flags = grid[line][Column(column)].flags;
    if flags.contains(Flags::WIDE_CHAR_SPACER) && column > 0 {
        grid[line][Column(column - 1)].clear_wide();
    } else if flags.contains(Flags::WIDE_CHAR) && column + 1 < grid.columns() {
        grid[line][Column(column + 1)].flags.remove(Flags::WIDE_CHAR_SPACER);
    }
}
