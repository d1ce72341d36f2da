//! What an attempt is held to: measured as often as it matters, told, and enforced.
//!
//! ```text
//! kernel tells, or it is time ─▶ look ─▶ 80 %: warn, once
//!                                  └───▶ over: tell, TERM, grace, KILL
//!                                                     └─▶ grows on: no more grace
//! ```
//!
//! Where the kernel counts (a cgroup), it also has the last word: a bound somewhat above the
//! limit, so that the session is asked to end before the kernel ends a part of it.
//!
//! Invariant: a limit that needs no looking costs no wakeup.

mod counter;
mod margin;
mod meter;
mod pace;
mod sample;
mod watch;

use std::{
    os::fd::BorrowedFd,
    time::{Duration, Instant},
};

use rustix::event::PollFlags;
use wk_holder::spec::{LimitMechanism, Spec};
use wk_model::{Change, Ending, HeldLimit, LimitKind, LimitReached, ProcessUse};

pub(crate) use self::meter::Leaves;
use self::{
    meter::{Facts, Meter},
    watch::{Finding, Watch},
};
use super::{holder::Holder, tree::Tree};

/// Processes among which the largest are looked for.
const LOOKED_AT: usize = 1024;

/// Processes that are named when a limit is reached.
const NAMED: usize = 3;

/// The limits of an attempt.
#[derive(Debug)]
pub(crate) struct Limits {
    started: Instant,
    watches: Vec<Watch>,
}

impl Limits {
    /// Prepares what must be in place before the first process runs.
    pub(crate) fn prepare(spec: &Spec, leaves: &Leaves) -> Self {
        let kinds = [
            LimitKind::Memory,
            LimitKind::CpuTime,
            LimitKind::Time,
            LimitKind::Idle,
            LimitKind::Processes,
            LimitKind::Output,
        ];
        let by_kernel = spec.limit_mechanism == LimitMechanism::Auto;
        let watch = |limit| {
            let max = spec.tree_limits.get(limit)?;
            let meter = Meter::new(limit, max, leaves, by_kernel);
            Some(Watch::new(limit, max, meter))
        };
        let started = Instant::now();
        Self { started, watches: kinds.into_iter().filter_map(watch).collect() }
    }

    /// Measures by looking what the kernel cannot count: the process has not entered its leaf.
    pub(crate) fn check(&mut self, pid: u32) {
        for watch in &mut self.watches {
            watch.meter.check(pid);
        }
    }

    /// What holds each limit.
    pub(crate) fn held(&self) -> Vec<HeldLimit> {
        let held = |watch: &Watch| HeldLimit {
            limit: watch.limit,
            value: watch.max,
            mechanism: watch.meter.mechanism(),
        };
        self.watches.iter().map(held).collect()
    }

    /// Where the kernel says that there is something to look at.
    pub(crate) fn bells(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        self.watches.iter().filter(|watch| !watch.is_over()).filter_map(|w| w.meter.bell())
    }

    /// Hears them, and looks at once.
    pub(crate) fn hear(&mut self) {
        for watch in &mut self.watches {
            if watch.meter.hush() {
                watch.look_now();
            }
        }
    }

    /// Hears how many children of the holder were dead at one moment.
    pub(crate) fn note_dead(&mut self, dead: u64) {
        for watch in &mut self.watches {
            watch.note_dead(dead);
        }
    }

    /// When to look next.
    pub(crate) fn deadline(&self, active_at: Instant) -> Option<Instant> {
        self.watches.iter().filter_map(|watch| watch.deadline(self.started, active_at)).min()
    }
}

impl Holder {
    /// Looks at the limits that are due, and acts on what is found.
    pub(crate) fn hold_to_limits(&mut self, now: Instant) {
        if self.end.is_some() || self.child.is_none() {
            return;
        }
        let facts = Facts {
            now,
            started: self.limits.started,
            active_at: self.output.gauges.active_at(),
            output_bytes: self.output.gauges.of_attempt().output_bytes,
            tree: &self.tree,
        };
        let looked = self.limits.watches.iter_mut().map(|watch| watch.look(&facts));
        let found: Vec<(usize, Finding)> =
            looked.enumerate().filter_map(|(index, found)| Some((index, found?))).collect();
        for (index, finding) in found {
            self.act_on(index, finding);
        }
    }

    /// What the kernel did before anybody could look. Tells it, and returns the limit.
    pub(crate) fn limit_at_end(&mut self, ending: &Ending, cpu_ms: u64) -> Option<LimitKind> {
        let unseen = |watch: &Watch| (!watch.is_over()).then(|| watch.met_its_end(ending, cpu_ms));
        let found = self.limits.watches.iter().map(unseen);
        let found = found.enumerate().find_map(|(index, value)| Some((index, value??)));
        let (index, value) = found?;
        let watch = self.limits.watches.get_mut(index)?;
        watch.meter.brake();
        let limit = watch.limit;
        self.tell_limit(index, value, true);
        Some(limit)
    }

    fn act_on(&mut self, index: usize, finding: Finding) {
        match finding {
            Finding::Near(value) => self.tell_limit(index, value, false),
            Finding::Over { value, beyond } => {
                let Some(watch) = self.limits.watches.get_mut(index) else { return };
                // From here on it must not become more, or even stay as much.
                watch.meter.brake();
                let limit = watch.limit;
                if beyond && limit == LimitKind::Processes {
                    // A bomb leaves nobody else any time: first it must stand still.
                    self.tree.stop_groups();
                }
                self.tell_limit(index, value, true);
                let grace = if beyond { Duration::ZERO } else { self.grace };
                self.stop(grace, Some(limit));
            }
            // What grows while it is asked to end will not listen.
            Finding::Beyond => self.stop(Duration::ZERO, None),
        }
    }

    fn tell_limit(&mut self, index: usize, value: u64, exceeded: bool) {
        let Some(watch) = self.limits.watches.get_mut(index) else { return };
        let found = largest(&self.tree, watch.limit);
        // At its end there may be nobody left to look at.
        let largest = if found.is_empty() { watch.largest.clone() } else { found };
        watch.largest.clone_from(&largest);
        let reached = LimitReached {
            attempt: self.attempt,
            limit: watch.limit,
            max: watch.max,
            value,
            mechanism: watch.meter.mechanism(),
            largest,
        };
        self.outbox.tell(match exceeded {
            true => Change::LimitExceeded(reached),
            false => Change::LimitWarning(reached),
        });
        self.clients.bell();
    }
}

/// The largest processes, by CPU time where that is limited, else by memory.
fn largest(tree: &Tree, limit: LimitKind) -> Vec<ProcessUse> {
    let mut uses: Vec<_> = tree.pids(LOOKED_AT).into_iter().filter_map(sample::process).collect();
    match limit {
        LimitKind::CpuTime => uses.sort_by_key(|process| std::cmp::Reverse(process.cpu_ms)),
        _ => uses.sort_by_key(|process| std::cmp::Reverse(process.memory_bytes)),
    }
    uses.truncate(NAMED);
    uses
}
