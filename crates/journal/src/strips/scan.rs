//! Reads strips: first which of them can matter, then which of their sessions fit.

use rusqlite::{Connection, OptionalExtension, Row, types::Type};

use super::{
    Column, PLACE_BITS,
    column::{Words, unpack_numbers, unpack_words},
};

/// Which sessions are wanted; all that is set must fit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// One of these; empty: any.
    pub(crate) statuses: Vec<&'static str>,
    /// One of these; empty: any.
    pub(crate) kinds: Vec<&'static str>,
    /// This one, besides.
    pub(crate) kind: Option<&'static str>,
    pub(crate) component: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) shell_type: Option<String>,
    pub(crate) reported: bool,
    /// Started then or later.
    pub(crate) after_ms: Option<i64>,
    /// Started earlier.
    pub(crate) before_ms: Option<i64>,
    /// Before this start and id in the order of lists.
    pub(crate) cursor: Option<(i64, i64)>,
    pub(crate) longer_than_ms: Option<i64>,
    pub(crate) ended_since_ms: Option<i64>,
}

/// One strip; its columns are read when they are asked for.
#[derive(Debug)]
pub(crate) struct Strip<'c> {
    connection: &'c Connection,
    strip: i64,
    rows: usize,
    gone: bool,
    /// When the last of its sessions started.
    pub(crate) last_ms: i64,
}

/// The strips that may have what is wanted, those of the newest sessions first.
pub(crate) fn strips<'c>(
    connection: &'c Connection,
    wanted: &Wanted,
) -> rusqlite::Result<Vec<Strip<'c>>> {
    let before = [wanted.before_ms, wanted.cursor.map(|(start, _)| start.saturating_add(1))];
    let before = before.into_iter().flatten().min();
    connection
        .prepare_cached(
            "SELECT strip, rows, gone, last_ms FROM strips
             WHERE last_ms >= ?1 AND first_ms < ?2 AND longest_ms > ?3 AND ended_ms >= ?4
             ORDER BY last_ms DESC, strip DESC",
        )?
        .query_map(
            [
                wanted.after_ms.unwrap_or(i64::MIN),
                before.unwrap_or(i64::MAX),
                wanted.longer_than_ms.unwrap_or(i64::MIN),
                wanted.ended_since_ms.unwrap_or(i64::MIN),
            ],
            |row| Strip::read(connection, row),
        )?
        .collect()
}

/// One strip by its number.
pub(super) fn strip(connection: &Connection, strip: i64) -> rusqlite::Result<Option<Strip<'_>>> {
    connection
        .prepare_cached("SELECT strip, rows, gone, last_ms FROM strips WHERE strip = ?1")?
        .query_row([strip], |row| Strip::read(connection, row))
        .optional()
}

impl<'c> Strip<'c> {
    fn read(connection: &'c Connection, row: &Row<'_>) -> rusqlite::Result<Self> {
        let rows = usize::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
        Ok(Self {
            connection,
            strip: row.get(0)?,
            rows,
            gone: row.get::<_, i64>(2)? > 0,
            last_ms: row.get(3)?,
        })
    }

    pub(crate) fn numbers(&self, column: Column) -> rusqlite::Result<Vec<i64>> {
        self.read_column(column, unpack_numbers)
    }

    pub(crate) fn words(&self, column: Column) -> rusqlite::Result<Words> {
        self.read_column(column, unpack_words)
    }

