//! What Watchkeeper knows of itself: it could not start, it was asked to stop, it enforced a
//! limit, the machine went down.

use wk_model::{Cause, Confidence, Ending, LimitKind, LimitReached, Requester};

use super::{
    Shared,
    blow::Blow,
    case::{Case, is_before},
    finding::Finding,
    words::{plain, who},
};
use crate::amount::{bytes, span};

pub(super) fn never_ran(case: &Case) -> Option<Finding> {
    let Ending::NeverRan { why } = &case.evidence.ending else { return None };
    Some(Finding::new(Cause::Stopped, Confidence::Certain, format!("never ran: {}", plain(why))))
}

/// Nobody had heard of its end; somebody wanted it off the list.
pub(super) fn record_closed(case: &Case) -> Option<Finding> {
    let Ending::Closed { by: Some(by) } = &case.evidence.ending else { return None };
    let summary = format!("its record was closed by {}", requester(by, None));
    let finding = Finding::new(Cause::Completed, Confidence::Possible, summary);
    Some(finding.misses("nobody has said whether it is really over, or since when"))
}

pub(super) fn exec_failed(case: &Case) -> Option<Finding> {
    let Ending::ExecFailed { code, error } = &case.evidence.ending else { return None };
    let summary = format!("the command could not be started: {}", plain(error));
    let advice = if *code == 127 {
        "check the command's spelling and PATH, or give its full path"
    } else {
        "check that the file may be executed, and that its interpreter exists"
    };
    Some(Finding::new(Cause::ExecFailed, Confidence::Certain, summary).advises(advice))
}

pub(super) fn rebooted(case: &Case) -> Option<Finding> {
    case.is_other_boot().then(|| {
        let summary = "the machine went down, and the session with it";
        Finding::new(Cause::Rebooted, Confidence::Certain, summary).shares(Shared::Boot)
    })
}

pub(super) fn limit(case: &Case) -> Option<Finding> {
    let reached = case.evidence.limit.as_ref()?;
    if foreign_before_ours(case).is_some() {
        return None;
    }
    let cause = cause_of(reached.limit);
    let finding = Finding::new(cause, Confidence::Certain, over(reached));
    Some(match reached.largest.first() {
        Some(largest) if cause == Cause::LimitMemory => finding.advises(format!(
            "its largest process was {} ({}) with {}",
            plain(&largest.comm),
            largest.pid,
            bytes(largest.memory_bytes)
        )),
        _ => finding,
    })
}

pub(super) fn stopped(case: &Case) -> Option<Finding> {
    if let Some((stopped, username)) = &case.evidence.stopped {
        if foreign_before_ours(case).is_some() {
            return None;
        }
        let summary = format!("stopped by {}", requester(&stopped.by, username.as_deref()));
        return Some(Finding::new(Cause::Stopped, Confidence::Certain, summary));
    }
    let blow = case.blow.filter(Blow::is_sent)?;
    let leaves = blow.signal().sender_exits;
    (case.is_holder(&blow.sender().process) && !leaves).then(|| {
        let summary = "ended by Watchkeeper's own holder";
        Finding::new(Cause::Stopped, Confidence::Likely, summary)
            .misses("nobody's request to end it was found in the journal")
    })
}

/// The signal of somebody else that ended it before ours could.
fn foreign_before_ours<'a>(case: &Case<'a>) -> Option<Blow<'a>> {
    let blow = case.blow.filter(Blow::is_sent)?;
    if case.is_ours(blow.sender()) || blow.is_from_within(case) {
        return None;
    }
    let ours = case.shots().find(|shot| {
        is_before(shot.age)
            && case.is_ours(&shot.signal.sender)
            && case.concerns(&shot.signal.target)
    });
    match ours {
        Some(ours) => (blow.shot.age > ours.age).then_some(blow),
        // Nobody saw us send ours: only what cannot be resisted tells.
        None => (case.is_covered() && blow.signal().signal == super::case::KILL).then_some(blow),
    }
}

/// E.g. `ann, with wk (4711)`.
pub(super) fn requester(by: &Requester, username: Option<&str>) -> String {
    let user = username.map_or_else(|| format!("uid {}", by.uid), plain);
    match (&by.client, by.pid) {
        (Some(client), Some(pid)) => format!("{user}, with {} ({pid})", plain(client)),
        (Some(client), None) => format!("{user}, with {}", plain(client)),
        (None, Some(pid)) => format!("{user}, from process {pid}"),
        (None, None) => user,
    }
}

fn cause_of(limit: LimitKind) -> Cause {
    match limit {
        LimitKind::Memory => Cause::LimitMemory,
        LimitKind::CpuTime => Cause::LimitCpu,
        LimitKind::Time => Cause::LimitTime,
        LimitKind::Idle => Cause::LimitIdle,
        LimitKind::Processes => Cause::LimitProcesses,
        LimitKind::Output => Cause::LimitOutput,
    }
}

fn over(reached: &LimitReached) -> String {
    let (max, value) = (reached.max, reached.value);
    match reached.limit {
        LimitKind::Memory => {
            format!("took {} of memory; its limit is {}", bytes(value), bytes(max))
        }
        LimitKind::CpuTime => {
            format!("used {} of CPU time; its limit is {}", span(value), span(max))
        }
        LimitKind::Time => format!("ran for {}; its limit is {}", span(value), span(max)),
        LimitKind::Idle => {
            format!("was idle for {}; its limit is {}", span(value), span(max))
        }
        LimitKind::Processes => format!("had {value} processes; its limit is {max}"),
        LimitKind::Output => format!("wrote {}; its limit is {}", bytes(value), bytes(max)),
    }
}

/// What would have been said of a limit or a stop that somebody else came before.
pub(super) fn came_late(case: &Case) -> Option<(Cause, String)> {
    let blow = foreign_before_ours(case)?;
    let by = who(blow.sender());
    if let Some(reached) = &case.evidence.limit {
        return Some((cause_of(reached.limit), format!("{}, but {by} came first", over(reached))));
    }
    let (stopped, username) = case.evidence.stopped.as_ref()?;
    let asked = requester(&stopped.by, username.as_deref());
    Some((Cause::Stopped, format!("{asked} asked for the end, but {by} came first")))
}
