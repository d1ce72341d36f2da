//! Keeping the flags of cells true.
//!
//! Operations that move or blank single cells can leave one half of a wide
//! character, or the mark of a wrapped line in the middle of it. A terminal
//! shows no half characters, and an overwritten half would blank a neighbour
//! that it has nothing to do with.

use alacritty_terminal::grid::{Dimensions, Grid};
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::{Cell, Flags};

use crate::redraw::same_attributes;

/// Blanks half characters and removes marks that belong in the last column.
pub(super) fn repair_row(cells: &mut [Cell]) {
    let last = cells.len() - 1;
    let line_end = Flags::WRAPLINE | Flags::LEADING_WIDE_CHAR_SPACER;
    let special = line_end | Flags::WIDE_CHAR | Flags::WIDE_CHAR_SPACER;
    for column in 0..cells.len() {
        let flags = cells[column].flags;
        if !flags.intersects(special) {
            continue;
        }
        if column != last {
            cells[column].flags.remove(line_end);
        }
        let follows_wide = column > 0 && cells[column - 1].flags.contains(Flags::WIDE_CHAR);
        if flags.contains(Flags::WIDE_CHAR_SPACER) && !follows_wide {
            cells[column].flags.remove(Flags::WIDE_CHAR_SPACER);
        }
        let has_spacer =
            column != last && cells[column + 1].flags.contains(Flags::WIDE_CHAR_SPACER);
        if flags.contains(Flags::WIDE_CHAR) && !has_spacer {
            cells[column].clear_wide();
        }
    }
}

/// Makes a whole screen say about wrapped lines only what a redraw can repeat.
///
/// The last row wraps nowhere yet, neither does one whose wrap is pending; and
/// the blank before a wide character that did not fit is none without it.
pub(super) fn settle(grid: &mut Grid<Cell>) {
    let (rows, last) = (grid.screen_lines(), grid.last_column());
    for line in 0..rows {
        let line = Line(line as i32);
        repair_row(&mut grid[line][..]);
        let pending = grid.cursor.input_needs_wrap && grid.cursor.point.line == line;
        if line + 1 == rows as i32 || pending {
            let marks = Flags::WRAPLINE | Flags::LEADING_WIDE_CHAR_SPACER;
            grid[line][last].flags.remove(marks);
        } else if grid[line][last].flags.contains(Flags::LEADING_WIDE_CHAR_SPACER)
            && !leads(&grid[line][last], &grid[line + 1_i32][Column(0)])
        {
            grid[line][last].flags.remove(Flags::LEADING_WIDE_CHAR_SPACER);
        }
    }
}

/// Whether a cell is what a wide character left behind when it did not fit.
fn leads(cell: &Cell, wide: &Cell) -> bool {
    wide.flags.contains(Flags::WIDE_CHAR)
        && cell.flags.contains(Flags::WRAPLINE)
        && cell.c == ' '
        && cell.zerowidth().is_none_or(<[char]>::is_empty)
        && same_attributes(cell, wide)
}
