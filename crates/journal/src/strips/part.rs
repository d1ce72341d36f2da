//! Ended sessions in pieces that have columns: strips, and what is loose made up like one.

use rusqlite::Connection;

use super::{
    Column, ROWS, Row, Strip, Words,
    column::{unpack_numbers, unpack_words},
    pack, strips,
};
use crate::{
    filter::Filter,
    find::wanted,
    query::{Place, SessionQuery},
};

/// Some of the sessions that fit.
#[derive(Debug)]
pub(crate) enum Part<'c> {
    Strip {
        strip: Strip<'c>,
        fitting: Vec<u16>,
    },
    /// Few enough for a strip; all of them fit.
    Loose(Vec<Row>),
}

/// Visits all ended sessions that fit, in no order, leads aside.
///
/// The connection must be in a transaction, so that all parts are of one moment.
pub(crate) fn each_part<'c>(
    connection: &'c Connection,
    query: &SessionQuery,
    before: Option<Place>,
    mut visit: impl FnMut(&Part<'c>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    if query.past_statuses().is_none() {
        return Ok(());
    }
    let mut rows = Vec::new();
    Filter::loose(query, before).each(connection, Row::COLUMNS, |row| {
        rows.push(Row::read(row)?);
        if rows.len() == ROWS { visit(&Part::Loose(std::mem::take(&mut rows))) } else { Ok(()) }
    })?;
    visit(&Part::Loose(rows))?;
    let wanted = wanted(query, before);
    for strip in strips(connection, &wanted)? {
        let fitting = strip.fitting(&wanted)?;
        if !fitting.is_empty() {
            visit(&Part::Strip { strip, fitting })?;
        }
    }
    Ok(())
}

impl Part<'_> {
    /// The places of the sessions that fit, in its columns.
    pub(crate) fn places(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        match self {
            Self::Strip { fitting, .. } => {
                Box::new(fitting.iter().map(|place| usize::from(*place)))
            }
            Self::Loose(rows) => Box::new(0..rows.len()),
        }
    }

    pub(crate) fn numbers(&self, column: Column) -> rusqlite::Result<Vec<i64>> {
        match self {
            Self::Strip { strip, .. } => strip.numbers(column),
            Self::Loose(rows) => {
                Ok(unpack_numbers(&pack(column, rows), rows.len()).unwrap_or_default())
            }
        }
    }

    pub(crate) fn words(&self, column: Column) -> rusqlite::Result<Words> {
        match self {
            Self::Strip { strip, .. } => strip.words(column),
            Self::Loose(rows) => {
                Ok(unpack_words(&pack(column, rows), rows.len()).unwrap_or_default())
            }
        }
    }
}
