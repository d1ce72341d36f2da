//! Draws on a terminal, knowing what it has been told so far.

use alacritty_terminal::grid::{Cursor, Dimensions, Grid};
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::vte::ansi::{CharsetIndex, StandardCharset};
use unicode_width::UnicodeWidthChar;

use super::Pen;
use super::rows::is_blank;

const CHARSETS: [(CharsetIndex, u8); 4] = [
    (CharsetIndex::G0, b'('),
    (CharsetIndex::G1, b')'),
    (CharsetIndex::G2, b'*'),
    (CharsetIndex::G3, b'+'),
];

#[derive(Default)]
pub(super) struct Painter {
    pub(super) out: Vec<u8>,
    pen: Pen,
    /// What REP would repeat there.
    last_char: Option<char>,
}

impl Painter {
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn go_to(&mut self, line: i32, column: usize) {
        self.raw(format!("\x1b[{};{}H", line + 1, column + 1).as_bytes());
    }

    /// Clears the screen with plain attributes, and goes home.
    ///
    /// Not by ED 2: some terminals would push the screen to the scrollback.
    pub(super) fn clear(&mut self) {
        self.pen.drop(&mut self.out);
        self.raw(b"\x1b[H\x1b[J");
    }

    pub(super) fn pen(&mut self, cell: &Cell) {
        self.pen.take(&mut self.out, cell);
    }

    pub(super) fn character(&mut self, c: char) {
        self.raw(c.encode_utf8(&mut [0; 4]).as_bytes());
        self.last_char = Some(c);
    }

    /// Prints a cell; one that only belongs to its neighbour prints nothing.
    pub(super) fn cell(&mut self, cell: &Cell) {
        if cell.flags.intersects(Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER) {
            return;
        }
        self.pen(cell);
        self.character(cell.c);
        for &c in cell.zerowidth().into_iter().flatten() {
            self.character(c);
        }
    }

    /// Places the cursor, counted from `origin`, and all that belongs to it.
    ///
    /// A wrap is pending only where a character was just printed, so the last
    /// one of the row is printed again.
    pub(super) fn cursor(&mut self, grid: &Grid<Cell>, origin: i32) {
        let point = grid.cursor.point;
        let row = &grid[point.line];
        let wide = row[point.column].flags.contains(Flags::WIDE_CHAR_SPACER);
        let again = grid.cursor.input_needs_wrap;
        let column = point.column - usize::from(again && wide);
        self.go_to(point.line.0 - origin, column.0);
        if again {
            self.cell(&row[column]);
        }
        self.template(&grid.cursor);
    }

    /// Attributes and character sets of a cursor.
    pub(super) fn template(&mut self, cursor: &Cursor<Cell>) {
        self.pen(&cursor.template);
        for (index, place) in CHARSETS {
            if cursor.charsets[index] == StandardCharset::SpecialCharacterAndLineDrawing {
                self.raw(&[0x1b, place, b'0']);
            }
        }
    }

    /// Undoes the character sets of a template.
    pub(super) fn plain_charsets(&mut self) {
        for (_, place) in CHARSETS {
            self.raw(&[0x1b, place, b'B']);
        }
    }

    /// Makes `wanted` the character that was printed last.
    ///
    /// It is printed over itself, or on a blank that is then blanked again.
    pub(super) fn repeatable(&mut self, grid: &Grid<Cell>, wanted: Option<char>) {
        let Some(wanted) = wanted else { return };
        if self.last_char == Some(wanted) || grid.cursor.input_needs_wrap {
            return;
        }
        let width = wanted.width().unwrap_or(0);
        if let Some((line, column)) = find_blank(grid, width.max(1)) {
            self.go_to(line, column);
            self.pen(&grid[Line(line)][Column(column)]);
            if width == 0 {
                self.character(' ');
            }
            self.character(wanted);
            self.go_to(line, column);
            self.raw(format!("\x1b[{}X", width.max(1)).as_bytes());
        } else if let Some((line, column)) = find_same(grid, wanted) {
            self.go_to(line, column);
            self.cell(&grid[Line(line)][Column(column)]);
        }
    }
}

/// Neighbouring blanks of one look, not in the last column.
fn find_blank(grid: &Grid<Cell>, width: usize) -> Option<(i32, usize)> {
    find(grid, |cells, column| {
        let blanks = &cells[column..cells.len().min(column + width)];
        let alike = blanks.iter().all(|cell| is_blank(cell) && cell.bg == blanks[0].bg);
        alike && column + width < cells.len()
    })
}

fn find_same(grid: &Grid<Cell>, wanted: char) -> Option<(i32, usize)> {
    let drawn = StandardCharset::SpecialCharacterAndLineDrawing.map(wanted);
    find(grid, |cells, column| {
        let cell = &cells[column];
        let width = 1 + usize::from(cell.flags.contains(Flags::WIDE_CHAR));
        let alone = cell.zerowidth().is_none_or(<[char]>::is_empty);
        (cell.c == wanted || cell.c == drawn) && alone && column + width < cells.len()
    })
}

fn find(grid: &Grid<Cell>, fits: impl Fn(&[Cell], usize) -> bool) -> Option<(i32, usize)> {
    // From the cursor's row on: it is the likeliest to hold it.
    let (rows, first) = (grid.screen_lines() as i32, grid.cursor.point.line.0);
    (first..rows).chain(0..first).find_map(|line| {
        let cells = &grid[Line(line)][..];
        (0..cells.len()).find(|&column| fits(cells, column)).map(|column| (line, column))
    })
}
