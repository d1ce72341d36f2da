//! Finds one session: by id, by what a person typed, or by idempotency key.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use wk_model::{Session, SessionId};

use crate::{
    Journal,
    error::Result,
    query::SessionQuery,
    row::{self, COLUMNS, read_session},
    stored::{integer, session_id},
};

/// Candidates named when a text fits several sessions.
const CANDIDATES: usize = 20;

/// Sessions, the newest, that are looked through for an agent's own id.
const RECENT: usize = 1000;

/// The sessions that a text stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolved {
    One(Arc<Session>),
    None,
    /// Some of those it fits, newest first.
    Ambiguous(Vec<Arc<Session>>),
}

impl Journal {
    /// The session with this id; also one that was removed.
    pub fn session(&self, id: SessionId) -> Result<Option<Arc<Session>>> {
        if let Some(session) = self.shared.memory.one_living(id) {
            return Ok(Some(session));
        }
        let stored = self.shared.memory.read(|connection| row::load(connection, id))?;
        Ok(stored.map(|stored| stored.session))
    }

    /// The session that a person means: by its id, else by its name (a living one before the
    /// newest that ended), else by a prefix of its id, else by its agent's own id of it, among
    /// those that live and the latest that do not. Removed ones are not found.
    pub fn resolve(&self, text: &str) -> Result<Resolved> {
        if let Ok(id) = text.parse()
            && let Some(session) = self.session(id)?
            && !session.removed
        {
            return Ok(Resolved::One(session));
        }
        let living = self.live();
        let named = |session: &&Arc<Session>| session.name() == Some(text);
        match Resolved::from(living.iter().filter(named).cloned().collect::<Vec<_>>()) {
            Resolved::None => {}
            resolved => return Ok(resolved),
        }
        let read = |connection: &Connection| match newest_named(connection, text)? {
            Some(session) => Ok(vec![session]),
            None => by_prefix(connection, text),
        };
        match self.shared.memory.read(read)?.into() {
            Resolved::None => self.by_external_id(text, &living),
            resolved => Ok(resolved),
        }
    }

    /// One that is resumed has its id again and again: the newest is meant.
    fn by_external_id(&self, text: &str, living: &[Arc<Session>]) -> Result<Resolved> {
        let is_it = |session: &&Arc<Session>| session.external_id() == Some(text);
        let newest = living.iter().filter(is_it).max_by_key(|session| session.start_time);
        if let Some(session) = newest {
            return Ok(Resolved::One(Arc::clone(session)));
        }
        let query = SessionQuery { limit: RECENT, ..SessionQuery::default() };
        let found = self.sessions(&query)?.sessions.into_iter().find(|session| is_it(&session));
        Ok(found.map_or(Resolved::None, Resolved::One))
    }

    /// The session that was created with this idempotency key.
    pub fn by_idempotency_key(&self, key: &str) -> Result<Option<SessionId>> {
        self.shared.memory.read(|connection| {
            connection
                .prepare_cached("SELECT session_id FROM idempotency WHERE key = ?1")?
                .query_row([key], |row| row.get(0).map(session_id))
                .optional()
        })
    }
}

impl From<Vec<Arc<Session>>> for Resolved {
    fn from(mut found: Vec<Arc<Session>>) -> Self {
        found.sort_by_key(|session| std::cmp::Reverse((session.start_time, session.id)));
        found.truncate(CANDIDATES);
        match (found.pop(), found.is_empty()) {
            (None, _) => Self::None,
            (Some(session), true) => Self::One(session),
            (Some(oldest), false) => {
                found.push(oldest);
                Self::Ambiguous(found)
            }
        }
    }
}

fn newest_named(connection: &Connection, name: &str) -> rusqlite::Result<Option<Arc<Session>>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM past p CROSS JOIN sessions s ON s.row = p.row
                 CROSS JOIN creations c ON c.row = s.row
             WHERE p.name = ?1 ORDER BY p.start_ms DESC, p.id DESC LIMIT 1"
        ))?
        .query_row([name], read_session)
        .optional()
}

fn by_prefix(connection: &Connection, prefix: &str) -> rusqlite::Result<Vec<Arc<Session>>> {
    if !SessionId::is_prefix(prefix) {
        return Ok(Vec::new());
    }
    // Ids are of a fixed length, and their numbers sort as they do.
    let end = |filler: char| {
        let id = format!("{prefix:filler$}", filler = SessionId::LENGTH)
            .replace(' ', &filler.to_string());
        id.parse::<SessionId>().map_or(0, |id| integer(id.number()))
    };
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM sessions s CROSS JOIN creations c ON c.row = s.row
             WHERE s.id BETWEEN ?1 AND ?2 AND s.place < 2 LIMIT ?3"
        ))?
        .query_map(params![end('0'), end('z'), CANDIDATES as i64], read_session)?
        .collect()
}
