//! Folds one session from its events, all at once.

use rusqlite::{Connection, Row};
use wk_model::{BootId, Change, Event, Moment, Refused, Seq, Session, SessionId, Source, Time};

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
    let Some((mut session, creation)) = create(connection, id, range)? else { return Ok(None) };
    let mut refused = Vec::new();
    let mut moves = Vec::new();
    let mut select = connection.prepare_cached(&format!(
        "WITH {STRETCHES} SELECT {COLUMNS} FROM {OF_SESSION} WHERE e.seq <> ?4"
    ))?;
    let id_number = integer(id.number());
    let mut rows = select.query([id_number, range.first, range.last, integer(creation.0)])?;
    while let Some(row) = rows.next()? {
        let (position, event) = read(row, id)?;
        match Part::of(&event.change) {
            Part::Moves => moves.push((position, event)),
            Part::Begins | Part::Touches => refused.extend(session.apply(&event).err()),
            Part::None => {}
        }
    }
    moves.sort_by_key(|(position, _)| *position);
    for (_, event) in &moves {
        refused.extend(session.apply(event).err());
    }
    let position = moves.last().map(|(position, _)| *position).unwrap_or_default();
    Ok(Some(Refolded { session, position, refused }))
}

/// The first creation that was taken in counts: no later one changes what a session is.
fn create(
    connection: &Connection,
    id: SessionId,
    range: Range,
) -> rusqlite::Result<Option<(Session, Seq)>> {
    let mut select = connection.prepare_cached(&format!(
        "WITH {STRETCHES} SELECT {COLUMNS} FROM {OF_SESSION} WHERE e.kind = 'session_created'"
    ))?;
    let mut rows = select.query([integer(id.number()), range.first, range.last])?;
    while let Some(row) = rows.next()? {
        let (_, event) = read(row, id)?;
        if let Some(session) = Session::create(&event) {
            return Ok(Some((session, event.seq)));
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
