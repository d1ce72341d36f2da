//! Ends of panes' processes.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use wk_model::ProcessId;

use super::super::{SessionSeen, exit::Exit};
use super::{Flow, RECORD, Watcher};
use crate::process_watch::ProcessWatch;

/// A pane's process that is waited for.
#[derive(Debug)]
pub(super) struct Pane(JoinHandle<()>);

impl Drop for Pane {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Watcher {
    pub(super) fn pane_ended(&mut self, process: ProcessId, exit: Option<Exit>) -> Flow {
        self.panes.remove(&process);
        if let Some(exit) = exit {
            self.exits.insert(process, exit);
        }
        // The server is about to see it too.
        let at = Instant::now() + Duration::from_millis(10);
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
        Flow::On
    }

    /// Waits for the end of each pane's process, from the moment that it is known.
    ///
    /// Whether there are new ones.
    pub(super) fn watch_panes(&mut self, sessions: &BTreeMap<String, SessionSeen>) -> bool {
        let now: HashSet<ProcessId> = sessions.values().flat_map(processes).collect();
        self.panes.retain(|process, _| now.contains(process));
        let before = self.panes.len();
        for process in now {
            if self.panes.contains_key(&process) || self.exits.contains_key(&process) {
                continue;
            }
            let Ok(Some(watch)) = ProcessWatch::new(&process) else { continue };
            let ended = self.ended.clone();
            let waiting = tokio::spawn(async move {
                if watch.ended().await.is_ok() {
                    let exit = watch.recorded_exit().await;
                    let _ = ended.send((process, exit)).await;
                }
            });
            self.panes.insert(process, Pane(waiting));
        }
        self.panes.len() > before
    }

    /// Waits a moment for processes that are about to end, or have just.
    pub(super) async fn await_ends(&mut self, processes: HashSet<ProcessId>) {
        let rest = async {
            while processes.iter().any(|process| self.panes.contains_key(process)) {
                let Some((process, exit)) = self.endings.recv().await else { return };
                self.panes.remove(&process);
                self.exits.extend(exit.map(|exit| (process, exit)));
            }
        };
        let _ = timeout(RECORD, rest).await;
    }

    /// How the processes of a session ended, as far as the kernel has told by now.
    pub(super) fn exits_of(&mut self, session: &SessionSeen) -> Vec<(ProcessId, Exit)> {
        let exits = &mut self.exits;
        processes(session).filter_map(|p| exits.remove(&p).map(|exit| (p, exit))).collect()
    }

    /// Of panes that are closed while their session lives on, nobody will ask.
    pub(super) fn forget_the_gone(&mut self) {
        let now: HashSet<ProcessId> = self.sessions.values().flat_map(processes).collect();
        self.exits.retain(|process, _| now.contains(process));
        let panes: HashSet<&str> = self
            .sessions
            .values()
            .flat_map(|session| session.layout.panes().map(|pane| pane.id.as_str()))
            .collect();
        self.captured.retain(|pane, _| panes.contains(pane.as_str()));
    }
}

/// The processes of a session's panes.
pub(super) fn processes(session: &SessionSeen) -> impl Iterator<Item = ProcessId> {
    session.layout.panes().filter_map(|pane| pane.process)
}
