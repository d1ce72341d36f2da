//! Ends: the kernel's word, or the agent's own, which only makes it sooner.

use std::time::{Duration, Instant};

use wk_holder::host;
use wk_model::{BootId, Change, Draft, Kind, Moment, ProcessId, SessionId, Source, Time};
use wk_sources::process_watch::ProcessWatch;

use super::{ANOTHER, FAREWELL, Gone, LAST_WORDS, take::Taker};
use crate::daemon::{core::draft, tmux::drafts, tokens::Heard};

/// An end that is about to be journalled.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    session_id: SessionId,
    at: Moment,
    ending: wk_model::Ending,
    /// The process whose end it is; none: the agent has said so.
    process: Option<ProcessId>,
}

impl Taker {
    /// When the next end is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.endings.iter().map(|(due, _)| *due).min()
    }

    /// Has the end of a process reported, once.
    pub(super) fn watch(&mut self, process: ProcessId) {
        let key = (process.pid, process.start_time);
        if self.watched.insert(key, process) == Some(process) {
            return;
        }
        let ended = self.ended.clone();
        tokio::spawn(async move {
            let exit = match ProcessWatch::new(&process) {
                Ok(Some(watch)) => match watch.ended().await {
                    Ok(()) => Some(watch.recorded_exit().await),
                    Err(_) => return,
                },
                Ok(None) => None,
                Err(error) => {
                    tracing::warn!(%error, pid = process.pid, "cannot watch a process");
                    return;
                }
            };
            let at = host::now();
            let seen = exit.is_some();
            let gone = Gone { process, at, exit: exit.flatten(), seen };
            // Fails when the daemon ends.
            let _ = ended.send(gone).await;
        });
    }

    /// A process has ended: so do its sessions, once their last words were heard.
    pub(super) fn note_gone(&mut self, gone: &Gone) {
        self.watched.remove(&(gone.process.pid, gone.process.start_time));
        for session_id in self.book.of_process(gone.process).to_vec() {
            let Some(entry) = self.book.get(session_id) else { continue };
            let rebooted = gone.process.boot != host::boot_id();
            let mut ending = drafts::ending(gone.exit);
            if rebooted {
                ending = wk_model::Ending::Rebooted;
            } else if gone.exit.is_none() && entry.said_end {
                ending = wk_model::Ending::Closed { by: None };
            }
            // Nobody saw when: not before it was last heard of.
            let at = if gone.seen { gone.at } else { entry.heard.unwrap_or(gone.at) };
            let wait = match (entry.sure, gone.seen) {
                (_, false) => Duration::ZERO,
                (true, true) => LAST_WORDS,
                (false, true) => ANOTHER,
            };
            self.endings.retain(|(_, other)| other.session_id != session_id);
            let process = Some(gone.process);
            self.endings.push((Instant::now() + wait, Ending { session_id, at, ending, process }));
        }
    }

    /// What began before this boot, and whose process nobody can look at, did not outlive that one.
    pub(super) fn end_if_rebooted(&mut self, session_id: SessionId, began: BootId) {
        let now = host::now();
        if began == now.boot {
            return;
        }
        let up_ms = i64::try_from(now.boot_ns / 1_000_000).unwrap_or(0);
        let time = Time::from_millis(now.time.as_millis().saturating_sub(up_ms));
        let at = Moment { time, boot_ns: 0, ..now };
        let ending = wk_model::Ending::Rebooted;
        self.endings.push((Instant::now(), Ending { session_id, at, ending, process: None }));
    }

    /// An agent has said that it ends: its process decides, but not for long.
    pub(super) fn bid_farewell(
        &mut self,
        session_id: SessionId,
        at: Moment,
        drafts: &mut Vec<Draft>,
    ) {
        let Some(entry) = self.book.get_mut(session_id) else { return };
        entry.said_end = true;
        if !entry.sure {
            return self.close(session_id, at, drafts);
        }
        if self.endings.iter().any(|(_, ending)| ending.session_id == session_id) {
            return;
        }
        let ending =
            Ending { session_id, at, ending: wk_model::Ending::Closed { by: None }, process: None };
        self.endings.push((Instant::now() + FAREWELL, ending));
    }

    /// It goes on after all.
    pub(super) fn take_back_farewell(&mut self, session_id: SessionId, at: Moment) {
        let said = |ending: &Ending| ending.process.is_none() && ending.at.boot_ns <= at.boot_ns;
        self.endings.retain(|(_, ending)| ending.session_id != session_id || !said(ending));
        if let Some(entry) = self.book.get_mut(session_id) {
            entry.said_end = false;
        }
    }

    /// Ends what is due.
    pub(super) fn end_due(&mut self, drafts: &mut Vec<Draft>) {
        let now = Instant::now();
        let (due, later) = self.endings.drain(..).partition(|(due, _)| *due <= now);
        self.endings = later;
        let due: Vec<(Instant, Ending)> = due;
        for (_, ending) in due {
            let entry = self.book.get(ending.session_id);
            // Its hooks may come from another process by now.
            let same = ending.process.is_none()
                || entry.is_some_and(|entry| entry.process == ending.process);
            if same {
                self.end(ending.session_id, ending.at, ending.ending, drafts);
            }
        }
    }

    /// Ends a session whose agent has said so.
    pub(super) fn close(&mut self, session_id: SessionId, at: Moment, drafts: &mut Vec<Draft>) {
        self.end(session_id, at, wk_model::Ending::Closed { by: None }, drafts);
    }

    /// Ends a session, and its subagents with it.
    pub(super) fn end(
        &mut self,
        session_id: SessionId,
        at: Moment,
        ending: wk_model::Ending,
        drafts: &mut Vec<Draft>,
    ) {
        let Some(entry) = self.book.bury(session_id, at) else { return };
        self.endings.retain(|(_, other)| other.session_id != session_id);
        for child in entry.subagents.into_values() {
            self.end(child, at, wk_model::Ending::Closed { by: None }, drafts);
        }
        self.heard.push(Heard { session_id, transcript: None, ended: true });
        let kind = if entry.shell { Kind::Shell } else { Kind::Agent };
        let stopped = self.core.journal.session(session_id).ok().flatten();
        let stopped = stopped.is_some_and(|session| session.stop.is_some());
        let outcome = ending.outcome(kind, stopped, None);
        drafts.push(drafts::end(session_id, at, ending, None));
        drafts.push(Draft {
            source: Source(format!("daemon/closed/{session_id}")),
            source_seq: Some(1),
            ..draft(Some(session_id), Change::SessionClosed { outcome })
        });
    }
}
