//! Ended sessions column by column, so that a million of them are looked through in a moment.
//!
//! `past` has a wide row for each; those of [`ROWS`] that are in no strip yet ("loose") make a
//! strip: each column packed into one blob, in the order of lists. A filter then reads only
//! the columns that it is about, and numbers are added up without touching a row.
//!
//! Strips say nothing that `past` does not, and are never changed: a session that leaves
//! `past` is noted as gone from its strip, and a strip that has lost too many goes loose again.

mod column;
mod part;
mod scan;

use rusqlite::{Connection, OptionalExtension, params};

pub(crate) use column::Words;
pub(crate) use part::{Part, each_part};
pub(crate) use scan::{Strip, Wanted, strips};

/// Sessions in a strip; few in tests, so that they have many strips.
pub(crate) const ROWS: usize = if cfg!(test) { 4 } else { 4096 };

/// Where in a shelf mark the place within the strip ends.
const PLACE_BITS: u32 = 12;

/// A strip goes loose when this part of it is gone.
const GONE_PART: i64 = 4;

/// What is packed; the numbers are in the keys of `strip_columns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Start = 0,
    Id = 1,
    /// From start to end; negative where a clock was set back.
    Took = 2,
    Status = 3,
    Kind = 4,
    Component = 5,
    User = 6,
    ShellType = 7,
    Template = 8,
    /// 1 where a client told of it, and nobody of ours started or found it.
    Reported = 9,
    Retries = 10,
    Restarts = 11,
}

impl Column {
    const ALL: [Self; 12] = [
        Self::Start,
        Self::Id,
        Self::Took,
        Self::Status,
        Self::Kind,
        Self::Component,
        Self::User,
        Self::ShellType,
        Self::Template,
        Self::Reported,
        Self::Retries,
        Self::Restarts,
    ];

    fn key(self, strip: i64) -> i64 {
        (strip << 4) | self as i64
    }
}

/// What a strip keeps of a session.
#[derive(Debug)]
pub(crate) struct Row {
    start_ms: i64,
    id: i64,
    took_ms: i64,
    /// From [`Column::Status`] to [`Column::Template`].
    words: [Option<String>; 6],
    reported: i64,
    retries: i64,
    restarts: i64,
}

/// Puts loose sessions into strips while they fill one, and into no more strips than this;
/// whether there may be more to do.
pub(crate) fn seal(connection: &Connection, most: usize) -> rusqlite::Result<bool> {
    for _ in 0..most {
        let rows = loose(connection)?;
        if rows.len() < ROWS {
            return Ok(false);
        }
        seal_rows(connection, &rows)?;
    }
    Ok(true)
}

/// Lets go of all strips, as before they are made anew.
pub(crate) fn clear(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "DELETE FROM strips; DELETE FROM strip_columns; DELETE FROM strip_gone;
         UPDATE past SET shelf = NULL WHERE shelf IS NOT NULL;",
    )
}

/// Notes that the session on this shelf has left `past`.
pub(crate) fn note_gone(connection: &Connection, shelf: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO strip_gone (shelf) VALUES (?1)")?
        .execute([shelf])?;
    let strip = shelf >> PLACE_BITS;
    let left = connection
        .prepare_cached(
            "UPDATE strips SET gone = gone + 1 WHERE strip = ?1 RETURNING gone * ?2 >= rows",
        )?
        .query_row([strip, GONE_PART], |row| row.get(0))
        .optional()?;
    if left == Some(true) { loosen(connection, strip) } else { Ok(()) }
}

/// The oldest loose sessions, as many as a strip takes; none where they do not fill one.
fn loose(connection: &Connection) -> rusqlite::Result<Vec<Row>> {
    let enough: bool = connection
        .prepare_cached(
            "SELECT count(*) = ?1 FROM
                 (SELECT 1 FROM past INDEXED BY past_loose WHERE shelf IS NULL LIMIT ?1)",
        )?
        .query_row([ROWS as i64], |row| row.get(0))?;
    if !enough {
        return Ok(Vec::new());
    }
    connection
        .prepare_cached(&format!(
            "SELECT {} FROM past p INDEXED BY past_loose WHERE p.shelf IS NULL
             ORDER BY p.start_ms, p.id LIMIT ?1",
            Row::COLUMNS
        ))?
        .query_map([ROWS as i64], Row::read)?
        .collect()
}

