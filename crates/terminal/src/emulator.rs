//! The terminal that a session's program talks to.
//!
//! Owns the two screens (the alternate one exists only while it is shown),
//! all state beside them, the scrollback and the answers that are due. Each
//! submodule adds one kind of operation; `escape` maps parsed sequences to
//! them.
//!
//! Invariants, kept by every operation: both cursors lie on the screen, and
//! inside the scroll region while origin mode is on; a wrap is pending only in
//! the last column; the halves of a wide character stand side by side; while
//! the alternate screen is shown, the cursor saved on the main one is its
//! cursor.

mod answer;
mod csi;
mod cursor;
mod edit;
mod escape;
mod history;
mod keyboard;
mod modes;
mod osc;
mod print;
mod repair;
mod resize;
mod sgr;
mod state;
mod tabs;
mod titles;

use alacritty_terminal::grid::{Dimensions, Grid};
use alacritty_terminal::index::Line;
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::Cell;

pub(crate) use answer::{Request, style_number};
pub(crate) use history::{History, HistoryLine};
pub(crate) use keyboard::Keyboard;
pub(crate) use modes::FLAGS;
pub(crate) use state::State;
pub(crate) use tabs::TabStops;
pub(crate) use titles::Titles;

use crate::Size;

/// A wide character needs two columns.
const MIN_COLUMNS: usize = 2;

pub(crate) struct Emulator {
    pub(crate) size: Size,
    pub(crate) main: Grid<Cell>,
    /// `Some` while the alternate screen is shown.
    pub(crate) alternate: Option<Grid<Cell>>,
    pub(crate) state: State,
    pub(crate) history: History,
    pub(crate) answers: Vec<u8>,
    pub(crate) request: Option<Request>,
    /// Set while the parser is made to drop what it has collected.
    pub(crate) discarding: bool,
}

impl Emulator {
    pub(crate) fn new(size: Size, history: usize) -> Emulator {
        let (columns, rows) = dimensions(size);
        Emulator {
            size,
            main: Grid::new(rows, columns, 0),
            alternate: None,
            state: State::new(columns, rows),
            history: History::new(history),
            answers: Vec::new(),
            request: None,
            discarding: false,
        }
    }

    /// The screen that is shown.
    pub(crate) fn grid(&self) -> &Grid<Cell> {
        self.alternate.as_ref().unwrap_or(&self.main)
    }

    pub(crate) fn grid_mut(&mut self) -> &mut Grid<Cell> {
        self.alternate.as_mut().unwrap_or(&mut self.main)
    }

    pub(crate) fn on_alternate(&self) -> bool {
        self.alternate.is_some()
    }

    pub(crate) fn mode(&self, mode: TermMode) -> bool {
        self.state.modes.contains(mode)
    }

    /// Whether a line that leaves at the top makes room for one at the bottom,
    /// on all of the main screen.
    pub(crate) fn rolls(&self) -> bool {
        !self.on_alternate() && self.state.region == (0..self.rows() as i32)
    }

    /// Lines that the scrollback holds at most.
    pub(crate) fn scrollback(&self) -> usize {
        self.history.limit()
    }

    fn columns(&self) -> usize {
        self.main.columns()
    }

    fn rows(&self) -> usize {
        self.main.screen_lines()
    }

    /// Shows a cleared alternate screen, with the cursor where it is.
    fn enter_alternate(&mut self) {
        if self.on_alternate() {
            return;
        }
        let mut grid = Grid::new(self.rows(), self.columns(), 0);
        grid.cursor = self.main.cursor.clone();
        grid.reset_region(..);
        self.main.saved_cursor = self.main.cursor.clone();
        self.alternate = Some(grid);
    }

    /// Shows the main screen again; what was on the alternate one is gone.
    fn leave_alternate(&mut self) {
        if self.alternate.take().is_some() {
            self.state.alternate_keyboard.clear();
            self.enter_region();
        }
    }

    /// RIS: as freshly started, but for the answers that are due.
    fn reset(&mut self) {
        let fresh = State::new(self.columns(), self.rows());
        self.alternate = None;
        self.state = fresh;
        self.main.reset();
        self.history.clear();
    }

    /// DECSTR: modes as freshly started; the content and the cursor stay.
    fn soft_reset(&mut self) {
        let kept = TermMode::MOUSE_MODE
            | TermMode::SGR_MOUSE
            | TermMode::UTF8_MOUSE
            | TermMode::FOCUS_IN_OUT
            | TermMode::BRACKETED_PASTE;
        self.state.modes = (self.state.modes & kept) | State::default_modes();
        self.state.region = 0..self.rows() as i32;
        self.state.shifted = false;
        let grid = self.grid_mut();
        grid.cursor.template = Cell::default();
        grid.cursor.charsets = Default::default();
        grid.saved_cursor = Default::default();
    }

    /// Puts the rows from `0` up to `end` into the scrollback.
    fn remember(&mut self, end: usize) {
        if self.alternate.is_none() {
            for line in 0..end.min(self.rows()) {
                self.history.push(&self.main[Line(line as i32)]);
            }
        }
    }
}

/// Columns and rows of the grid for a terminal of `size`.
fn dimensions(size: Size) -> (usize, usize) {
    (usize::from(size.cols()).max(MIN_COLUMNS), usize::from(size.rows()))
}
