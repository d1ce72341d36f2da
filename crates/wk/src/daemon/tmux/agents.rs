//! Agents that were found running: sessions of their own, ended when the kernel says so.

use wk_holder::host;
use wk_model::{Change, Draft, Ending, Kind, Life, ProcessId, Session, SessionId};
use wk_sources::{
    age_seconds,
    process_watch::ProcessWatch,
    tmux::{Agent, Report},
};

use super::{drafts, note_process, take::Taker};
use crate::daemon::core::draft;

impl Taker {
    /// Takes up an agent of an earlier daemon.
    pub(super) fn restore_agent(&mut self, session: &Session) {
        if let Life::Running { process: Some(process), .. } = session.life {
            self.core.tmux.book().agents.insert(process, session.id);
            self.wait_for(session.id, process);
        }
    }

    pub(super) fn take_agent(
        &mut self,
        server: ProcessId,
        id: &str,
        agent: &Agent,
        drafts: &mut Vec<Draft>,
    ) {
        let book = self.core.tmux.book();
        let (Some(parent), false) = (book.of(server, id), book.agents.contains_key(&agent.process))
        else {
            return;
        };
        let uid = book.servers.get(&server).and_then(|server| server.uid);
        let uid = uid.unwrap_or_else(|| rustix::process::getuid().as_raw());
        drop(book);
        let Some(session_id) = self.new_id() else { return };
        let created = drafts::agent(agent, parent, uid);
        let age = age_seconds(&agent.process);
        let now = u64::try_from(host::now().time.as_millis() / 1000).unwrap_or(0);
        let at = drafts::moment_of(now.saturating_sub(age));
        drafts.extend(drafts::begin(session_id, at, created, (Some(agent.process), None), (0, 0)));
        self.core.tmux.book().agents.insert(agent.process, session_id);
        note_process(&self.core, agent.process, Some(session_id));
        self.wait_for(session_id, agent.process);
    }

    /// Has its end reported, and the end of nobody else.
    fn wait_for(&self, session_id: SessionId, process: ProcessId) {
        let ended = self.ended.clone();
        tokio::spawn(async move {
            let exit = match ProcessWatch::new(&process) {
                Ok(Some(watch)) => match watch.ended().await {
                    Ok(()) => watch.recorded_exit().await,
                    Err(_) => return,
                },
                Ok(None) => None,
                Err(_) => return,
            };
            let at = host::now();
            let _ = ended.send(Report::ProcessGone { process, at, exit }).await;
            tracing::debug!(%session_id, pid = process.pid, "an agent has ended");
        });
    }

    pub(super) fn agent_gone(
        &mut self,
        process: ProcessId,
        at: wk_model::Moment,
        ending: Ending,
        drafts: &mut Vec<Draft>,
    ) {
        let Some(session_id) = self.core.tmux.book().agents.remove(&process) else { return };
        let rebooted = process.boot != host::boot_id();
        let ending = if rebooted { Ending::Rebooted } else { ending };
        let outcome = ending.outcome(Kind::Agent, false, None);
        drafts.push(drafts::end(session_id, at, ending, None));
        drafts.push(draft(Some(session_id), Change::SessionClosed { outcome }));
    }
}
