//! Rows of cells as bytes.

use alacritty_terminal::grid::{Dimensions, Grid, Row};
use alacritty_terminal::index::Line;
use alacritty_terminal::term::cell::{Cell, Flags};

use super::Pen;
use super::painter::Painter;
use crate::emulator::HistoryLine;

/// Draws all rows of a screen that has been cleared.
///
/// A row that was wrapped is continued without moving the cursor, so that the
/// other terminal knows it, too, as one line.
pub(super) fn draw(painter: &mut Painter, grid: &Grid<Cell>) {
    let mut continued = false;
    for line in 0..grid.screen_lines() as i32 {
        let cells = &grid[Line(line)][..];
        let wrapped = is_wrapped(cells);
        let used = used_cells(cells).max(usize::from(continued));
        if used > 0 && !continued {
            painter.go_to(line, 0);
        }
        let erases = !wrapped && used == cells.len();
        let erased = if erases { erased_end(cells) } else { 0 };
        let printed = (used - erased).max(usize::from(continued));
        cells[..printed].iter().for_each(|cell| painter.cell(cell));
        if printed < used {
            painter.pen(&cells[printed]);
            painter.raw(b"\x1b[K");
        }
        continued = wrapped;
    }
}

/// One row for the scrollback, from plain attributes to plain attributes.
pub(crate) fn history_line(row: &Row<Cell>, scratch: &mut Vec<u8>) -> HistoryLine {
    let cells = &row[..];
    scratch.clear();
    write_cells(scratch, &cells[..used_cells(cells)]);
    let columns = cells.len() as u16;
    HistoryLine { ansi: scratch.as_slice().into(), columns, wrapped: is_wrapped(cells) }
}

/// The bytes that print the cells, from plain attributes to plain attributes.
///
/// The blank that a wide character left when it did not fit is one here: the
/// row must not depend on the next one.
pub(crate) fn write_cells(out: &mut Vec<u8>, mut cells: &[Cell]) {
    let mut pen = Pen::default();
    out.reserve(cells.len());
    while let Some(first) = cells.first() {
        pen.take(out, first);
        // Most rows are ASCII in one style.
        let run = cells.iter().take_while(|cell| is_plain(cell) && looks_like(cell, first)).count();
        out.extend(cells[..run].iter().map(|cell| cell.c as u8));
        if run == 0 {
            write_cell(out, first);
        }
        cells = &cells[run.max(1)..];
    }
    pen.drop(out);
}

fn write_cell(out: &mut Vec<u8>, cell: &Cell) {
    if !cell.flags.contains(Flags::WIDE_CHAR_SPACER) {
        for c in std::iter::once(&cell.c).chain(cell.zerowidth().into_iter().flatten()) {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

fn is_plain(cell: &Cell) -> bool {
    cell.c.is_ascii() && cell.extra.is_none() && !cell.flags.contains(Flags::WIDE_CHAR_SPACER)
}

fn looks_like(cell: &Cell, other: &Cell) -> bool {
    cell.flags == other.flags && cell.fg == other.fg && cell.bg == other.bg
}

/// Cells up to the last one that a cleared row does not have anyway.
pub(crate) fn used_cells(cells: &[Cell]) -> usize {
    let background = Cell::default().bg;
    if is_wrapped(cells) {
        return cells.len();
    }
    let used = cells.iter().rposition(|cell| !is_blank(cell) || cell.bg != background);
    used.map_or(0, |last| last + 1)
}

/// Whether nothing but the background is seen in the cell.
pub(super) fn is_blank(cell: &Cell) -> bool {
    let blank = Cell::default();
    cell.c == blank.c
        && cell.fg == blank.fg
        && cell.flags.is_empty()
        && cell.zerowidth().is_none_or(<[char]>::is_empty)
        && cell.underline_color().is_none()
        && cell.hyperlink().is_none()
}

pub(crate) fn is_wrapped(cells: &[Cell]) -> bool {
    cells.last().is_some_and(|cell| cell.flags.contains(Flags::WRAPLINE))
}

/// Cells at the end that EL draws with one background.
fn erased_end(cells: &[Cell]) -> usize {
    let Some(last) = cells.last() else { return 0 };
    cells.iter().rev().take_while(|cell| is_blank(cell) && cell.bg == last.bg).count()
}
