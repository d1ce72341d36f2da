//! Lists sessions, newest first: the living from memory, the ended from `past`.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use wk_model::{Kind, Label, Session, SessionId, Status, Time};

use crate::{
    Journal,
    clock::now,
    error::{JournalError, Result},
    filter::Filter,
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
        let past = self.shared.memory.read(|connection| {
            let mut past = Vec::new();
            for status in query.past_statuses() {
                past.extend(
                    Filter::new(connection, query, status, before)?.select(connection, limit)?,
                );
            }
            Ok(past)
        })?;
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
            let mut past = 0;
            for status in query.past_statuses() {
                past += Filter::new(connection, query, status, before)?.count(connection)?;
            }
            Ok(past)
        })?;
        Ok(living + past)
    }

    fn living(&self, query: &SessionQuery, before: Option<Place>) -> Vec<Arc<Session>> {
        let now = now();
        let fits = |session: &Arc<Session>| {
            query.fits(session, now)
                && before.is_none_or(|place| (session.start_time, session.id) < place)
        };
        self.live().into_iter().filter(fits).collect()
    }

    fn cursor(&self, query: &SessionQuery) -> Result<Option<Place>> {
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
            && is(&self.agent_id, &created.agent_id)
            && is(&self.component, &created.component_name)
            && is(&self.username, &created.username)
            && self.labels.iter().all(|label| created.labels.get(&label.key) == Some(&label.value))
            && self.started_after.is_none_or(|time| session.start_time >= time)
            && self.started_before.is_none_or(|time| session.start_time < time)
            && self.longer_than_ms.is_none_or(|ms| end.millis_since(session.start_time) > ms)
            && self.ended_since.is_none_or(|time| ended.is_none_or(|ended| ended.at >= time))
    }

    /// The statuses of ended sessions to read one by one, since each is in the order of lists
    /// by itself; a single none where no status is left out.
    fn past_statuses(&self) -> Vec<Option<Status>> {
        const ENDED: [Status; 4] =
            [Status::Completed, Status::Failed, Status::Cancelled, Status::Timeout];
        let wanted: Vec<_> = ENDED
            .into_iter()
            .filter(|_| !self.active)
            .filter(|status| self.statuses.is_empty() || self.statuses.contains(status))
            .filter(|status| !self.failed || matches!(status, Status::Failed | Status::Timeout))
            .map(Some)
            .collect();
        if wanted.len() == ENDED.len() { vec![None] } else { wanted }
    }
}
