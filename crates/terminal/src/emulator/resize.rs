//! A new size for both screens.
//!
//! The main screen is reflowed: wrapped lines are joined and cut anew. What
//! leaves it at the top goes to the scrollback, and does not come back. The
//! alternate screen is cut or padded; its program redraws it.

use alacritty_terminal::grid::{Cursor, Dimensions, Grid};
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::Cell;

use super::repair::settle;
use super::{Emulator, History, dimensions};
use crate::Size;
use crate::redraw::rows::used_cells;

/// Rows that a reflow may push out at the top without losing them.
///
/// Every row can become as many as it has columns.
const REFLOW_ROWS: usize = 1_000_000;

impl Emulator {
    pub(crate) fn resize(&mut self, size: Size) {
        self.size = size;
        let (columns, rows) = dimensions(size);
        if (columns, rows) == (self.columns(), self.rows()) {
            return;
        }
        self.settle();
        resize_main(&mut self.main, columns, rows, &mut self.history);
        if let Some(grid) = &mut self.alternate {
            change_rows(grid, rows);
            grid.resize(false, rows, columns);
            tidy(grid);
            self.main.saved_cursor = self.main.cursor.clone();
        }
        self.state.tabs.resize(columns);
        self.state.region = 0..rows as i32;
        self.settle();
    }

    /// Forgets what only this emulator could know, see [`settle`].
    pub(crate) fn settle(&mut self) {
        settle(&mut self.main);
        if let Some(grid) = &mut self.alternate {
            settle(grid);
        }
    }
}

/// Without the blank rows at the bottom the screen is reflowed; then the new
/// one is cut out so that it shows the cursor, and else the last rows.
fn resize_main(grid: &mut Grid<Cell>, columns: usize, rows: usize, history: &mut History) {
    let saved_line = grid.saved_cursor.point.line;
    change_rows(grid, used_rows(grid));
    // The grid keeps for a moment what the reflow pushes out.
    grid.update_history(REFLOW_ROWS);
    grid.resize(true, grid.screen_lines(), columns);

    let above = grid.history_size();
    let past_rows = grid.total_lines().saturating_sub(rows);
    let top = past_rows.min(above + grid.cursor.point.line.0 as usize);
    let first = Line(top as i32 - above as i32);
    for line in grid.topmost_line().0..first.0 {
        history.push(&grid[Line(line)]);
    }
    grid.saved_cursor.point.line = saved_line;
    *grid = cut_out(grid, first, rows);
    tidy(grid);
}

/// Rows down to the cursor and to the last one that is not blank.
fn used_rows(grid: &Grid<Cell>) -> usize {
    let rows = grid.screen_lines() as i32;
    let last = (0..rows).rev().find(|&line| used_cells(&grid[Line(line)][..]) > 0).unwrap_or(0);
    last.max(grid.cursor.point.line.0) as usize + 1
}

/// Changes the number of rows only.
fn change_rows(grid: &mut Grid<Cell>, rows: usize) {
    if rows < grid.screen_lines() {
        grid.resize(false, rows, grid.columns());
    } else if rows > grid.screen_lines() {
        *grid = cut_out(grid, Line(0), rows);
    }
}

/// The part of a grid from `first` on as a grid without history.
///
/// Growing in place would allocate a thousand rows ahead, which is more than
/// all the rest of a session.
fn cut_out(grid: &mut Grid<Cell>, first: Line, rows: usize) -> Grid<Cell> {
    let mut part = Grid::new(rows, grid.columns(), 0);
    let available = grid.screen_lines() as i32 - first.0;
    for line in 0..available.min(rows as i32) {
        std::mem::swap(&mut part[Line(line)], &mut grid[first + line]);
    }
    part.cursor = std::mem::take(&mut grid.cursor);
    part.saved_cursor = std::mem::take(&mut grid.saved_cursor);
    part.cursor.point.line -= first;
    part.saved_cursor.point.line -= first;
    part
}

/// Frees rows that are left over, and puts both cursors on the screen.
fn tidy(grid: &mut Grid<Cell>) {
    grid.truncate();
    let (last_line, last_column) = (grid.bottommost_line(), grid.last_column());
    let put_on_screen = |cursor: &mut Cursor<Cell>| {
        cursor.point.line = cursor.point.line.clamp(Line(0), last_line);
        cursor.point.column = cursor.point.column.clamp(Column(0), last_column);
        cursor.input_needs_wrap &= cursor.point.column == last_column;
    };
    put_on_screen(&mut grid.cursor);
    put_on_screen(&mut grid.saved_cursor);
}
