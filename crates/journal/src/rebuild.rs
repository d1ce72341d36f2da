//! Makes the sessions again from the events, and tells where the tables said otherwise.

use rusqlite::{Connection, OptionalExtension, params};
use wk_model::SessionId;

use crate::{
    error::{JournalError, Result},
    past::{self, Past},
    refold::{Range, Refolded, refold},
    row,
    stored::{integer, session_id},
    strips,
};

/// What a rebuild found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RebuildReport {
    pub sessions: u64,
    pub events: u64,
    /// Sessions that the tables had otherwise; they have been put right.
    pub differing: Vec<SessionId>,
}

/// Folds every session again, in one transaction.
pub(crate) fn rebuild(connection: &mut Connection) -> Result<RebuildReport> {
    let failed = JournalError::database("rebuild");
    let transaction = connection.transaction().map_err(&failed)?;
    // Made anew without a comparison: they say nothing that the sessions do not.
    transaction
        .execute_batch(
            "DELETE FROM labels; DELETE FROM idempotency; DELETE FROM awaited;
             DELETE FROM creations WHERE row NOT IN (SELECT row FROM sessions);
             DELETE FROM summaries;
             INSERT INTO summaries SELECT session_id, max(seq) FROM events
                 WHERE kind = 'session_summarised' AND session_id IS NOT NULL GROUP BY session_id;
             DELETE FROM repeated;
             INSERT INTO repeated SELECT session_id, max(seq) FROM events
                 WHERE kind = 'session_created' AND session_id IS NOT NULL GROUP BY session_id
                 HAVING count(*) > 1 OR session_id IN (SELECT session_id FROM summaries);",
        )
        .map_err(&failed)?;
    strips::clear(&transaction).map_err(&failed)?;
    let mut report = RebuildReport::default();
    for (id, range) in sessions(&transaction).map_err(&failed)? {
        let folded = refold(&transaction, id, range)?;
        if !put_right(&transaction, id, folded.as_ref()).map_err(&failed)? {
            report.differing.push(id);
        }
        match folded {
            Some(_) => report.sessions += 1,
            None => row::await_creation(&transaction, id)?,
        }
    }
    strips::seal(&transaction, usize::MAX).map_err(&failed)?;
    let events = transaction.query_row("SELECT count(*) FROM events", [], |row| row.get(0));
    report.events = events.map(i64::unsigned_abs).map_err(&failed)?;
    transaction.commit().map_err(&failed)?;
    Ok(report)
}

/// Makes the tables say of one session what its events say; whether they did already.
fn put_right(
    connection: &Connection,
    id: SessionId,
    folded: Option<&Refolded>,
) -> rusqlite::Result<bool> {
    // State that cannot be read differs from any that can.
    let stored = row::load(connection, id);
    let right = match (&stored, folded) {
        (Ok(Some(stored)), Some(folded)) => {
            *stored.session == folded.session && stored.position == folded.position
        }
        (Ok(None), None) => true,
        _ => false,
    };
    let right = right
        && place(connection, id)? == folded.map(|folded| row::place(&folded.session))
        && Past::load(connection, id)? == folded.and_then(|folded| Past::of(&folded.session));
    if !right {
        row::delete(connection, id)?;
    }
    let Some(Refolded { session, position, .. }) = folded else { return Ok(right) };
    if !right {
        row::insert(connection, session, *position)?;
    } else if Past::of(session).is_some() {
        past::insert_labels(connection, session)?;
    }
    if let Some(key) = &session.created.idempotency_key {
        connection
            .prepare_cached("INSERT OR IGNORE INTO idempotency (key, session_id) VALUES (?1, ?2)")?
            .execute(params![key, integer(id.number())])?;
    }
    Ok(right)
}

fn place(connection: &Connection, id: SessionId) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT place FROM sessions WHERE id = ?1")?
        .query_row([integer(id.number())], |row| row.get(0))
        .optional()
}

/// Every session that any table speaks of, and where its events are.
fn sessions(connection: &Connection) -> rusqlite::Result<Vec<(SessionId, Range)>> {
    connection
        .prepare(
            "SELECT session_id, min(seq), max(seq) FROM events WHERE session_id IS NOT NULL
                 GROUP BY session_id
             UNION ALL SELECT id, 1, 1 FROM (SELECT id FROM sessions UNION SELECT id FROM past)
                 WHERE id NOT IN (SELECT session_id FROM events WHERE session_id IS NOT NULL)",
        )?
        .query_map([], |row| {
            let range = Range { first: row.get(1)?, last: row.get(2)? };
            Ok((session_id(row.get(0)?), range))
        })?
        .collect()
}
