//! What one sender did within a moment, as one.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use serde::Serialize;
use wk_model::{Ancestor, ProcessId, SessionId, Time};

use crate::outstanding::Underway;

/// What a sender does within this time is one line.
pub(super) const GATHER: Duration = Duration::from_millis(200);

/// Targets that a line names; more are counted.
const TARGETS: usize = 1000;

/// Senders at a time; one that has them all wait must not fill the memory.
const SENDERS: usize = 1000;

/// A line of `killers.log`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Strike {
    pub timestamp: Time,
    pub sender: Sender,
    /// None: a tmux command.
    pub signal: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tmux: Option<String>,
    pub targets: Vec<Struck>,
    #[serde(skip_serializing_if = "is_zero")]
    pub more_targets: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Sender {
    pub pid: u32,
    pub comm: String,
    pub argv: Vec<String>,
    pub uid: u32,
    pub user: Option<String>,
    pub ancestry: Vec<Ancestor>,
}

/// Whom it was aimed at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Struck {
    pub session_id: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comm: Option<String>,
    /// What a tmux command names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Who does what.
pub(super) type Key = (ProcessId, Option<i32>, Option<String>);

/// Strikes that others of the same sender may yet be added to.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pending: HashMap<Key, (Instant, Strike, Vec<Underway>)>,
}

impl Gathered {
    /// Adds a strike; true where it is the first of its kind, which somebody must write in time.
    pub(super) fn add(&mut self, key: Key, strike: Strike, underway: Underway) -> bool {
        let Some((_, known, under)) = self.pending.get_mut(&key) else {
            self.pending.insert(key, (Instant::now(), strike, vec![underway]));
            return true;
        };
        for target in strike.targets {
            if known.targets.contains(&target) {
                continue;
            }
            if known.targets.len() < TARGETS {
                known.targets.push(target);
            } else {
                known.more_targets += 1;
            }
        }
        // One is enough to come back here: all of it is told again then.
        under.truncate(1);
        false
    }

    pub(super) fn is_full(&self) -> bool {
        self.pending.len() >= SENDERS
    }

    /// Takes out what has waited long enough, in order of time.
    pub(super) fn take(&mut self, now: Instant) -> Vec<(Strike, Vec<Underway>)> {
        let due = |_: &Key, (since, ..): &mut (Instant, Strike, Vec<Underway>)| {
            now.saturating_duration_since(*since) >= GATHER
        };
        self.drain(due)
    }

    pub(super) fn take_all(&mut self) -> Vec<(Strike, Vec<Underway>)> {
        self.drain(|_, _| true)
    }

    fn drain(
        &mut self,
        due: impl FnMut(&Key, &mut (Instant, Strike, Vec<Underway>)) -> bool,
    ) -> Vec<(Strike, Vec<Underway>)> {
        let taken = self.pending.extract_if(due);
        let mut taken: Vec<_> = taken.map(|(_, (_, strike, under))| (strike, under)).collect();
        taken.sort_by_key(|(strike, _)| strike.timestamp);
        taken
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
