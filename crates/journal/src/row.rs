//! A folded session as rows of `sessions` and `creations`; once it ended, of `past` as well.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params, types::Type};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wk_model::{
    Condition, Created, HeldLimit, HolderUsage, Life, Recovery, Restarted, Seq, Session, SessionId,
    Stopped, Time, Tokens, VerdictSummary,
};

use crate::{
    error::{JournalError, Result},
    fold::Position,
    past,
    stored::{integer, session_id},
};

/// What `read_session` expects, from `sessions s` and `creations c`.
pub(crate) const COLUMNS: &str = "s.id, c.data, s.state";

/// A session as the tables hold it.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) row: i64,
    pub(crate) position: Position,
    pub(crate) session: Arc<Session>,
}

/// What changes of a session with its events.
#[derive(Serialize, Deserialize)]
struct State {
    start_time: Time,
    life: Life,
    attempt: u32,
    attempt_time: Option<Time>,
    recovery: Recovery,
    #[serde(default)]
    restarts: u32,
    stop: Option<Stopped>,
    #[serde(default)]
    restart: Option<Restarted>,
    instance: Option<String>,
    limits: Vec<HeldLimit>,
    conditions: Vec<Condition>,
    cgroup: Option<String>,
    size: Option<(u16, u16)>,
    gaps: u32,
    usage: Option<HolderUsage>,
    renamed: Option<String>,
    #[serde(default)]
    identified: Option<String>,
    #[serde(default)]
    described: Map<String, Value>,
    verdict: Option<VerdictSummary>,
    #[serde(default)]
    tokens: Option<Tokens>,
    removed: bool,
    changed_at: Time,
}

/// Reads one row of `COLUMNS`.
pub(crate) fn read_session(row: &Row<'_>) -> rusqlite::Result<Arc<Session>> {
    let created: Created = read_json(row, 1)?;
    let state: State = read_json(row, 2)?;
    Ok(Arc::new(Session {
        id: session_id(row.get(0)?),
        created,
        start_time: state.start_time,
        life: state.life,
        attempt: state.attempt,
        attempt_time: state.attempt_time,
        recovery: state.recovery,
        restarts: state.restarts,
        stop: state.stop,
        restart: state.restart,
        instance: state.instance,
        limits: state.limits,
        conditions: state.conditions,
        cgroup: state.cgroup,
        size: state.size,
        gaps: state.gaps,
        usage: state.usage,
        renamed: state.renamed,
        identified: state.identified,
        described: state.described,
        verdict: state.verdict,
        tokens: state.tokens,
        removed: state.removed,
        changed_at: state.changed_at,
    }))
}

/// The session as last written, wherever it is in its life.
pub(crate) fn load(connection: &Connection, id: SessionId) -> rusqlite::Result<Option<Stored>> {
    connection
        .prepare_cached(
            "SELECT s.id, c.data, s.state, s.row, s.boot, s.boot_ns, s.seq
             FROM sessions s CROSS JOIN creations c ON c.row = s.row WHERE s.id = ?1",
        )?
        .query_row([integer(id.number())], |row| {
            let position = Position {
                boot: row.get(4)?,
                boot_ns: row.get::<_, i64>(5)?.unsigned_abs(),
                seq: crate::stored::read_seq(row, 6)?,
            };
            Ok(Stored { row: row.get(3)?, position, session: read_session(row)? })
        })
        .optional()
}

/// All sessions that have not ended.
pub(crate) fn living(connection: &Connection) -> rusqlite::Result<Vec<Arc<Session>>> {
    connection
        .prepare(&format!(
            "SELECT {COLUMNS} FROM sessions s JOIN creations c ON c.row = s.row WHERE s.place = 0"
        ))?
        .query_map([], read_session)?
        .collect()
}

/// Remembers a session of which there are events, but no creation yet.
pub(crate) fn await_creation(connection: &Connection, id: SessionId) -> Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO awaited (id) VALUES (?1)")
        .and_then(|mut insert| insert.execute([integer(id.number())]).map(drop))
        .map_err(JournalError::database("write a session to"))
}

