//! What is known of tmux's servers and sessions, in memory.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    path::PathBuf,
};

use wk_model::{ProcessId, SessionId, TmuxHealth, TmuxLayout};
use wk_sources::tmux::{Message, SessionSeen};

use super::facts::TmuxFacts;

/// Dead sessions that are remembered.
const REMEMBERED: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) places: HashMap<(ProcessId, String), SessionId>,
    pub(super) sessions: HashMap<SessionId, Watched>,
    pub(super) servers: HashMap<ProcessId, Server>,
    /// Agents that were told of.
    pub(super) agents: HashSet<ProcessId>,
    /// The latest last.
    gone: VecDeque<(SessionId, TmuxFacts)>,
}

/// A tmux session that lives.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) server: ProcessId,
    pub(super) id: String,
    pub(super) name: String,
    /// None: not since this daemon started.
    pub(super) seen: Option<SessionSeen>,
    /// What the journal has last.
    pub(super) journalled: Option<TmuxLayout>,
    pub(super) last_output: Option<String>,
    pub(super) last_command: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Server {
    pub(super) socket: PathBuf,
    pub(super) uid: Option<u32>,
    /// The kernel has not told of its end.
    pub(super) alive: Option<bool>,
    pub(super) health: Option<TmuxHealth>,
    /// What the journal has last.
    pub(super) journalled: Option<TmuxHealth>,
    pub(super) messages: Vec<Message>,
}

impl Book {
    pub(super) fn of(&self, server: ProcessId, id: &str) -> Option<SessionId> {
        self.places.get(&(server, id.to_owned())).copied()
    }

    /// Living sessions of a server.
    pub(super) fn of_server(&self, server: ProcessId) -> Vec<SessionId> {
        let of_it = self.sessions.iter().filter(|(_, watched)| watched.server == server);
        let mut ids: Vec<_> = of_it.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }

    pub(super) fn add(&mut self, session_id: SessionId, watched: Watched) {
        self.places.insert((watched.server, watched.id.clone()), session_id);
        self.sessions.insert(session_id, watched);
    }

    /// What is known of a session, also for a while after its end.
    pub(super) fn facts(&self, session_id: SessionId) -> Option<TmuxFacts> {
        if let Some(watched) = self.sessions.get(&session_id) {
            return Some(TmuxFacts::of(watched, self));
        }
        let mut facts =
            self.gone.iter().rev().find(|(id, _)| *id == session_id).map(|(_, f)| f.clone())?;
        // The server may have died, or told more, since.
        if let Some(server) = self.servers.get(&facts.server) {
            facts.server_alive = server.alive;
            facts.messages.clone_from(&server.messages);
        }
        Some(facts)
    }

    /// A session has ended: what was known of it is kept for whoever explains that.
    pub(super) fn bury(&mut self, session_id: SessionId) -> Option<Watched> {
        let facts = self.facts(session_id)?;
        let watched = self.sessions.remove(&session_id)?;
        self.places.remove(&(watched.server, watched.id.clone()));
        self.gone.push_back((session_id, facts));
        if self.gone.len() > REMEMBERED {
            self.gone.pop_front();
        }
        Some(watched)
    }

    /// Servers that are gone, and of which no session is remembered, are forgotten.
    pub(super) fn forget_servers(&mut self) {
        let gone = &self.gone;
        self.servers.retain(|process, server| {
            server.alive != Some(false) || gone.iter().any(|(_, facts)| facts.server == *process)
        });
    }
}
