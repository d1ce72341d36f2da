//! Moving the cursor, and saving it.

use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::TermMode;

use super::Emulator;

impl Emulator {
    /// Goes to a place counted from the origin.
    pub(super) fn go_to(&mut self, line: i32, column: usize) {
        let (first, last) = if self.mode(TermMode::ORIGIN) {
            (self.state.region.start, self.state.region.end - 1)
        } else {
            (0, self.rows() as i32 - 1)
        };
        self.place(line.saturating_add(first).min(last), column);
    }

    pub(super) fn go_home(&mut self) {
        self.go_to(0, 0);
    }

    pub(super) fn go_to_line(&mut self, line: i32) {
        self.go_to(line, self.grid().cursor.point.column.0);
    }

    pub(super) fn go_to_column(&mut self, column: usize) {
        self.place(self.grid().cursor.point.line.0, column);
    }

    /// Moves up, not out of the scroll region.
    pub(super) fn move_up(&mut self, count: usize) {
        let point = self.grid().cursor.point;
        let top = self.state.region.start;
        let first = if point.line.0 >= top { top } else { 0 };
        self.place((point.line.0 - count as i32).max(first), point.column.0);
    }

    /// Moves down, not out of the scroll region.
    pub(super) fn move_down(&mut self, count: usize) {
        let point = self.grid().cursor.point;
        let end = self.state.region.end;
        let last = if point.line.0 < end { end } else { self.rows() as i32 } - 1;
        self.place((point.line.0 + count as i32).min(last), point.column.0);
    }

    pub(super) fn move_forward(&mut self, count: usize) {
        self.go_to_column(self.grid().cursor.point.column.0 + count);
    }

    pub(super) fn move_backward(&mut self, count: usize) {
        self.go_to_column(self.grid().cursor.point.column.saturating_sub(count));
    }

    /// Unlike other moves, a tabulator leaves a pending wrap pending.
    pub(super) fn tab_forward(&mut self, count: usize) {
        for _ in 0..count.min(self.columns()) {
            let column = self.state.tabs.after(self.grid().cursor.point.column.0);
            self.grid_mut().cursor.point.column = Column(column);
        }
    }

    pub(super) fn tab_backward(&mut self, count: usize) {
        for _ in 0..count.min(self.columns()) {
            let column = self.state.tabs.before(self.grid().cursor.point.column.0);
            self.go_to_column(column);
        }
    }

    pub(super) fn backspace(&mut self) {
        if self.grid().cursor.point.column > Column(0) {
            self.move_backward(1);
        }
    }

    pub(super) fn carriage_return(&mut self) {
        self.go_to_column(0);
    }

    /// Moves down, scrolling at the end of the region; the column stays.
    pub(super) fn line_feed(&mut self) {
        let next = self.grid().cursor.point.line + 1;
        if next == self.state.region.end {
            self.scroll_up(1);
        } else if next < self.rows() {
            self.grid_mut().cursor.point.line = next;
        }
    }

    /// LF, VT and FF, which return to the first column in newline mode.
    pub(super) fn new_line(&mut self) {
        self.line_feed();
        if self.mode(TermMode::LINE_FEED_NEW_LINE) {
            self.carriage_return();
        }
    }

    /// RI: moves up, scrolling at the start of the region.
    pub(super) fn reverse_index(&mut self) {
        let line = self.grid().cursor.point.line;
        if line == self.state.region.start {
            self.scroll_down(1);
        } else {
            self.grid_mut().cursor.point.line = Line((line.0 - 1).max(0));
        }
    }

    pub(super) fn save_cursor(&mut self) {
        let grid = self.grid_mut();
        grid.saved_cursor = grid.cursor.clone();
    }

    pub(super) fn restore_cursor(&mut self) {
        let grid = self.grid_mut();
        grid.cursor = grid.saved_cursor.clone();
        self.enter_region();
    }

    /// In origin mode the cursor is always inside the region.
    pub(super) fn enter_region(&mut self) {
        if self.mode(TermMode::ORIGIN) {
            let region = self.state.region.clone();
            let line = &mut self.grid_mut().cursor.point.line.0;
            *line = (*line).clamp(region.start, region.end - 1);
        }
    }

    /// DECSTBM; a region of less than two rows is refused.
    pub(super) fn set_region(&mut self, top: usize, bottom: Option<usize>) {
        let rows = self.rows();
        let bottom = bottom.unwrap_or(rows).min(rows);
        if top < bottom {
            self.state.region = top as i32 - 1..bottom as i32;
            self.go_home();
        }
    }

    fn place(&mut self, line: i32, column: usize) {
        let (line, column) =
            (line.clamp(0, self.rows() as i32 - 1), column.min(self.columns() - 1));
        let cursor = &mut self.grid_mut().cursor;
        cursor.point.line = Line(line);
        cursor.point.column = Column(column);
        cursor.input_needs_wrap = false;
    }
}
