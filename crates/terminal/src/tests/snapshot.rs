//! All state of a screen that anybody could ever notice.

use alacritty_terminal::grid::{Cursor, Dimensions, Grid};
use alacritty_terminal::index::Line;
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::vte::ansi::Color;

use crate::Screen;
use crate::emulator::State;

#[derive(Debug, PartialEq)]
pub(super) struct Snapshot {
    state: State,
    main: GridSnapshot,
    alternate: Option<GridSnapshot>,
}

#[derive(Debug, PartialEq)]
struct GridSnapshot {
    rows: Vec<Vec<CellSnapshot>>,
    cursor: CursorSnapshot,
    saved_cursor: CursorSnapshot,
}

#[derive(Debug, PartialEq)]
struct CellSnapshot {
    text: String,
    fg: Color,
    bg: Color,
    flags: Flags,
    underline: Option<Color>,
    link: Option<(String, String)>,
}

#[derive(Debug, PartialEq)]
struct CursorSnapshot {
    line: i32,
    column: usize,
    pending_wrap: bool,
    template: CellSnapshot,
    charsets: String,
}

impl Snapshot {
    /// All but what REP would repeat, which has its own test.
    pub(super) fn of(screen: &Screen) -> Snapshot {
        let emulator = &screen.emulator;
        Snapshot {
            state: State { last_char: None, ..emulator.state.clone() },
            main: GridSnapshot::of(&emulator.main),
            alternate: emulator.alternate.as_ref().map(GridSnapshot::of),
        }
    }
}

impl GridSnapshot {
    fn of(grid: &Grid<Cell>) -> GridSnapshot {
        let rows = (0..grid.screen_lines() as i32)
            .map(|line| grid[Line(line)].into_iter().map(CellSnapshot::of).collect())
            .collect();
        GridSnapshot {
            rows,
            cursor: CursorSnapshot::of(&grid.cursor),
            saved_cursor: CursorSnapshot::of(&grid.saved_cursor),
        }
    }
}

impl CursorSnapshot {
    fn of(cursor: &Cursor<Cell>) -> CursorSnapshot {
        CursorSnapshot {
            line: cursor.point.line.0,
            column: cursor.point.column.0,
            pending_wrap: cursor.input_needs_wrap,
            template: CellSnapshot::of(&cursor.template),
            charsets: format!("{:?}", cursor.charsets),
        }
    }
}

impl CellSnapshot {
    fn of(cell: &Cell) -> CellSnapshot {
        let combining = cell.zerowidth().into_iter().flatten();
        CellSnapshot {
            text: std::iter::once(&cell.c).chain(combining).collect(),
            fg: cell.fg,
            bg: cell.bg,
            flags: cell.flags,
            underline: cell.underline_color(),
            link: cell.hyperlink().map(|link| (link.id().to_owned(), link.uri().to_owned())),
        }
    }
}

/// Fails with the first part that differs.
#[track_caller]
pub(super) fn assert_same(left: &Screen, right: &Screen, context: &str) {
    let (left, right) = (Snapshot::of(left), Snapshot::of(right));
    assert_eq!(left.state, right.state, "{context}: state");
    assert_eq!(left.alternate.is_some(), right.alternate.is_some(), "{context}: screen");
    same_grid(&left.main, &right.main, &format!("{context}: main"));
    if let (Some(left), Some(right)) = (&left.alternate, &right.alternate) {
        same_grid(left, right, &format!("{context}: alternate"));
    }
}

#[track_caller]
fn same_grid(left: &GridSnapshot, right: &GridSnapshot, context: &str) {
    assert_eq!(left.rows.len(), right.rows.len(), "{context}: rows");
    for (line, (left, right)) in left.rows.iter().zip(&right.rows).enumerate() {
        for (column, (left, right)) in left.iter().zip(right).enumerate() {
            assert_eq!(left, right, "{context}: cell {line},{column}");
        }
        assert_eq!(left.len(), right.len(), "{context}: columns");
    }
    assert_eq!(left.cursor, right.cursor, "{context}: cursor");
    assert_eq!(left.saved_cursor, right.saved_cursor, "{context}: saved cursor");
}
