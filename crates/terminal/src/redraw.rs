//! The bytes that show a screen on another terminal.
//!
//! Order matters: colours and titles first; the scrollback, so that it leaves
//! at the top; the main screen with its cursor; the alternate screen over it;
//! then everything that would disturb drawing: tab stops, scroll region,
//! modes; the cursor last. Modes are put back to their defaults before all
//! that, so the other terminal may be in any state.
//!
//! Not repeated: an exact copy of what REP would repeat, in the rare case
//! that this character is nowhere on a screen without a single blank.

mod modes;
mod painter;
mod pen;
pub(crate) mod rows;

use alacritty_terminal::grid::{Cursor, Dimensions, Grid};
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::Cell;

pub(crate) use pen::{Pen, same_attributes, sgr_numbers};

use crate::Screen;
use crate::emulator::{Emulator, History};
use modes::{BEGIN_UPDATE, END_UPDATE, RESET};
use painter::Painter;

impl Screen {
    /// The bytes that bring a terminal of the same size into this state,
    /// with the newest `history_lines` of the scrollback above it.
    ///
    /// The terminal is best freshly reset, but need not be: only its title,
    /// colours and tab stops are taken for the default ones.
    ///
    /// Settles marks of wrapped lines that no terminal could be told about,
    /// so that both go on from exactly the same state.
    pub fn redraw(&mut self, history_lines: usize) -> Vec<u8> {
        self.emulator.settle();
        draw(&self.emulator, history_lines)
    }

    /// The bytes that leave a terminal sane after a session was shown on it:
    /// main screen, no mouse or paste or keyboard modes, plain attributes.
    pub fn modes_reset() -> &'static [u8] {
        RESET
    }
}

fn draw(emulator: &Emulator, history_lines: usize) -> Vec<u8> {
    let mut painter = Painter::default();
    painter.raw(RESET);
    painter.raw(BEGIN_UPDATE);
    modes::titles(&mut painter.out, &emulator.state.titles);
    modes::colors(&mut painter.out, &emulator.state.colors);
    modes::tabs(&mut painter.out, &emulator.state.tabs);
    scrollback(&mut painter, &emulator.history, history_lines, &emulator.main);
    modes::keyboard(&mut painter.out, &emulator.state.main_keyboard);

    screen(&mut painter, &emulator.main);
    if let Some(alternate) = &emulator.alternate {
        painter.cursor(&emulator.main, 0);
        painter.raw(b"\x1b[?1049h");
        painter.plain_charsets();
        modes::keyboard(&mut painter.out, &emulator.state.alternate_keyboard);
        screen(&mut painter, alternate);
    }

    let grid = emulator.grid();
    painter.repeatable(grid, emulator.state.last_char);
    modes::region(&mut painter.out, &emulator.state.region, grid.screen_lines());
    let origin = if emulator.mode(TermMode::ORIGIN) {
        painter.raw(b"\x1b[?6h");
        emulator.state.region.start
    } else {
        0
    };
    painter.cursor(grid, origin);
    modes::switches(&mut painter.out, &emulator.state);
    if !emulator.state.synchronized {
        painter.raw(END_UPDATE);
    }
    painter.out
}

/// One screen with its saved cursor, from a state with plain attributes.
fn screen(painter: &mut Painter, grid: &Grid<Cell>) {
    saved_cursor(painter, &grid.saved_cursor, grid.columns());
    painter.clear();
    rows::draw(painter, grid);
}

fn saved_cursor(painter: &mut Painter, cursor: &Cursor<Cell>, columns: usize) {
    painter.go_to(cursor.point.line.0, cursor.point.column.0);
    if cursor.input_needs_wrap {
        debug_assert_eq!(cursor.point.column.0 + 1, columns);
        painter.character(' ');
    }
    painter.template(cursor);
    painter.raw(b"\x1b7");
    painter.plain_charsets();
}

/// Prints the lines, and pushes them out of the screen at the top.
fn scrollback(painter: &mut Painter, history: &History, count: usize, grid: &Grid<Cell>) {
    let mut lines = history.newest(count).peekable();
    if lines.peek().is_none() {
        return;
    }
    painter.clear();
    let mut rows = 0;
    while let Some(line) = lines.next() {
        painter.raw(&line.ansi);
        rows += usize::from(line.columns).div_ceil(grid.columns()).max(1);
        let joined = lines.peek().is_some_and(|next| line.runs_into(next));
        // Wrapped by a plain blank: the row that scrolls in is filled with the
        // background of what wraps.
        painter.raw(if joined { b" \r" } else { b"\r\n" });
    }
    let bottom = grid.screen_lines() - 1;
    painter.go_to(bottom as i32, 0);
    for _ in 0..rows.min(bottom) {
        painter.raw(b"\n");
    }
}
