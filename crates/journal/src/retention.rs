//! Forgets what is old: the first events go, and what they came to is kept where it counts.
//!
//! ```text
//! before:  created₁ … exited₁ closed₁ created₂ started₂ … │cut│ … exited₂ …
//! after:                                                  │   │ … exited₂ … summarised₂
//! ```
//!
//! A session that ended before the cut vanishes, with its rows, its key and its sources. One
//! that lives, or ended later, gets a summary, from which its fold begins from now on. How far
//! a source's numbers had come is kept as long as the session it belongs to.
//!
//! Invariant: a rebuild after trimming finds what the tables say.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension};
use wk_model::{LastMove, SessionId, Summary, Time};

use crate::{
    fold::Position,
    past,
    refold::summary_seq,
    row,
    stored::{OF_SESSION, STRETCHES, integer, session_id},
};

/// Events that go in one transaction: others wait for it.
const AT_ONCE: usize = 20_000;

/// What trimming came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trimmed {
    pub events: u64,
    /// Sessions that the journal knows no more.
    pub sessions: Vec<SessionId>,
    /// There are more events to trim.
    pub more: bool,
}

/// What is to be trimmed.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The last event to go.
    cut: i64,
    more: bool,
    /// Sessions that need a summary first.
    pub(crate) summarised: Vec<SessionId>,
    vanish: Vec<SessionId>,
}

/// How many events there are that were recorded before `before`, at the journal's beginning.
pub(crate) fn count(connection: &Connection, before: Time) -> rusqlite::Result<u64> {
    connection
        .prepare(
            "SELECT count(*) FROM events WHERE seq < coalesce(
                 (SELECT seq FROM events WHERE recorded_ms >= ?1 ORDER BY seq LIMIT 1),
                 (SELECT max(seq) FROM events))",
        )?
        .query_row([before.as_millis()], |row| row.get(0).map(i64::unsigned_abs))
}

/// Plans what goes next; none where nothing is old enough.
pub(crate) fn plan(connection: &Connection, before: Time) -> rusqlite::Result<Option<Plan>> {
    let Some((cut, more)) = cut(connection, before)? else { return Ok(None) };
    let mut plan = Plan { cut, more, summarised: Vec::new(), vanish: Vec::new() };
    let mut touched = connection.prepare(
        "SELECT session_id, max(kind = 'session_created') FROM events
         WHERE seq <= ?1 AND session_id IS NOT NULL GROUP BY session_id",
    )?;
    let mut rows = touched.query([cut])?;
    while let Some(row) = rows.next()? {
        let (number, begins): (i64, bool) = (row.get(0)?, row.get(1)?);
        let id = session_id(number);
        let stored = connection
            .prepare_cached("SELECT place, seq FROM sessions WHERE id = ?1")?
            .query_row([number], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
            .optional()?;
        match stored {
            // Its creation may still come.
            None => {}
            // Even of an ended session, a beginning that came late, or again, would bring it back.
            Some((place, last))
                if place == 0
                    || last > cut
                    || begins_again(connection, number, cut)?
                    || !(begins || has_begun(connection, id, cut)?) =>
            {
                let newest = summary_seq(connection, id)?;
                if newest.is_none_or(|seq| integer(seq.0) <= cut) {
                    plan.summarised.push(id);
                }
            }
            Some(_) => plan.vanish.push(id),
        }
    }
    Ok(Some(plan))
}

/// Whether a session is created once more after the cut.
fn begins_again(connection: &Connection, id: i64, cut: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT count(*) > 0 FROM repeated WHERE session_id = ?1 AND seq > ?2")?
        .query_row([id, cut], |row| row.get(0))
}

/// Whether a session's creation is gone already, and not only to come after the cut.
fn has_begun(connection: &Connection, id: SessionId, cut: i64) -> rusqlite::Result<bool> {
    let last: i64 = connection.query_row("SELECT max(seq) FROM events", [], |row| row.get(0))?;
    connection
        .prepare_cached(&format!(
            "WITH {STRETCHES} SELECT count(*) = 0 FROM {OF_SESSION}
             WHERE e.kind = 'session_created'"
        ))?
        .query_row([integer(id.number()), cut + 1, last], |row| row.get(0))
}

/// The last of the old events, and whether more are old than go at once. The newest event
/// always stays: numbers go on from it.
fn cut(connection: &Connection, before: Time) -> rusqlite::Result<Option<(i64, bool)>> {
    let mut select = connection.prepare(
        "SELECT seq, recorded_ms FROM events
         WHERE seq < (SELECT max(seq) FROM events) ORDER BY seq",
    )?;
    let mut rows = select.query([])?;
    let (mut cut, mut count) = (None, 0);
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? >= before.as_millis() {
            break;
        }
        if count == AT_ONCE {
            return Ok(cut.map(|cut| (cut, true)));
        }
        (cut, count) = (Some(row.get(0)?), count + 1);
    }
    Ok(cut.map(|cut| (cut, false)))
}

