//! Folds one session from its events, all at once.

use rusqlite::{Connection, OptionalExtension, Row};
use wk_model::{
    BootId, Change, Event, LastMove, Moment, Refused, Seq, Session, SessionId, Source, Time,
};

use crate::{
    error::{JournalError, Result},
    fold::{Part, Position},
    stored::{self, KNOWN, OF_SESSION, STRETCHES, integer, read_seq, read_time},
};

const COLUMNS: &str = "e.seq, e.boot, e.boot_ns, e.time_ms, e.kind, e.version, e.data";

/// Where in the journal a session's events are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    pub(crate) first: i64,
    pub(crate) last: i64,
}

/// A session, made from its events alone.
#[derive(Debug)]
pub(crate) struct Refolded {
    pub(crate) session: Session,
    pub(crate) position: Position,
    pub(crate) refused: Vec<Refused>,
}

/// Folds a session; none where its creation has not been taken in.
pub(crate) fn refold(
    connection: &Connection,
    id: SessionId,
    range: Range,
) -> Result<Option<Refolded>> {
    fold(connection, id, range).map_err(JournalError::database("replay a session of"))
}

impl Range {
    /// The whole journal.
    pub(crate) fn all(connection: &Connection) -> Result<Self> {
        // Two statements, since each finds an end of the table, and one would read it all.
        let end = |sql| {
            let end = connection.query_row(sql, [], |row| row.get(0));
            end.map_err(JournalError::database("read"))
        };
        let first = end("SELECT coalesce(min(seq), 1) FROM events")?;
        Ok(Self { first, last: end("SELECT coalesce(max(seq), 1) FROM events")? })
    }
}

fn fold(
    connection: &Connection,
    id: SessionId,
    range: Range,
) -> rusqlite::Result<Option<Refolded>> {
    let base = match summary(connection, id)? {
        Some(base) => Some(base),
        None => create(connection, id, range)?,
    };
    let Some(Base { mut session, position, from, without }) = base else { return Ok(None) };
    let mut refused = Vec::new();
    let mut moves = Vec::new();
    let mut select = connection.prepare_cached(&format!(
        "WITH {STRETCHES} SELECT {COLUMNS} FROM {OF_SESSION} WHERE e.seq <> ?4"
    ))?;
    let first = range.first.max(integer(from.0));
    let mut rows = select.query([integer(id.number()), first, range.last, integer(without.0)])?;
    while let Some(row) = rows.next()? {
        let (position, event) = read(row, id)?;
        match Part::of(&event.change) {
            Part::Moves => moves.push((position, event)),
            Part::Begins | Part::Touches => refused.extend(session.apply(&event).err()),
            Part::Summarises | Part::None => {}
        }
    }
    moves.sort_by_key(|(position, _)| *position);
    for (_, event) in &moves {
        refused.extend(session.apply(event).err());
    }
    let last = moves.last().map(|(position, _)| *position).unwrap_or_default();
    Ok(Some(Refolded { session, position: position.max(last), refused }))
}

/// What a fold begins with.
struct Base {
    session: Session,
    position: Position,
    /// Only events from here on are folded,
    from: Seq,
    /// but not this one.
    without: Seq,
}

/// The session as its newest summary has it; none where there is none that can be read.
fn summary(connection: &Connection, id: SessionId) -> rusqlite::Result<Option<Base>> {
    let Some(seq) = summary_seq(connection, id)? else { return Ok(None) };
    let mut select =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM events e WHERE e.seq = ?1"))?;
    let event = select.query_row([integer(seq.0)], |row| read(row, id)).optional()?;
    let Some((_, event)) = event else { return Ok(None) };
    let (Some(session), Change::SessionSummarised(summary)) =
        (Session::create(&event), &event.change)
    else {
        return Ok(None);
    };
    let position = match summary.last {
        Some(last) => position(connection, last)?,
        None => Position::default(),
    };
    Ok(Some(Base { session, position, from: Seq(seq.0 + 1), without: seq }))
}

/// Where the newest summary of a session is.
pub(crate) fn summary_seq(connection: &Connection, id: SessionId) -> rusqlite::Result<Option<Seq>> {
    connection
        .prepare_cached("SELECT seq FROM summaries WHERE session_id = ?1")?
        .query_row([integer(id.number())], |row| read_seq(row, 0))
        .optional()
}

fn position(connection: &Connection, last: LastMove) -> rusqlite::Result<Position> {
    let boot = connection
        .prepare_cached("SELECT id FROM boots WHERE boot = ?1")?
        .query_row([last.boot.to_string()], |row| row.get(0))
        .optional()?;
    let position = |boot| Position { boot, boot_ns: last.boot_ns, seq: last.seq };
    Ok(boot.map(position).unwrap_or_default())
}

/// The first creation that was taken in counts: no later one changes what a session is.
fn create(connection: &Connection, id: SessionId, range: Range) -> rusqlite::Result<Option<Base>> {
    let mut select = connection.prepare_cached(&format!(
        "WITH {STRETCHES} SELECT {COLUMNS} FROM {OF_SESSION} WHERE e.kind = 'session_created'"
    ))?;
    let mut rows = select.query([integer(id.number()), range.first, range.last])?;
    while let Some(row) = rows.next()? {
        let (_, event) = read(row, id)?;
        if let Some(session) = Session::create(&event) {
            let (position, from) = (Position::default(), Seq(0));
            return Ok(Some(Base { session, position, from, without: event.seq }));
        }
    }
    Ok(None)
}

/// Reads as much of an event as a fold needs.
fn read(row: &Row<'_>, id: SessionId) -> rusqlite::Result<(Position, Event)> {
    let seq = read_seq(row, 0)?;
    let boot_ns = row.get::<_, i64>(2)?.unsigned_abs();
    let kind = row.get_ref(4)?.as_str()?;
    let change = if KNOWN.contains(&kind) {
        stored::decode(kind, row.get(5)?, row.get_ref(6)?.as_str()?)
    } else {
        // Its data moves nothing, and there may be a great deal of it.
        Change::Other { kind: String::new(), data: serde_json::Map::new() }
    };
    let event = Event {
        seq,
        at: Moment { time: read_time(row, 3)?, boot: BootId::default(), boot_ns },
        recorded_at: Time::default(),
        session_id: Some(id),
        source: Source(String::new()),
        source_seq: 0,
        trace_parent: None,
        change,
    };
    Ok((Position { boot: row.get(1)?, boot_ns, seq }, event))
}