    /// The places of the sessions that fit, the oldest first.
    pub(crate) fn fitting(&self, wanted: &Wanted) -> rusqlite::Result<Vec<u16>> {
        let mut places: Vec<u16> = (0..self.rows as u16).collect();
        for (column, word) in [
            (Column::Component, &wanted.component),
            (Column::User, &wanted.user),
            (Column::ShellType, &wanted.shell_type),
        ] {
            if let Some(word) = word {
                self.keep_words(&mut places, column, &[word])?;
            }
        }
        self.keep_words(&mut places, Column::Kind, &wanted.kinds)?;
        self.keep_words(&mut places, Column::Kind, wanted.kind.as_slice())?;
        self.keep_words(&mut places, Column::Status, &wanted.statuses)?;
        if wanted.reported && !places.is_empty() {
            let reported = self.numbers(Column::Reported)?;
            places.retain(|place| reported[usize::from(*place)] != 0);
        }
        self.keep_times(&mut places, wanted)?;
        self.drop_gone(&mut places)?;
        Ok(places)
    }

    fn keep_words<T: AsRef<str>>(
        &self,
        places: &mut Vec<u16>,
        column: Column,
        wanted: &[T],
    ) -> rusqlite::Result<()> {
        if wanted.is_empty() || places.is_empty() {
            return Ok(());
        }
        let words = self.words(column)?;
        let codes: Vec<u16> = wanted.iter().filter_map(|word| words.code(word.as_ref())).collect();
        match codes[..] {
            [] => places.clear(),
            [code] => places.retain(|place| words.codes[usize::from(*place)] == code),
            _ => places.retain(|place| codes.contains(&words.codes[usize::from(*place)])),
        }
        Ok(())
    }

    fn keep_times(&self, places: &mut Vec<u16>, wanted: &Wanted) -> rusqlite::Result<()> {
        let Wanted { after_ms, before_ms, cursor, longer_than_ms, ended_since_ms, .. } = wanted;
        let about_start = after_ms.is_some() || before_ms.is_some() || cursor.is_some();
        if places.is_empty() {
            return Ok(());
        }
        let starts = if about_start || ended_since_ms.is_some() {
            self.numbers(Column::Start)?
        } else {
            Vec::new()
        };
        let start = |place: &u16| starts[usize::from(*place)];
        if let Some(after) = after_ms {
            places.retain(|place| start(place) >= *after);
        }
        if let Some(before) = before_ms {
            places.retain(|place| start(place) < *before);
        }
        if let Some(cursor) = cursor {
            let ids = self.numbers(Column::Id)?;
            places.retain(|place| (start(place), ids[usize::from(*place)]) < *cursor);
        }
        if places.is_empty() || (longer_than_ms.is_none() && ended_since_ms.is_none()) {
            return Ok(());
        }
        let took = self.numbers(Column::Took)?;
        if let Some(longer) = longer_than_ms {
            places.retain(|place| took[usize::from(*place)] > *longer);
        }
        if let Some(since) = ended_since_ms {
            places.retain(|place| start(place).saturating_add(took[usize::from(*place)]) >= *since);
        }
        Ok(())
    }

    fn drop_gone(&self, places: &mut Vec<u16>) -> rusqlite::Result<()> {
        if !self.gone || places.is_empty() {
            return Ok(());
        }
        let first = self.strip << PLACE_BITS;
        let mut select = self.connection.prepare_cached(
            "SELECT shelf - ?1 FROM strip_gone WHERE shelf BETWEEN ?1 AND ?2 - 1",
        )?;
        let gone = select.query_map([first, first + (1 << PLACE_BITS)], |row| row.get(0))?;
        let gone: Vec<u16> = gone.collect::<rusqlite::Result<_>>()?;
        places.retain(|place| gone.binary_search(place).is_err());
        Ok(())
    }

    fn read_column<T>(
        &self,
        column: Column,
        unpack: impl FnOnce(&[u8], usize) -> Option<T>,
    ) -> rusqlite::Result<T> {
        self.connection.prepare_cached("SELECT data FROM strip_columns WHERE key = ?1")?.query_row(
            [column.key(self.strip)],
            |row| {
                unpack(row.get_ref(0)?.as_blob()?, self.rows).ok_or_else(|| {
                    let error = format!("column {column:?} of strip {} is damaged", self.strip);
                    rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, error.into())
                })
            },
        )
    }
}
