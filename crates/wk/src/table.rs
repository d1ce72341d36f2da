//! Tables and blocks of keys and values that fit the terminal.

use std::io::{self, Write};

use crate::{
    color::{Paint, Style},
    text::visible::{cut, visible, width},
};

/// Columns between columns.
const GAP: usize = 2;

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub title: &'static str,
    /// Cut to no less than this where space is short; 0: never cut.
    pub least: usize,
    pub right: bool,
}

/// A text in a table; what would act on a terminal is escaped when it is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(crate) fn new(text: &str, style: Style) -> Self {
        Self { text: visible(text).into_owned(), style }
    }

    pub(crate) fn plain(text: &str) -> Self {
        Self::new(text, Style::Plain)
    }
}

/// Writes a table of at most `columns_wide` columns, as far as its columns can be cut.
pub(crate) fn write(
    out: &mut impl Write,
    columns: &[Column],
    rows: &[Vec<Cell>],
    columns_wide: usize,
    paint: Paint,
) -> io::Result<()> {
    let widths = layout(columns, rows, columns_wide);
    let titles: Vec<Cell> =
        columns.iter().map(|column| Cell::new(column.title, Style::Title)).collect();
    for row in std::iter::once(&titles).chain(rows) {
        write_row(out, columns, row, &widths, paint)?;
    }
    Ok(())
}

fn layout(columns: &[Column], rows: &[Vec<Cell>], columns_wide: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = columns.iter().map(|column| width(column.title)).collect();
    for row in rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(width(&cell.text));
        }
    }
    let gaps = GAP * columns.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > columns_wide {
        let cuttable =
            |index: &usize| columns[*index].least > 0 && widths[*index] > columns[*index].least;
        let Some(widest) = (0..columns.len()).filter(cuttable).max_by_key(|index| widths[*index])
        else {
            break;
        };
        // The widest gives way at once as far as it may and must.
        let excess = widths.iter().sum::<usize>() + gaps - columns_wide;
        let second = (0..columns.len())
            .filter(|index| *index != widest && cuttable(index))
            .map(|index| widths[index])
            .max()
            .unwrap_or(0);
        let least = columns[widest].least.max(second.min(widths[widest] - 1));
        widths[widest] -= excess.min(widths[widest] - least).max(1);
    }
    widths
}

/// The same with lines around it, for tables that are shown by themselves.
pub(crate) fn write_boxed(
    out: &mut impl Write,
    columns: &[Column],
    rows: &[Vec<Cell>],
    columns_wide: usize,
    paint: Paint,
) -> io::Result<()> {
    // A line and a space on each side of a cell, instead of the gaps.
    let widths = layout(columns, rows, columns_wide.saturating_sub(4 + columns.len() - 1));
    let rule = |left: &str, middle: &str, right: &str| {
        let lines: Vec<String> = widths.iter().map(|wide| "─".repeat(wide + 2)).collect();
        format!("{left}{}{right}", lines.join(middle))
    };
    let titles: Vec<Cell> =
        columns.iter().map(|column| Cell::new(column.title, Style::Title)).collect();
    writeln!(out, "{}", rule("┌", "┬", "┐"))?;
    for (index, row) in std::iter::once(&titles).chain(rows).enumerate() {
        if index == 1 {
            writeln!(out, "{}", rule("├", "┼", "┤"))?;
        }
        for ((cell, wide), column) in row.iter().zip(&widths).zip(columns) {
            let shown = cut(&cell.text, *wide);
            let padding = " ".repeat(wide - width(&shown));
            let painted = paint.apply(cell.style, &shown);
            match column.right {
                true => write!(out, "│ {padding}{painted} ")?,
                false => write!(out, "│ {painted}{padding} ")?,
            }
        }
        writeln!(out, "│")?;
    }
    writeln!(out, "{}", rule("└", "┴", "┘"))
}

