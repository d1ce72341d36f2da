//! How the rules stand, for whoever asks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wk_api::RuleStatus;

use super::{Rule, lane::Lane};

/// The rules in force and their counts; clones show the same.
#[derive(Clone, Debug, Default)]
pub struct Board {
    rows: Arc<Mutex<Vec<Row>>>,
}

type Row = (Arc<Rule>, Arc<Tally>);

/// What one rule has done since it is in force.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: Mutex<Counts>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub waiting: u64,
    pub running: u64,
    pub delivered: u64,
    pub failed: u64,
    pub dropped: u64,
    pub last_error: Option<String>,
}

impl Board {
    /// One row for each rule, in their order.
    pub fn statuses(&self) -> Vec<RuleStatus> {
        let status = |(rule, tally): &Row| {
            let counts = tally.counts().clone();
            RuleStatus {
                name: rule.name.clone(),
                events: rule.pattern.events.clone(),
                action: rule.action.shown(),
                waiting: counts.waiting,
                running: counts.running,
                delivered: counts.delivered,
                failed: counts.failed,
                dropped: counts.dropped,
                last_error: counts.last_error,
            }
        };
        self.rows().iter().map(status).collect()
    }

    pub(super) fn set(&self, lanes: &[Lane]) {
        *self.rows() = lanes.iter().map(|lane| (lane.rule.clone(), lane.tally.clone())).collect();
    }

    fn rows(&self) -> MutexGuard<'_, Vec<Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally {
    pub(super) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts());
    }

    pub(super) fn waiting(&self) -> u64 {
        self.counts().waiting
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