/// Whether events came before the creation that now came.
pub(crate) fn was_awaited(connection: &Connection, id: SessionId) -> Result<bool> {
    connection
        .prepare_cached("DELETE FROM awaited WHERE id = ?1")
        .and_then(|mut delete| delete.execute([integer(id.number())]))
        .map(|deleted| deleted > 0)
        .map_err(JournalError::database("write a session to"))
}

/// Remembers the newest summary of a session.
pub(crate) fn note_summary(connection: &Connection, id: SessionId, seq: Seq) -> Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO summaries (session_id, seq) VALUES (?1, ?2)")
        .and_then(|mut insert| insert.execute([integer(id.number()), integer(seq.0)]).map(drop))
        .map_err(JournalError::database("write a session to"))
}

/// Remembers that a session was created once more.
pub(crate) fn note_repeated(connection: &Connection, id: SessionId, seq: Seq) -> Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO repeated (session_id, seq) VALUES (?1, ?2)")
        .and_then(|mut insert| insert.execute([integer(id.number()), integer(seq.0)]).map(drop))
        .map_err(JournalError::database("write a session to"))
}

/// Writes a session that has no row yet.
pub(crate) fn insert(
    connection: &Connection,
    session: &Session,
    position: Position,
) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "INSERT INTO sessions (id, place, boot, boot_ns, seq, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            integer(session.id.number()),
            place(session),
            position.boot,
            integer(position.boot_ns),
            integer(position.seq.0),
            state(session)?,
        ])?;
    let row = connection.last_insert_rowid();
    connection
        .prepare_cached("INSERT INTO creations (row, data) VALUES (?1, ?2)")?
        .execute(params![row, json(&session.created)?])?;
    past::update(connection, row, None, session)?;
    Ok(row)
}

/// Writes a session anew over what the tables hold of it; what it was created as never changes.
pub(crate) fn update(
    connection: &Connection,
    old: &Stored,
    new: &Session,
    position: Position,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE sessions SET boot = ?2, boot_ns = ?3, seq = ?4, state = ?5 WHERE row = ?1",
        )?
        .execute(params![
            old.row,
            position.boot,
            integer(position.boot_ns),
            integer(position.seq.0),
            state(new)?,
        ])?;
    if place(&old.session) != place(new) {
        connection
            .prepare_cached("UPDATE sessions SET place = ?2 WHERE row = ?1")?
            .execute(params![old.row, place(new)])?;
    }
    past::update(connection, old.row, Some(&old.session), new)
}

/// Removes all rows of a session.
pub(crate) fn delete(connection: &Connection, id: SessionId) -> rusqlite::Result<()> {
    let number = integer(id.number());
    connection.execute(
        "DELETE FROM creations WHERE row = (SELECT row FROM sessions WHERE id = ?1)",
        [number],
    )?;
    connection.execute("DELETE FROM sessions WHERE id = ?1", [number])?;
    past::delete(connection, id)
}

pub(crate) fn place(session: &Session) -> i64 {
    match (session.is_ended(), session.removed) {
        (false, _) => 0,
        (true, false) => 1,
        (true, true) => 2,
    }
}

fn state(session: &Session) -> rusqlite::Result<String> {
    // Taken apart, so that a new field is not forgotten here.
    let Session {
        id: _,
        created: _,
        start_time,
        life,
        attempt,
        attempt_time,
        recovery,
        restarts,
        stop,
        restart,
        instance,
        limits,
        conditions,
        cgroup,
        size,
        gaps,
        usage,
        renamed,
        identified,
        described,
        verdict,
        tokens,
        removed,
        changed_at,
    } = session;
    json(&State {
        start_time: *start_time,
        life: life.clone(),
        attempt: *attempt,
        attempt_time: *attempt_time,
        recovery: *recovery,
        restarts: *restarts,
        stop: stop.clone(),
        restart: restart.clone(),
        instance: instance.clone(),
        limits: limits.clone(),
        conditions: conditions.clone(),
        cgroup: cgroup.clone(),
        size: *size,
        gaps: *gaps,
        usage: *usage,
        renamed: renamed.clone(),
        identified: identified.clone(),
        described: described.clone(),
        verdict: verdict.clone(),
        tokens: tokens.clone(),
        removed: *removed,
        changed_at: *changed_at,
    })
}

fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn read_json<T: for<'de> Deserialize<'de>>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    })
}
