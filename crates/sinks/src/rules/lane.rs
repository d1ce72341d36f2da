//! One rule at work: its queue, and what is under way.

use std::sync::Arc;

use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::task::AbortOnDropHandle;
use wk_model::Event;

use super::{
    Rule, Surroundings,
    board::Tally,
    deliver::{Job, deliver},
};
use crate::outstanding::Outstanding;

/// Events that may wait for a rule.
const WAITING: usize = 1000;

/// A rule with its queue. What is under way ends with it.
#[derive(Debug)]
pub(super) struct Lane {
    pub rule: Arc<Rule>,
    pub tally: Arc<Tally>,
    queue: mpsc::Sender<Job>,
    _task: AbortOnDropHandle<()>,
}

/// The lanes for `rules`; a rule that is as it was keeps its lane.
pub(super) fn arrange(
    mut before: Vec<Lane>,
    rules: Vec<Rule>,
    around: &Arc<Surroundings>,
) -> Vec<Lane> {
    let lanes =
        rules.into_iter().map(|rule| match before.iter().position(|lane| *lane.rule == rule) {
            Some(place) => before.swap_remove(place),
            None => Lane::new(rule, around.clone()),
        });
    let lanes = lanes.collect();
    for lane in before {
        let waiting = lane.tally.waiting();
        tracing::info!(rule = lane.rule.name, waiting, "a rule is gone, and with it what waits");
    }
    lanes
}

impl Lane {
    fn new(rule: Rule, around: Arc<Surroundings>) -> Self {
        let (rule, tally) = (Arc::new(rule), Arc::new(Tally::default()));
        let (queue, waiting) = mpsc::channel(WAITING);
        let task = tokio::spawn(work(rule.clone(), around, waiting, tally.clone()));
        Self { rule, tally, queue, _task: AbortOnDropHandle::new(task) }
    }

    /// Puts an event into the queue, or counts it as dropped.
    pub(super) fn take(&self, event: &Arc<Event>, outstanding: &Outstanding) {
        let job = Job { event: event.clone(), underway: outstanding.begin(event.seq) };
        // Counted first: it may be gone from the queue in a moment.
        self.tally.count(|counts| counts.waiting += 1);
        if self.queue.try_send(job).is_ok() {
            return;
        }
        let mut dropped = 0;
        self.tally.count(|counts| {
            counts.waiting -= 1;
            counts.dropped += 1;
            dropped = counts.dropped;
        });
        // A rule that is far behind must not fill the log as well.
        if u64::is_power_of_two(dropped) {
            let rule = &self.rule.name;
            tracing::warn!(rule, seq = %event.seq, dropped, "too much waits for a rule: dropped");
        }
    }
}

async fn work(
    rule: Arc<Rule>,
    around: Arc<Surroundings>,
    mut queue: mpsc::Receiver<Job>,
    tally: Arc<Tally>,
) {
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = running.join_next() => tally.count(|counts| counts.running -= 1),
            job = queue.recv(), if running.len() < rule.at_once => {
                let Some(job) = job else { return };
                tally.count(|counts| {
                    counts.waiting -= 1;
                    counts.running += 1;
                });
                running.spawn(deliver(rule.clone(), around.clone(), job, tally.clone()));
            }
        }
    }
}
