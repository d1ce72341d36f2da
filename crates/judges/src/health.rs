//! How a living session is, from what was seen of its process tree.
//!
//! ```text
//! Look (one look at the tree) ─▶ Course (what is remembered between looks) ─▶ Evidence
//!                                          └─▶ Reading, for people             └─▶ Findings
//! ```
//!
//! A session is *stale* when it could go on and does nothing, *hung* when it cannot go on. So
//! one that hangs is not stale: what a person has stopped is not given up by a rule for the
//! stale.

mod counter;
mod course;
mod history;

use wk_model::{Condition, LimitKind, Liveness};

pub use counter::Counter;
pub use course::{Activity, Course, Reading};
pub use history::{History, Trend};

use crate::amount::{bytes, span};

/// Near a limit from this share of it on, in percent.
const NEAR: u128 = 80;
/// And until it is back below this share: a tree that hovers would be an event at each look.
const NEAR_NO_MORE: u128 = 70;

/// One look at a session's process tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Whether the session's own command lives.
    pub alive: Liveness,
    /// The command is stopped.
    pub stopped: bool,
    /// Processes in an uninterruptible sleep.
    pub blocked: Vec<Blocked>,
    /// Resident memory of all processes.
    pub memory_bytes: u64,
    /// Of all processes, and of those that have ended and were waited for.
    pub cpu_ms: u64,
    /// None: no process lets it be seen.
    pub read_bytes: Option<u64>,
    pub write_bytes: Option<u64>,
    pub processes: u32,
    pub open_files: Option<u32>,
    pub largest: Option<Largest>,
}

/// A process in an uninterruptible sleep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    pub pid: u32,
    /// Clock ticks after boot; with the number it says who it is.
    pub start_time: u64,
    pub comm: String,
    /// All that it has used so far: one that makes progress is not blocked for long.
    pub cpu_ms: u64,
}

/// The process with the most resident memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Largest {
    pub pid: u32,
    pub comm: String,
    pub memory_bytes: u64,
}

/// What counts as a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// None: nothing is ever stale.
    pub stale_after_ms: Option<u64>,
    pub hung_after_ms: u64,
}

/// What a verdict rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// How long nothing was printed, nothing was typed, and no CPU was used.
    pub no_output_ms: u64,
    pub no_input_ms: u64,
    pub no_cpu_ms: u64,
    /// Any of these three has happened since somebody looks.
    pub was_active: bool,
    /// How long the command is stopped.
    pub stopped_ms: Option<u64>,
    /// The process that is longest in one uninterruptible sleep, and how long.
    pub blocked: Option<(Blocked, u64)>,
    pub limits: Vec<LimitUse>,
}

impl Evidence {
    /// How long it does nothing at all.
    pub fn silent_ms(&self) -> u64 {
        self.no_output_ms.min(self.no_input_ms).min(self.no_cpu_ms)
    }
}

/// How much of a limit is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitUse {
    pub limit: LimitKind,
    pub max: u64,
    pub value: u64,
}

/// A condition, and what was seen of it, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub condition: Condition,
    pub reason: String,
}

/// Says what is wrong with a session, in the order of conditions.
///
/// `before`: what was wrong so far. Only for a session whose command lives: an end is not a
/// matter of health.
pub fn examine(evidence: &Evidence, thresholds: &Thresholds, before: &[Condition]) -> Vec<Finding> {
    let hung = hung(evidence, thresholds);
    let stale = if hung.is_none() { stale(evidence, thresholds, before) } else { None };
    let near = near_a_limit(evidence, before);
    let found = [(Condition::Stale, stale), (Condition::Hung, hung), (Condition::OverLimit, near)];
    found
        .into_iter()
        .filter_map(|(condition, reason)| Some(Finding { condition, reason: reason? }))
        .collect()
}

fn stale(evidence: &Evidence, thresholds: &Thresholds, before: &[Condition]) -> Option<String> {
    let after = thresholds.stale_after_ms?;
    let Evidence { no_output_ms, no_input_ms, no_cpu_ms, .. } = *evidence;
    let quiet = [no_output_ms, no_input_ms, no_cpu_ms].into_iter().all(|ms| ms >= after);
    // Who looks for the first time cannot know how long no CPU was used; an earlier look did.
    let still = before.contains(&Condition::Stale) && !evidence.was_active;
    (quiet || still).then(|| {
        format!(
            "no output for {}, no input for {}, no CPU for {}",
            span(no_output_ms),
            span(no_input_ms),
            span(no_cpu_ms)
        )
    })
}

fn hung(evidence: &Evidence, thresholds: &Thresholds) -> Option<String> {
    if let Some(ms) = evidence.stopped_ms {
        return Some(format!("its command is stopped for {}", span(ms)));
    }
    let (process, ms) = evidence.blocked.as_ref()?;
    let Blocked { pid, comm, .. } = process;
    (*ms >= thresholds.hung_after_ms)
        .then(|| format!("{comm} ({pid}) is in an uninterruptible sleep for {}", span(*ms)))
}

fn near_a_limit(evidence: &Evidence, before: &[Condition]) -> Option<String> {
    let was = before.contains(&Condition::OverLimit);
    let share = if was { NEAR_NO_MORE } else { NEAR };
    let near = evidence.limits.iter().filter(|used| {
        used.max > 0 && u128::from(used.value) * 100 >= u128::from(used.max) * share
    });
    let reasons: Vec<String> = near.map(LimitUse::sentence).collect();
    (!reasons.is_empty()).then(|| reasons.join(", "))
}

impl LimitUse {
    fn sentence(&self) -> String {
        let (value, max) = (self.value, self.max);
        let percent = u128::from(value) * 100 / u128::from(max.max(1));
        let of = |what: &str, value: String, max: String| {
            format!("{what} at {value} of {max} ({percent} %)")
        };
        match self.limit {
            LimitKind::Memory => of("memory", bytes(value), bytes(max)),
            LimitKind::Output => of("output", bytes(value), bytes(max)),
            LimitKind::CpuTime => of("CPU time", span(value), span(max)),
            LimitKind::Time => of("time", span(value), span(max)),
            LimitKind::Idle => of("idle time", span(value), span(max)),
            LimitKind::Processes => of("processes", value.to_string(), max.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
