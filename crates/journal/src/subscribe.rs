//! Reads events: a page of them, or all as they come.
//!
//! A subscriber that keeps up is served from memory, one that does not from disk, at its own
//! pace; neither holds anything for it. Sessions are shown as the events left them: nobody
//! hears of an event before `Journal::session` knows what it did.

use std::sync::{Arc, atomic::Ordering};

use rusqlite::{Connection, OptionalExtension, params_from_iter, types::Value};
use tokio::sync::watch;
use wk_model::{Event, Seq, SessionId, Source};

use crate::{
    Journal, Shared,
    error::{JournalError, Result},
    stored::{COLUMNS, JOINED, OF_SESSION, STRETCHES, integer, read_event},
};

/// Events that a subscriber is given at once.
const BATCH: usize = 256;
/// Bytes of payload read from disk at once; a single larger event is read by itself.
const BATCH_BYTES: usize = 4 << 20;

/// Which events to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventQuery {
    pub after: Seq,
    pub session: Option<SessionId>,
    /// Only these; empty: all.
    pub kinds: Vec<String>,
    /// At most so many; 0: all.
    pub limit: usize,
}

/// Follows the journal from a place in it: every event once, in order.
#[derive(Debug)]
pub struct Subscription {
    after: Seq,
    session: Option<SessionId>,
    last: watch::Receiver<Seq>,
    shared: Arc<Shared>,
}

impl Journal {
    /// Events that are kept, oldest first.
    pub fn events(&self, query: &EventQuery) -> Result<Vec<Event>> {
        let last = self.last();
        // Nothing is before the first event: no stretch of it need be looked into.
        let after = Seq(query.after.0.max(self.first().0.saturating_sub(1)));
        let query = &EventQuery { after, ..query.clone() };
        self.shared.memory.read(|connection| select(connection, query, last, usize::MAX))
    }

    /// The events after `after`, those to come included. Costs nothing while nothing happens.
    pub fn subscribe(&self, after: Seq, session: Option<SessionId>) -> Subscription {
        let (shared, last) = (Arc::clone(&self.shared), self.shared.last.clone());
        Subscription { after, session, last, shared }
    }

    /// Whether a source's number was taken in, be it long ago.
    pub fn has(&self, source: &Source, number: u64) -> Result<bool> {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        self.shared.memory.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT trimmed >= ?2 OR EXISTS (
                         SELECT 1 FROM events WHERE source = s.id AND source_seq = ?2)
                     FROM sources s WHERE name = ?1",
                )?
                .query_row(rusqlite::params![source.0, number], |row| row.get(0))
                .optional()
                .map(Option::unwrap_or_default)
        })
    }

    /// The highest number that was taken in from a source; 0 before the first.
    pub fn source_seq(&self, source: &Source) -> Result<u64> {
        self.shared.memory.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT max(trimmed, coalesce(
                         (SELECT max(source_seq) FROM events WHERE source = s.id), 0))
                     FROM sources s WHERE name = ?1",
                )?
                .query_row([&source.0], |row| row.get::<_, i64>(0).map(i64::unsigned_abs))
                .optional()
                .map(Option::unwrap_or_default)
        })
    }
}

impl Subscription {
    /// The next events, at least one; waits for it. To be called within a tokio runtime.
    ///
    /// Loses nothing when it is cancelled. Ends with `Closed`, after the last event.
    pub async fn next(&mut self) -> Result<Vec<Arc<Event>>> {
        loop {
            let last = *self.last.borrow_and_update();
            if self.after >= last {
                self.last.changed().await.map_err(|_| JournalError::Closed)?;
                continue;
            }
            self.check_kept()?;
            let recent = self.shared.memory.recent().after(self.after, self.session, BATCH);
            let (events, reached) = match recent {
                Some(found) => found,
                None => self.read(last).await?,
            };
            self.after = reached;
            if !events.is_empty() {
                return Ok(events);
            }
        }
    }

    fn check_kept(&self) -> Result<()> {
        let first = Seq(self.shared.first.load(Ordering::Acquire));
        if self.after.0 + 1 < first.0 { Err(JournalError::Trimmed { first }) } else { Ok(()) }
    }

    /// Reads from disk, and says how far that reaches.
    async fn read(&self, last: Seq) -> Result<(Vec<Arc<Event>>, Seq)> {
        let (after, session, shared) = (self.after, self.session, Arc::clone(&self.shared));
        let query = EventQuery { after, session, kinds: Vec::new(), limit: BATCH };
        let read =
            move || shared.memory.read(|connection| select(connection, &query, last, BATCH_BYTES));
        let read = tokio::task::spawn_blocking(read).await;
        let events = read.map_err(|_| JournalError::Closed)??;
        self.check_kept()?;
        let reached = match events.last() {
            // There may be more where these are from.
            Some(event) => event.seq,
            None => last,
        };
        Ok((events.into_iter().map(Arc::new).collect(), reached))
    }
}

/// Events up to `last`, and up to `bytes` of payload unless the first is larger.
fn select(
    connection: &Connection,
    query: &EventQuery,
    last: Seq,
    bytes: usize,
) -> rusqlite::Result<Vec<Event>> {
    let session = query.session.map_or(Value::Null, |session| integer(session.number()).into());
    let mut sql = match query.session {
        Some(_) => format!("WITH {STRETCHES} SELECT {COLUMNS} FROM {OF_SESSION} {JOINED} WHERE 1"),
        None => format!("SELECT {COLUMNS} FROM events e {JOINED} WHERE e.seq BETWEEN ?2 AND ?3"),
    };
    let mut values =
        vec![session, integer(query.after.0.saturating_add(1)).into(), integer(last.0).into()];
    if !query.kinds.is_empty() {
        sql += &format!(" AND e.kind IN ({})", vec!["?"; query.kinds.len()].join(", "));
        values.extend(query.kinds.iter().cloned().map(Value::from));
    }
    if query.session.is_none() {
        sql += " ORDER BY e.seq";
    }
    let limit = if query.limit == 0 { usize::MAX } else { query.limit };
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let (mut events, mut read) = (Vec::new(), 0);
    while events.len() < limit
        && let Some(row) = rows.next()?
    {
        read += row.get_ref(11)?.as_str()?.len();
        if read > bytes && !events.is_empty() {
            break;
        }
        events.push(read_event(row)?);
    }
    Ok(events)
}
