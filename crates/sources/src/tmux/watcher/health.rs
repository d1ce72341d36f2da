//! Looks at how a server is, and at what only a look shows.

use std::collections::HashSet;
use std::sync::Arc;

use wk_model::{ProcessId, TmuxHealth};

use super::super::{Report, agents::agents_below, socket};
use super::{Flow, Watcher, panes::processes};
use crate::{age_seconds, process_watch::ProcessWatch};

impl Watcher {
    /// Lists, and looks at what only a look shows.
    pub(super) async fn health(&mut self, server: &Arc<ProcessWatch>) -> Flow {
        if self.list_or_gone(server, true).await == Flow::Over {
            return Flow::Over;
        }
        let answered = self.reachable && !self.state().silent;
        if answered && (self.capture().await == Flow::Over || self.messages().await == Flow::Over) {
            return Flow::Over;
        }
        if self.find_agents().await == Flow::Over {
            return Flow::Over;
        }
        let (processes, memory_bytes) = self.sample();
        self.update(|state| {
            (state.processes, state.memory_bytes) = (Some(processes), Some(memory_bytes));
        });
        let count = u32::try_from(self.sessions.len()).unwrap_or(u32::MAX);
        let health = TmuxHealth {
            server: self.server,
            socket: self.socket.display().to_string(),
            sessions: answered.then_some(count),
            processes,
            memory_bytes,
            age_seconds: age_seconds(&self.server),
            socket_exists: socket::file_at(&self.socket).is_some(),
        };
        self.tell(Report::Health(health)).await
    }

    /// Processes of the server and below it, and their memory.
    pub(super) fn sample(&mut self) -> (u32, u64) {
        let look = self.sampler.look_below(&[self.server], &self.server);
        look.map_or((0, 0), |look| (look.processes, look.memory_bytes))
    }

    pub(super) async fn find_agents(&mut self) -> Flow {
        let mut panes: Vec<(String, u32)> = Vec::new();
        for (id, session) in &self.sessions {
            panes.extend(processes(session).map(|process| (id.clone(), process.pid)));
        }
        let found = tokio::task::spawn_blocking(move || {
            let below = |(id, pid): (String, u32)| {
                agents_below(pid).into_iter().map(move |agent| (id.clone(), agent))
            };
            panes.into_iter().flat_map(below).collect::<Vec<_>>()
        });
        let found = found.await.unwrap_or_default();
        let now: HashSet<ProcessId> = found.iter().map(|(_, agent)| agent.process).collect();
        self.agents.retain(|process| now.contains(process));
        for (id, agent) in found {
            if !self.agents.insert(agent.process) {
                continue;
            }
            let report = Report::Agent { server: self.server, id, agent };
            if self.tell(report).await == Flow::Over {
                return Flow::Over;
            }
        }
        Flow::On
    }
}
