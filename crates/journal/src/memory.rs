//! What readers share in memory: living sessions, recent events, connections.
//!
//! Only committed things get here.

use std::{
    collections::{HashMap, VecDeque},
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use rusqlite::Connection;
use wk_model::{Event, Seq, Session, SessionId};

use crate::{
    error::{JournalError, Result},
    open, schema,
};

/// Events kept at hand for subscribers that keep up; the others read from disk.
const RECENT: usize = 4096;
/// Bytes of payload in them, beyond which fewer are kept.
const RECENT_BYTES: usize = 4 << 20;
/// Reads that run side by side.
const READERS: usize = 3;

#[derive(Debug)]
pub(crate) struct Memory {
    living: RwLock<HashMap<SessionId, Arc<Session>>>,
    recent: Mutex<Recent>,
    readers: [Mutex<Connection>; READERS],
    turn: AtomicUsize,
}

/// The newest events, without a gap between them.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    events: VecDeque<Fresh>,
    bytes: usize,
}

/// An event and the length of its stored payload.
#[derive(Clone, Debug)]
pub(crate) struct Fresh {
    pub(crate) event: Arc<Event>,
    pub(crate) bytes: usize,
}

impl Memory {
    pub(crate) fn new(path: &Path, living: Vec<Arc<Session>>) -> Result<Self> {
        let reader = || {
            let connected = schema::connect_reader(path);
            connected.map(Mutex::new).map_err(JournalError::database("read"))
        };
        let memory = Self {
            living: RwLock::default(),
            recent: Mutex::default(),
            readers: [reader()?, reader()?, reader()?],
            turn: AtomicUsize::new(0),
        };
        memory.replace_living(living);
        Ok(memory)
    }

    pub(crate) fn living(&self) -> Vec<Arc<Session>> {
        let living = self.living.read().unwrap_or_else(PoisonError::into_inner);
        living.values().map(Arc::clone).collect()
    }

    pub(crate) fn one_living(&self, id: SessionId) -> Option<Arc<Session>> {
        let living = self.living.read().unwrap_or_else(PoisonError::into_inner);
        living.get(&id).map(Arc::clone)
    }

    /// Takes up sessions as they are now.
    pub(crate) fn show(&self, sessions: Vec<Arc<Session>>) {
        let mut living = self.living.write().unwrap_or_else(PoisonError::into_inner);
        for session in sessions {
            if session.is_ended() {
                living.remove(&session.id);
            } else {
                living.insert(session.id, session);
            }
        }
    }

    pub(crate) fn replace_living(&self, sessions: Vec<Arc<Session>>) {
        let sessions = sessions.into_iter().map(|session| (session.id, session)).collect();
        *self.living.write().unwrap_or_else(PoisonError::into_inner) = sessions;
    }

    pub(crate) fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads from disk.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let free = self.readers.iter().find_map(|reader| reader.try_lock().ok());
        let connection = free.unwrap_or_else(|| {
            self.readers[turn % READERS].lock().unwrap_or_else(PoisonError::into_inner)
        });
        let read = read(&connection).map_err(JournalError::database("read"));
        read.inspect_err(|error| open::note_damage(&connection, error))
    }
}

impl Recent {
    /// Adds events that follow those it has.
    pub(crate) fn extend(&mut self, events: impl IntoIterator<Item = Fresh>) {
        for fresh in events {
            self.bytes += fresh.bytes;
            self.events.push_back(fresh);
            while self.events.len() > RECENT || self.bytes > RECENT_BYTES {
                let Some(oldest) = self.events.pop_front() else { break };
                self.bytes -= oldest.bytes;
            }
        }
    }

    /// Lets go of events before `first`.
    pub(crate) fn forget(&mut self, first: Seq) {
        while self.events.front().is_some_and(|fresh| fresh.event.seq < first) {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= oldest.bytes;
        }
    }

    /// Up to `limit` events after `after`, and how far they reach; none if some are not here.
    pub(crate) fn after(
        &self,
        after: Seq,
        session: Option<SessionId>,
        limit: usize,
    ) -> Option<(Vec<Arc<Event>>, Seq)> {
        let first = self.events.front()?.event.seq.0;
        let skip = usize::try_from((after.0 + 1).checked_sub(first)?).ok()?;
        let mut found = Vec::new();
        let mut reached = after;
        for Fresh { event, .. } in self.events.iter().skip(skip) {
            reached = event.seq;
            if session.is_none() || event.session_id == session {
                found.push(Arc::clone(event));
            }
            if found.len() == limit {
                break;
            }
        }
        Some((found, reached))
    }
}
