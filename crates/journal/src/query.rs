//! Lists sessions, newest first: the living from memory, the ended from `past`.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use rusqlite::{Connection, OptionalExtension};
use wk_model::{Condition, Kind, Label, Session, SessionId, Status, Time};

use crate::{
    Journal,
    clock::now,
    error::{JournalError, Result},
    find,
    row::{COLUMNS, read_session},
};

/// Which sessions to list; all that is set must fit. Removed ones are never listed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionQuery {
    /// One of these; empty: any.
    pub statuses: Vec<Status>,
    /// Not ended.
    pub active: bool,
    /// Failed, or timed out.
    pub failed: bool,
    /// One of these; empty: any.
    pub kinds: Vec<Kind>,
    pub session_type: Option<SessionType>,
    /// Whose end was never heard: living, as far as anybody knows.
    pub incomplete: bool,
    pub name: Option<String>,
    pub agent_id: Option<String>,
    pub component: Option<String>,
    pub username: Option<String>,
    /// All of these.
    pub labels: Vec<Label>,
    /// Started then or later.
    pub started_after: Option<Time>,
    /// Started earlier.
    pub started_before: Option<Time>,
    /// Lasted, or lasts, longer than this.
    pub longer_than_ms: Option<u64>,
    /// Living, or ended then or later.
    pub ended_since: Option<Time>,
    /// The page after this session.
    pub before: Option<SessionId>,
    /// At most so many; 0: all.
    pub limit: usize,
}

/// What people call the type of a session: its kind, another word for one, or what its shell
/// is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionType {
    Kind(Kind),
    /// A shell that a client told of.
    ReportedShell,
    /// What its client says that the shell is, e.g. `MahavishnuShell`.
    Shell(String),
}

impl From<&str> for SessionType {
    fn from(text: &str) -> Self {
        match text.parse() {
            Ok(kind) => Self::Kind(kind),
            Err(_) if text == "admin_shell" => Self::ReportedShell,
            Err(_) => Self::Shell(text.to_owned()),
        }
    }
}

impl SessionType {
    fn fits(&self, session: &Session) -> bool {
        let created = &session.created;
        match self {
            Self::Kind(kind) => created.session_kind == *kind,
            Self::ReportedShell => {
                created.session_kind == Kind::Shell && created.reported.is_some()
            }
            Self::Shell(word) => created.shell_type.as_ref() == Some(word),
        }
    }
}

/// A part of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    pub sessions: Vec<Arc<Session>>,
    /// There are older ones.
    pub more: bool,
}

impl Journal {
    /// Sessions that fit, newest first.
    pub fn sessions(&self, query: &SessionQuery) -> Result<Page> {
        let before = self.cursor(query)?;
        let limit = if query.limit == 0 { usize::MAX } else { query.limit };
        // The living first: one that ends meanwhile is then seen twice, not missed.
        let living = self.living(query, before);
        let past = self.shared.memory.read(|connection| past(connection, query, before))?;
        let mut found: BTreeMap<_, _> =
            living.into_iter().map(|session| (newest_first(&session), session)).collect();
        found.extend(past.into_iter().map(|session| (newest_first(&session), session)));
        let more = found.len() > limit;
        Ok(Page { sessions: found.into_values().take(limit).collect(), more })
    }

    /// How many sessions fit, whatever the limit; one that ends just now may count twice.
    pub fn count(&self, query: &SessionQuery) -> Result<u64> {
        let before = self.cursor(query)?;
        let living = self.living(query, before).len() as u64;
        let past = self.shared.memory.read(|connection| {
            // Strips and what is loose, at one moment.
            let snapshot = connection.unchecked_transaction()?;
            find::count(&snapshot, query, before)
        })?;
        Ok(living + past)
    }

    pub(crate) fn living(&self, query: &SessionQuery, before: Option<Place>) -> Vec<Arc<Session>> {
        let now = now();
        let fits = |session: &Arc<Session>| {
            query.fits(session, now)
                && before.is_none_or(|place| (session.start_time, session.id) < place)
        };
        self.live().into_iter().filter(fits).collect()
    }

