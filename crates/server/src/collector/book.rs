//! Whose events they are: by the agent's own id of its session.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use wk_journal::{Journal, JournalError};
use wk_model::{
    AttemptExited, AttemptStarted, Change, Created, Draft, Ending, HealthChanged, HolderUsage,
    Kind, Moment, RecoveryOptions, Reported, Session, SessionId, Source,
};

use super::{Incoming, NotTaken};

/// Ids that are remembered; more are looked up.
const REMEMBERED: usize = 10_000;

/// Sessions that are known by unverified words only, and live: more are not made.
const MOST_UNVERIFIED: usize = 10_000;

/// What senders write who cannot tell.
const UNKNOWN: &str = "unknown";

#[derive(Debug, Default)]
pub(super) struct Book {
    known: Mutex<HashMap<String, SessionId>>,
    /// Who makes sessions, makes them alone: none is made twice.
    making: tokio::sync::Mutex<()>,
}

impl Book {
    /// The session of each event; none where nobody can tell whose it is, or where there are
    /// too many to make another.
    pub(super) async fn find(
        &self,
        journal: &Journal,
        events: &[Incoming],
        verified: bool,
        at: Moment,
    ) -> Result<Vec<Option<SessionId>>, NotTaken> {
        let mut found = HashMap::new();
        if !self.look(events, &mut found).is_empty() {
            let _alone = self.making.lock().await;
            // Somebody may have made them while we waited.
            let strangers = self.look(events, &mut found);
            let made = make(journal, &strangers, verified, at).await?;
            self.remember(&made);
            found.extend(made);
        }
        Ok(events.iter().map(|event| found.get(&event.session_id).copied()).collect())
    }

    /// Puts what is known into `found`; answers one event of each other session.
    fn look<'a>(
        &self,
        events: &'a [Incoming],
        found: &mut HashMap<String, SessionId>,
    ) -> Vec<&'a Incoming> {
        let (known, mut seen, mut strangers) = (self.known(), HashSet::new(), Vec::new());
        for event in events {
            let id = event.session_id.as_str();
            // What older senders say when they do not know is nobody's id.
            if found.contains_key(id) || id == UNKNOWN {
                continue;
            }
            match known.get(id) {
                Some(session_id) => drop(found.insert(id.to_owned(), *session_id)),
                None if seen.insert(id) => strangers.push(event),
                None => {}
            }
        }
        strangers
    }

    fn remember(&self, made: &HashMap<String, SessionId>) {
        let mut known = self.known();
        if known.len() + made.len() > REMEMBERED {
            known.clear();
        }
        known.extend(made.iter().map(|(id, session_id)| (id.clone(), *session_id)));
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, SessionId>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Finds sessions of events in the journal, or makes them.
async fn make(
    journal: &Journal,
    strangers: &[&Incoming],
    verified: bool,
    at: Moment,
) -> Result<HashMap<String, SessionId>, NotTaken> {
    let live = journal.live();
    let by_agent: HashMap<&str, SessionId> =
        live.iter().filter_map(|session| Some((session.external_id()?, session.id))).collect();
    let unverified = live.iter().filter(|session| is_unverified(session)).count();
    let mut left = MOST_UNVERIFIED.saturating_sub(unverified);
    let (mut found, mut drafts) = (HashMap::new(), Vec::new());
    for event in strangers {
        let id = &event.session_id;
        let key = key(id);
        let known = match by_agent.get(id.as_str()) {
            Some(session_id) => Some(*session_id),
            None => journal.by_idempotency_key(&key)?,
        };
        if let Some(session_id) = known {
            found.insert(id.clone(), session_id);
        } else if verified || left > 0 {
            left = left.saturating_sub(1);
            let session_id = new_id().ok_or(NotTaken::NoId)?;
            drafts.extend(begin(session_id, created(event, key, verified), at));
            found.insert(id.clone(), session_id);
        }
    }
    if !drafts.is_empty() {
        journal.append(drafts).await?;
    }
    Ok(found)
}

/// What ends a session whose agent says that it is over; nothing where that is not for it to say.
pub(super) fn end(
    journal: &Journal,
    session_id: SessionId,
    verified: bool,
) -> Result<Vec<Draft>, JournalError> {
    let Some(session) = journal.session(session_id)? else { return Ok(Vec::new()) };
    let own = session.created.idempotency_key.as_deref() == Some(key_of(&session).as_str());
    let may = verified || is_unverified(&session);
    if session.is_ended() || !own || !may {
        return Ok(Vec::new());
    }
    let ending = Ending::Closed { by: None };
    let outcome = ending.outcome(Kind::Agent, false, None);
    let usage = HolderUsage::default();
    let exited = AttemptExited { attempt: 1, ending, limit: None, usage, last_lines: None };
    let at = wk_holder::host::now();
    let once = |what: &str, change| Draft {
        at,
        session_id: Some(session_id),
        source: Source(format!("daemon/{what}/{session_id}")),
        source_seq: Some(1),
        trace_parent: None,
        change,
    };
    Ok(vec![
        once("watched", Change::AttemptExited(exited)),
        once("closed", Change::SessionClosed { outcome }),
    ])
}

fn is_unverified(session: &Session) -> bool {
    session.created.reported.as_ref().is_some_and(|reported| !reported.verified)
}

fn key_of(session: &Session) -> String {
    key(session.created.external_id.as_deref().unwrap_or_default())
}

/// The key by which the session of an agent's id is found again.
fn key(external_id: &str) -> String {
    let digest = Sha256::digest(external_id.as_bytes());
    format!("collector/{}", URL_SAFE_NO_PAD.encode(&digest[..18]))
}

fn new_id() -> Option<SessionId> {
    let mut bits = [0; 8];
    let flags = rustix::rand::GetRandomFlags::empty();
    let filled = rustix::rand::getrandom(&mut bits, flags).ok()?;
    (filled == bits.len()).then(|| SessionId::from_random(u64::from_le_bytes(bits)))
}

fn created(event: &Incoming, key: String, verified: bool) -> Created {
    Created {
        session_kind: Kind::Agent,
        command: Vec::new(),
        external_id: Some(event.session_id.clone()),
        agent_id: Some(event.source_app.clone()),
        component_name: Some(event.source_app.clone()),
        keep_descendants: true,
        recovery: RecoveryOptions { enabled: false, ..RecoveryOptions::default() },
        watched: true,
        // Where its process is, nobody says.
        reported: Some(Reported { verified, remote: true, ..Reported::default() }),
        idempotency_key: Some(key),
        ..Created::default()
    }
}

/// The events that begin a session of which only words are known.
fn begin(session_id: SessionId, created: Created, at: Moment) -> [Draft; 3] {
    let reason = "it is known from events that were sent: only they can tell its end";
    [
        Change::SessionCreated(Box::new(created)),
        Change::AttemptStarted(AttemptStarted::found(None)),
        Change::HealthChanged(HealthChanged::incomplete(reason)),
    ]
    .map(|change| Draft {
        at,
        session_id: Some(session_id),
        source: Source::daemon(),
        source_seq: None,
        trace_parent: None,
        change,
    })
}