fn write_row(
    out: &mut impl Write,
    columns: &[Column],
    row: &[Cell],
    widths: &[usize],
    paint: Paint,
) -> io::Result<()> {
    let mut line = String::new();
    let last = row.iter().rposition(|cell| !cell.text.is_empty()).unwrap_or(0);
    for (index, (cell, wide)) in row.iter().zip(widths).enumerate().take(last + 1) {
        let shown = cut(&cell.text, *wide);
        let padding = " ".repeat(wide - width(&shown));
        let painted = paint.apply(cell.style, &shown);
        match columns[index].right {
            true => line.extend([padding.as_str(), &painted]),
            false if index == last => line.push_str(&painted),
            false => line.extend([painted.as_str(), &padding]),
        }
        if index < last {
            line.push_str("  ");
        }
    }
    writeln!(out, "{line}")
}

/// Writes keys and values below each other; a long value goes on below itself.
pub(crate) fn write_pairs(
    out: &mut impl Write,
    pairs: &[(&str, Cell)],
    columns_wide: usize,
    paint: Paint,
) -> io::Result<()> {
    let keys = pairs.iter().map(|(key, _)| width(key)).max().unwrap_or(0);
    let room = columns_wide.saturating_sub(keys + GAP).max(20);
    for (key, cell) in pairs {
        let mut key = visible(key).into_owned();
        for line in wrap(&cell.text, room) {
            let padding = " ".repeat((keys + GAP).saturating_sub(width(&key)));
            let (title, text) = (paint.apply(Style::Past, &key), paint.apply(cell.style, line));
            writeln!(out, "{title}{padding}{text}")?;
            key.clear();
        }
    }
    Ok(())
}

/// Breaks a text into lines of at most so many columns, at spaces where there are some.
fn wrap(text: &str, columns: usize) -> Vec<&str> {
    let (mut lines, mut rest) = (Vec::new(), text);
    while width(rest) > columns {
        let (mut taken, mut end) = (0, 0);
        for c in rest.chars() {
            taken += width(c.encode_utf8(&mut [0; 4]));
            if taken > columns {
                break;
            }
            end += c.len_utf8();
        }
        let space = rest[..end].rfind(' ').filter(|space| *space > end / 2);
        let (line, after) = rest.split_at(space.unwrap_or(end));
        lines.push(line);
        rest = if space.is_some() { &after[1..] } else { after };
    }
    lines.push(rest);
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COLUMNS: [Column; 3] = [
        Column { title: "ID", least: 0, right: false },
        Column { title: "N", least: 0, right: true },
        Column { title: "COMMAND", least: 8, right: false },
    ];

    fn render(rows: &[[&str; 3]], columns: usize) -> String {
        let rows: Vec<Vec<Cell>> =
            rows.iter().map(|row| row.iter().map(|text| Cell::plain(text)).collect()).collect();
        let mut out = Vec::new();
        write(&mut out, &COLUMNS, &rows, columns, Paint(false)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_line_up_and_the_long_one_is_cut() {
        let rows =
            [["abc", "7", "echo one two three"], ["d", "12", "漢字漢字漢字"], ["e", "1", ""]];
        assert_eq!(
            render(&rows, 20),
            "ID    N  COMMAND\nabc   7  echo one t…\nd    12  漢字漢字漢…\ne     1\n"
        );
        assert!(render(&rows, 80).contains("echo one two three\n"));
    }

    #[test]
    fn what_cannot_be_cut_is_shown_whole() {
        assert!(
            render(&[["abcdefghijkl", "7", "echo one two three"]], 5)
                .contains("abcdefghijkl  7  echo on…")
        );
    }

    #[test]
    fn pairs_line_up_and_long_values_go_on_below() {
        let pairs = [
            ("key", Cell::plain("a value that is longer than the line")),
            ("k", Cell::plain("x\u{1b}")),
        ];
        let mut out = Vec::new();
        write_pairs(&mut out, &pairs, 25, Paint(false)).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "key  a value that is\n     longer than the line\nk    x\\u{1b}\n"
        );
    }

    proptest! {
        #[test]
        fn no_line_is_too_long(texts in proptest::collection::vec("\\PC{0,60}", 1..6), columns in 24_usize..100) {
            let rows: Vec<[&str; 3]> = texts.iter().map(|text| ["abc", "1", text.as_str()]).collect();
            for line in render(&rows, columns).lines() {
                prop_assert!(width(line) <= columns, "{}", line);
            }
            for line in wrap(&texts[0], columns) {
                prop_assert!(width(line) <= columns);
            }
        }
    }
}