    pub(crate) fn cursor(&self, query: &SessionQuery) -> Result<Option<Place>> {
        let Some(session_id) = query.before else { return Ok(None) };
        let session = self.session(session_id)?;
        let session = session.ok_or(JournalError::NoSuchSession { session_id })?;
        Ok(Some((session.start_time, session.id)))
    }
}

/// A session's place in lists.
pub(crate) type Place = (Time, SessionId);

fn newest_first(session: &Session) -> Reverse<Place> {
    Reverse((session.start_time, session.id))
}

impl SessionQuery {
    /// Whether it lists a session that has not been removed.
    pub(crate) fn fits(&self, session: &Session, now: Time) -> bool {
        let (created, status, ended) = (&session.created, session.status(), session.ended());
        let is =
            |wanted: &Option<String>, given: &Option<String>| wanted.is_none() || wanted == given;
        let end = ended.map_or(now, |ended| ended.at);
        (self.statuses.is_empty() || status.is_some_and(|status| self.statuses.contains(&status)))
            && !(self.active && ended.is_some())
            && (!self.failed || matches!(status, Some(Status::Failed | Status::Timeout)))
            && (self.kinds.is_empty() || self.kinds.contains(&created.session_kind))
            && (self.name.is_none() || self.name.as_deref() == session.name())
            && self.session_type.as_ref().is_none_or(|wanted| wanted.fits(session))
            && (!self.incomplete || is_incomplete(session))
            && is(&self.agent_id, &created.agent_id)
            && is(&self.component, &created.component_name)
            && is(&self.username, &created.username)
            && self.labels.iter().all(|label| created.labels.get(&label.key) == Some(&label.value))
            && self.started_after.is_none_or(|time| session.start_time >= time)
            && self.started_before.is_none_or(|time| session.start_time < time)
            && self.longer_than_ms.is_none_or(|ms| end.millis_since(session.start_time) > ms)
            && self.ended_since.is_none_or(|time| ended.is_none_or(|ended| ended.at >= time))
    }

    /// Which statuses of ended sessions to look for, empty for all; none where none can fit.
    pub(crate) fn past_statuses(&self) -> Option<Vec<Status>> {
        const ENDED: [Status; 4] =
            [Status::Completed, Status::Failed, Status::Cancelled, Status::Timeout];
        let wanted: Vec<_> = ENDED
            .into_iter()
            .filter(|_| !self.active && !self.incomplete)
            .filter(|status| self.statuses.is_empty() || self.statuses.contains(status))
            .filter(|status| !self.failed || matches!(status, Status::Failed | Status::Timeout))
            .collect();
        match wanted.len() {
            0 => None,
            4 => Some(Vec::new()),
            _ => Some(wanted),
        }
    }
}

fn is_incomplete(session: &Session) -> bool {
    !session.is_ended() && session.conditions.contains(&Condition::Incomplete)
}

/// Ended sessions that fit, one more than the limit where there are more.
fn past(
    connection: &Connection,
    query: &SessionQuery,
    before: Option<Place>,
) -> rusqlite::Result<Vec<Arc<Session>>> {
    // Strips, what is loose and the sessions themselves, at one moment.
    let snapshot = connection.unchecked_transaction()?;
    let limit = (query.limit > 0).then(|| query.limit.saturating_add(1));
    let places = find::newest(&snapshot, query, before, limit)?;
    let mut select = snapshot.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM past p CROSS JOIN sessions s ON s.row = p.row
             CROSS JOIN creations c ON c.row = p.row
         WHERE p.start_ms = ?1 AND p.id = ?2"
    ))?;
    let mut sessions = Vec::with_capacity(places.len());
    for (start, id) in places {
        sessions.extend(select.query_row([start, id], read_session).optional()?);
    }
    Ok(sessions)
}
