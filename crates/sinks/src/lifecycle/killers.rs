//! Who aims signals and kill commands at sessions, whether they die of it or not.

use std::time::Instant;

use wk_journal::Journal;
use wk_model::{Change, Event, SeenProcess, SessionId, SignalSeen};

use super::{
    files::{Log, killer_key},
    strikes::{Gathered, Key, Sender, Strike, Struck},
    tmux_kill,
};
use crate::outstanding::{Outstanding, Underway};

/// How the kernel marks its own signals (`SI_KERNEL`); faults are positive as well.
const LAST_OF_PROCESSES: i32 = 0;

/// Gathers what senders do, and writes it.
pub(super) struct Killers {
    log: Log,
    gathered: Gathered,
    user_name: fn(u32) -> Option<String>,
}

impl Killers {
    pub(super) fn new(log: Log, user_name: fn(u32) -> Option<String>) -> Self {
        Self { log, gathered: Gathered::default(), user_name }
    }

    /// Takes in an event; true where somebody must see to its being written.
    pub(super) fn hear(
        &mut self,
        journal: &Journal,
        event: &Event,
        outstanding: &Outstanding,
    ) -> bool {
        let Some((key, strike)) = self.strike(journal, event) else { return false };
        if self.gathered.is_full() {
            self.write_all();
        }
        self.gathered.add(key, strike, outstanding.begin(event.seq))
    }

    pub(super) fn write_due(&mut self) {
        let due = self.gathered.take(Instant::now());
        self.write(due);
    }

    pub(super) fn write_all(&mut self) {
        let all = self.gathered.take_all();
        self.write(all);
    }

    fn write(&mut self, strikes: Vec<(Strike, Vec<Underway>)>) {
        for (strike, underway) in strikes {
            let time = strike.timestamp.to_string();
            let signal = strike.signal.map(i64::from);
            let key = killer_key(&time, u64::from(strike.sender.pid), signal);
            if let Ok(text) = serde_json::to_string(&strike) {
                self.log.write(&key, &text);
            }
            drop(underway);
        }
    }

    fn strike(&self, journal: &Journal, event: &Event) -> Option<(Key, Strike)> {
        let (seen, signal, tmux, target) = match &event.change {
            Change::SignalSeen(seen) if !is_bookkeeping(journal, event, seen) => {
                (&seen.sender, Some(seen.signal), None, struck(event.session_id, seen))
            }
            Change::CommandSeen(seen) => {
                let process = &seen.process;
                let kill = tmux_kill::find(&process.argv)?;
                let target = Struck {
                    session_id: event.session_id,
                    pid: None,
                    comm: None,
                    name: kill.target,
                };
                (process, None, Some(kill.command), target)
            }
            _ => return None,
        };
        let strike = Strike {
            timestamp: event.at.time,
            sender: self.sender(seen),
            signal,
            tmux: tmux.clone(),
            targets: vec![target],
            more_targets: 0,
        };
        Some(((seen.process, signal, tmux), strike))
    }

    fn sender(&self, seen: &SeenProcess) -> Sender {
        Sender {
            pid: seen.process.pid,
            comm: seen.comm.clone(),
            argv: seen.argv.clone(),
            uid: seen.uid,
            user: (self.user_name)(seen.uid),
            ancestry: seen.ancestry.clone(),
        }
    }
}

fn struck(session_id: Option<SessionId>, seen: &SignalSeen) -> Struck {
    Struck {
        session_id,
        pid: Some(seen.target.process.pid),
        comm: Some(seen.target.comm.clone()),
        name: None,
    }
}

/// Nobody's doing: a fault, an end that follows from another, or our own holder at its work.
fn is_bookkeeping(journal: &Journal, event: &Event, seen: &SignalSeen) -> bool {
    seen.sender_is_kernel
        || seen.sender_exits
        || seen.code > LAST_OF_PROCESSES
        || is_ours(journal, event.session_id, &seen.sender)
}

/// The daemon, or a holder of the session. Its name is quick to compare, and says nothing.
fn is_ours(journal: &Journal, session_id: Option<SessionId>, sender: &SeenProcess) -> bool {
    if sender.process.pid == std::process::id() {
        return true;
    }
    if sender.comm != "wk-holder" {
        return false;
    }
    let Some(session_id) = session_id else { return false };
    let its = journal.latest_that(session_id, "attempt_started", |event| match event.change {
        Change::AttemptStarted(started) if started.holder == Some(sender.process) => Some(()),
        _ => None,
    });
    its.is_ok_and(|its| its.is_some())
}
