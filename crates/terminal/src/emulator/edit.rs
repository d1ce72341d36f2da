//! Erasing, inserting, deleting, scrolling.

use std::ops::Range;

use alacritty_terminal::grid::GridCell;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::Cell;

use super::Emulator;
use super::repair::repair_row;

impl Emulator {
    /// ICH
    pub(super) fn insert_blanks(&mut self, count: usize) {
        self.edit_row(|cells, column, blank| {
            let end = column + count.min(cells.len() - column);
            cells[column..].rotate_right(end - column);
            cells[column..end].fill(blank);
        });
    }

    /// DCH
    pub(super) fn delete_chars(&mut self, count: usize) {
        self.edit_row(|cells, column, blank| {
            let count = count.min(cells.len() - column);
            cells[column..].rotate_left(count);
            let end = cells.len() - count;
            cells[end..].fill(blank);
        });
    }

    /// ECH
    pub(super) fn erase_chars(&mut self, count: usize) {
        self.edit_row(|cells, column, blank| {
            let end = column + count.min(cells.len() - column);
            cells[column..end].fill(blank);
        });
    }

    /// EL
    pub(super) fn erase_in_line(&mut self, which: usize) {
        // After the last column was written, there is nothing right of it.
        let at_end = self.grid().cursor.input_needs_wrap;
        self.edit_row(|cells, column, blank| match which {
            0 if at_end => {}
            0 => cells[column..].fill(blank),
            1 => cells[..=column].fill(blank),
            2 => cells.fill(blank),
            _ => {}
        });
    }

    /// ED
    pub(super) fn erase_in_display(&mut self, which: usize) {
        let line = self.grid().cursor.point.line;
        match which {
            0 => {
                self.edit_row(|cells, column, blank| cells[column..].fill(blank));
                if line + 1 < self.rows() {
                    self.grid_mut().reset_region(line + 1..);
                }
            }
            1 => {
                self.edit_row(|cells, column, blank| cells[..=column].fill(blank));
                self.grid_mut().reset_region(..line);
            }
            2 => {
                let used = (0..self.rows()).rev().find(|&line| {
                    !self.main[Line(line as i32)].into_iter().all(GridCell::is_empty)
                });
                self.remember(used.map_or(0, |line| line + 1));
                self.grid_mut().reset_region(..);
            }
            3 => self.history.clear(),
            _ => {}
        }
    }

    /// DECALN: a screen full of E.
    pub(super) fn align(&mut self) {
        let rows = self.rows();
        for line in 0..rows {
            let row = &mut self.grid_mut()[Line(line as i32)];
            row[..].fill(Cell { c: 'E', ..Cell::default() });
        }
        self.state.region = 0..rows as i32;
        self.go_home();
    }

    /// DECCOLM: clears the screen; the size is not the program's to choose.
    pub(super) fn change_columns(&mut self) {
        self.state.region = 0..self.rows() as i32;
        self.go_home();
        self.grid_mut().reset_region(..);
    }

    /// SU, and the line feed in the last row.
    pub(super) fn scroll_up(&mut self, count: usize) {
        let region = self.state.region.clone();
        let count = count.min(region.len());
        if region.start == 0 {
            self.remember(count);
        }
        self.grid_mut().scroll_up(&lines(&region), count);
    }

    /// SD, and the reverse index in the first row.
    pub(super) fn scroll_down(&mut self, count: usize) {
        let region = self.state.region.clone();
        self.grid_mut().scroll_down(&lines(&region), count.min(region.len()));
    }

    /// IL
    pub(super) fn insert_lines(&mut self, count: usize) {
        if let Some(region) = self.region_below() {
            self.grid_mut().scroll_down(&lines(&region), count.min(region.len()));
        }
    }

    /// DL
    pub(super) fn delete_lines(&mut self, count: usize) {
        if let Some(region) = self.region_below() {
            self.grid_mut().scroll_up(&lines(&region), count.min(region.len()));
        }
    }

    /// The part of the scroll region from the cursor on.
    fn region_below(&self) -> Option<Range<i32>> {
        let line = self.grid().cursor.point.line.0;
        self.state.region.contains(&line).then_some(line..self.state.region.end)
    }

    /// Changes the cells of the cursor's row, given its column and a blank
    /// in the current background.
    fn edit_row(&mut self, edit: impl FnOnce(&mut [Cell], usize, Cell)) {
        let grid = self.grid_mut();
        let (point, background) = (grid.cursor.point, grid.cursor.template.bg);
        let Column(column) = point.column;
        let cells = &mut grid[point.line][..];
        edit(cells, column, background.into());
        repair_row(cells);
    }
}

fn lines(region: &Range<i32>) -> Range<Line> {
    Line(region.start)..Line(region.end)
}