/// What a session is now; none where it has no row that can be read.
pub(crate) fn summary(connection: &Connection, id: SessionId) -> rusqlite::Result<Option<Summary>> {
    let Some(stored) = row::load(connection, id)? else { return Ok(None) };
    let Position { boot, boot_ns, seq } = stored.position;
    let name: Option<String> = connection
        .prepare_cached("SELECT boot FROM boots WHERE id = ?1")?
        .query_row([boot], |row| row.get(0))
        .optional()?;
    let boot = name.and_then(|name| name.parse().ok());
    let last = boot.map(|boot| LastMove { boot, boot_ns, seq });
    Ok(Some(Summary { session: (*stored.session).clone(), last }))
}

/// Forgets what is planned. The summaries are in their table already.
pub(crate) fn trim(connection: &Connection, plan: Plan) -> rusqlite::Result<Trimmed> {
    let sources = note_sources(connection, plan.cut)?;
    for id in &plan.vanish {
        vanish(connection, *id)?;
    }
    let events = connection.execute("DELETE FROM events WHERE seq <= ?1", [plan.cut])?;
    forget_sources(connection, &sources, &plan.vanish)?;
    Ok(Trimmed { events: events as u64, sessions: plan.vanish, more: plan.more })
}

/// Keeps how far each source had come; says which sources those are.
fn note_sources(connection: &Connection, cut: i64) -> rusqlite::Result<Vec<i64>> {
    let last: HashMap<i64, i64> = connection
        .prepare("SELECT source, max(source_seq) FROM events WHERE seq <= ?1 GROUP BY source")?
        .query_map([cut], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut note =
        connection.prepare("UPDATE sources SET trimmed = max(trimmed, ?2) WHERE id = ?1")?;
    for (source, number) in &last {
        note.execute([source, number])?;
    }
    Ok(last.into_keys().collect())
}

/// Sources are named after the session they are of: they go with it.
fn forget_sources(
    connection: &Connection,
    sources: &[i64],
    vanished: &[SessionId],
) -> rusqlite::Result<()> {
    let vanished: HashSet<SessionId> = vanished.iter().copied().collect();
    for source in sources {
        let name: Option<String> = connection
            .prepare_cached(
                "SELECT name FROM sources WHERE id = ?1
                     AND NOT EXISTS (SELECT 1 FROM events WHERE source = ?1)",
            )?
            .query_row([source], |row| row.get(0))
            .optional()?;
        let is_gone = |part: &str| part.parse().is_ok_and(|id| vanished.contains(&id));
        if name.is_some_and(|name| name.split('/').any(is_gone)) {
            connection.prepare_cached("DELETE FROM sources WHERE id = ?1")?.execute([source])?;
        }
    }
    Ok(())
}

/// Removes all that the tables have of a session, and what summed it up.
fn vanish(connection: &Connection, id: SessionId) -> rusqlite::Result<()> {
    let number = integer(id.number());
    if let Ok(Some(stored)) = row::load(connection, id) {
        past::delete_with_labels(connection, &stored.session)?;
        if let Some(key) = &stored.session.created.idempotency_key {
            connection
                .prepare_cached("DELETE FROM idempotency WHERE key = ?1 AND session_id = ?2")?
                .execute(rusqlite::params![key, number])?;
        }
    }
    row::delete(connection, id)?;
    // A summary is no event of the session's: it would keep it alive for as long again.
    connection
        .prepare_cached(
            "DELETE FROM events WHERE seq = (SELECT seq FROM summaries WHERE session_id = ?1)",
        )?
        .execute([number])?;
    connection.prepare_cached("DELETE FROM summaries WHERE session_id = ?1")?.execute([number])?;
    connection.prepare_cached("DELETE FROM repeated WHERE session_id = ?1")?.execute([number])?;
    Ok(())
}