impl Row {
    /// Of `past p`.
    const COLUMNS: &str = "p.start_ms, p.id, p.end_ms - p.start_ms, p.reported, p.retries, \
         p.restarts, p.status, p.kind, p.component, p.username, p.shell_type, p.template";

    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let word = |index| row.get(index);
        Ok(Self {
            start_ms: row.get(0)?,
            id: row.get(1)?,
            took_ms: row.get(2)?,
            reported: row.get(3)?,
            retries: row.get(4)?,
            restarts: row.get(5)?,
            words: [word(6)?, word(7)?, word(8)?, word(9)?, word(10)?, word(11)?],
        })
    }
}

fn seal_rows(connection: &Connection, rows: &[Row]) -> rusqlite::Result<()> {
    let ends = |row: &Row| row.start_ms.saturating_add(row.took_ms);
    let most = |value: &dyn Fn(&Row) -> i64| rows.iter().map(value).max().unwrap_or(0);
    connection
        .prepare_cached(
            "INSERT INTO strips (rows, gone, first_ms, last_ms, ended_ms, longest_ms)
             VALUES (?1, 0, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            rows.len() as i64,
            rows.first().map_or(0, |row| row.start_ms),
            rows.last().map_or(0, |row| row.start_ms),
            most(&ends),
            most(&|row| row.took_ms),
        ])?;
    let strip = connection.last_insert_rowid();
    let mut insert =
        connection.prepare_cached("INSERT INTO strip_columns (key, data) VALUES (?1, ?2)")?;
    for column in Column::ALL {
        insert.execute(params![column.key(strip), pack(column, rows)])?;
    }
    let mut update =
        connection.prepare_cached("UPDATE past SET shelf = ?3 WHERE start_ms = ?1 AND id = ?2")?;
    for (place, row) in rows.iter().enumerate() {
        update.execute(params![row.start_ms, row.id, (strip << PLACE_BITS) | place as i64])?;
    }
    Ok(())
}

fn pack(column: Column, rows: &[Row]) -> Vec<u8> {
    let numbers = |value: &dyn Fn(&Row) -> i64| {
        column::pack_numbers(&rows.iter().map(value).collect::<Vec<_>>())
    };
    let words = |word: usize| {
        column::pack_words(&rows.iter().map(|row| row.words[word].as_deref()).collect::<Vec<_>>())
    };
    match column {
        Column::Start => numbers(&|row| row.start_ms),
        Column::Id => numbers(&|row| row.id),
        Column::Took => numbers(&|row| row.took_ms),
        Column::Reported => numbers(&|row| row.reported),
        Column::Retries => numbers(&|row| row.retries),
        Column::Restarts => numbers(&|row| row.restarts),
        Column::Status => words(0),
        Column::Kind => words(1),
        Column::Component => words(2),
        Column::User => words(3),
        Column::ShellType => words(4),
        Column::Template => words(5),
    }
}

/// Takes a strip apart: what is left of it is loose again.
fn loosen(connection: &Connection, strip: i64) -> rusqlite::Result<()> {
    let Some(whole) = scan::strip(connection, strip)? else { return Ok(()) };
    let (starts, ids) = (whole.numbers(Column::Start)?, whole.numbers(Column::Id)?);
    // One that is gone may be back by now, in another strip or loose: the mark tells.
    let mut update = connection.prepare_cached(
        "UPDATE past SET shelf = NULL WHERE start_ms = ?1 AND id = ?2 AND shelf >> ?3 = ?4",
    )?;
    for (start, id) in starts.iter().zip(&ids) {
        update.execute(params![start, id, PLACE_BITS, strip])?;
    }
    let delete = |sql: &str, from: i64, to: i64| {
        connection.prepare_cached(sql)?.execute([from, to]).map(drop)
    };
    delete("DELETE FROM strips WHERE strip BETWEEN ?1 AND ?2", strip, strip)?;
    let (first, last) = (strip << 4, (strip << 4) | 15);
    delete("DELETE FROM strip_columns WHERE key BETWEEN ?1 AND ?2", first, last)?;
    let (first, last) = (strip << PLACE_BITS, ((strip + 1) << PLACE_BITS) - 1);
    delete("DELETE FROM strip_gone WHERE shelf BETWEEN ?1 AND ?2", first, last)
}
