//! Who lives: sessions by process, and by the agent's own id.

use std::collections::{HashMap, VecDeque};

use wk_model::{Moment, ProcessId, SessionId};

use super::tools::Tools;

/// Ended sessions whose last hooks may still come.
const REMEMBERED: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Book {
    sessions: HashMap<SessionId, Entry>,
    /// A process that calls for several agents has several.
    processes: HashMap<ProcessId, Vec<SessionId>>,
    /// The agent's own ids, those that it had before too.
    ids: HashMap<String, SessionId>,
    recent: VecDeque<Recent>,
}

/// A session that lives.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) process: Option<ProcessId>,
    /// The process is an agent or a shell for sure, and not one that calls for it.
    pub(super) sure: bool,
    pub(super) external_id: Option<String>,
    /// The agent has said that its process goes on under another id.
    pub(super) leads_on: bool,
    /// It has said that it ends.
    pub(super) said_end: bool,
    pub(super) tools: Tools,
    /// By the agent's id of them.
    pub(super) subagents: HashMap<String, SessionId>,
    /// When it was last heard of; none: not since this daemon started.
    pub(super) heard: Option<Moment>,
    /// This daemon has seen its process live.
    pub(super) seen: bool,
    pub(super) shell: bool,
}

/// A session that has ended.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    pub(super) session_id: SessionId,
    pub(super) external_id: String,
    pub(super) at: Moment,
}

impl Book {
    pub(super) fn add(&mut self, session_id: SessionId, entry: Entry) {
        if let Some(process) = entry.process {
            self.processes.entry(process).or_default().push(session_id);
        }
        if let Some(id) = &entry.external_id {
            self.ids.insert(id.clone(), session_id);
        }
        self.sessions.insert(session_id, entry);
    }

    pub(super) fn get(&self, session_id: SessionId) -> Option<&Entry> {
        self.sessions.get(&session_id)
    }

    pub(super) fn get_mut(&mut self, session_id: SessionId) -> Option<&mut Entry> {
        self.sessions.get_mut(&session_id)
    }

    /// The sessions of a process.
    pub(super) fn of_process(&self, process: ProcessId) -> &[SessionId] {
        self.processes.get(&process).map_or(&[], Vec::as_slice)
    }

    /// A process is an agent for sure; it is not where it calls for several.
    pub(super) fn make_sure(&mut self, process: ProcessId) {
        if let [only] = self.of_process(process)
            && let Some(entry) = self.sessions.get_mut(&only.clone())
        {
            entry.sure = true;
        }
    }

    /// The living session that its agent calls so.
    pub(super) fn of_id(&self, id: &str) -> Option<SessionId> {
        self.ids.get(id).copied()
    }

    /// The latest session that its agent called so, and when it ended.
    pub(super) fn recent(&self, id: &str) -> Option<&Recent> {
        self.recent.iter().rev().find(|recent| recent.external_id == id)
    }

    /// Its agent calls it so from now on.
    pub(super) fn identify(&mut self, session_id: SessionId, id: &str) {
        if let Some(entry) = self.sessions.get_mut(&session_id) {
            entry.external_id = Some(id.to_owned());
            entry.leads_on = false;
            self.ids.insert(id.to_owned(), session_id);
        }
    }

    /// Its hooks come from another process than before.
    pub(super) fn rebind(&mut self, session_id: SessionId, process: ProcessId, sure: bool) {
        let Some(entry) = self.sessions.get_mut(&session_id) else { return };
        let before = entry.process.replace(process);
        (entry.sure, entry.seen) = (sure, false);
        if let Some(before) = before {
            self.leave(before, session_id);
        }
        self.processes.entry(process).or_default().push(session_id);
    }

    /// A session has ended; its last hooks still find it.
    pub(super) fn bury(&mut self, session_id: SessionId, at: Moment) -> Option<Entry> {
        let entry = self.sessions.remove(&session_id)?;
        if let Some(process) = entry.process {
            self.leave(process, session_id);
        }
        let mut ids = Vec::new();
        self.ids.retain(|id, of| {
            if *of == session_id {
                ids.push(id.clone());
            }
            *of != session_id
        });
        for external_id in ids {
            self.remember(Recent { session_id, external_id, at });
        }
        Some(entry)
    }

    pub(super) fn remember(&mut self, recent: Recent) {
        self.recent.push_back(recent);
        if self.recent.len() > REMEMBERED {
            self.recent.pop_front();
        }
    }

    fn leave(&mut self, process: ProcessId, session_id: SessionId) {
        if let Some(sessions) = self.processes.get_mut(&process) {
            sessions.retain(|id| *id != session_id);
            if sessions.is_empty() {
                self.processes.remove(&process);
            }
        }
    }
}
