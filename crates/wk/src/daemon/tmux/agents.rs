//! Agents that were found running in panes: told to where agents become sessions.

use wk_model::ProcessId;
use wk_sources::tmux::Agent;

use super::take::Taker;
use crate::daemon::hooks::Found;

/// Agents that are remembered as told of; more are told of again, which does no harm.
const REMEMBERED: usize = 4096;

impl Taker {
    pub(super) fn take_agent(&mut self, server: ProcessId, id: &str, agent: Agent) {
        let mut book = self.core.tmux.book();
        let (Some(parent), false) = (book.of(server, id), book.agents.contains(&agent.process))
        else {
            return;
        };
        let uid = book.servers.get(&server).and_then(|server| server.uid);
        let uid = uid.unwrap_or_else(|| rustix::process::getuid().as_raw());
        let process = agent.process;
        if self.core.hooks.tell(Found::Agent { agent, parent, uid }) {
            if book.agents.len() >= REMEMBERED {
                book.agents.clear();
            }
            book.agents.insert(process);
        }
    }
}
