//! A signal that a process sent: another's, or one of its own.

use wk_model::{Cause, Confidence, Culprit, signal_name};

use super::{
    blow::{Blow, How},
    case::{Case, End, FAULTS, KILL, OWN_DOING, TERM, is_near},
    finding::Finding,
    words::{ended, of_another, plain, who},
};

pub(super) fn killed(case: &Case) -> Option<Finding> {
    let blow = case.blow?;
    let signal = blow.signal().signal;
    if OWN_DOING.contains(&signal) && (blow.is_by_itself() || !blow.is_sent()) {
        let summary = format!("ended by {}, which it brought upon itself", signal_name(signal));
        return Some(Finding::new(Cause::Failed, Confidence::Certain, summary).signal(signal));
    }
    if !blow.is_sent() {
        return None;
    }
    let finding =
        if blow.is_from_within(case) { by_its_own(&blow) } else { by_another(case, &blow) };
    let finding = match (blow.how, case.end) {
        (How::Caught, End::Code(0)) => finding.or(
            Cause::Completed,
            Confidence::Possible,
            "it caught the signal, and may have been about to end by itself",
        ),
        (How::Presumed, _) => finding.misses("nobody saw how it ended: only what it was sent"),
        _ => finding,
    };
    Some(finding.by_seen(blow.sender()).signal(signal))
}

fn confidence(blow: &Blow) -> Confidence {
    let signal = blow.signal().signal;
    match blow.how {
        How::Caught => Confidence::Likely,
        How::Presumed if signal != KILL => Confidence::Likely,
        How::Died | How::Code | How::PassedOn | How::Presumed => Confidence::Certain,
    }
}

fn by_its_own(blow: &Blow) -> Finding {
    let with = with(blow.signal().signal);
    let summary = if blow.is_by_itself() {
        format!("ended itself{with}: {}", who(blow.sender()))
    } else {
        format!("killed{with} by a process of its own: {}", who(blow.sender()))
    };
    Finding::new(Cause::SelfKilled, confidence(blow), summary)
        .advises("what it ran ended it: name processes by number, not by a pattern that fits all")
}

fn by_another(case: &Case, blow: &Blow) -> Finding {
    let (signal, sender) = (blow.signal(), blow.sender());
    let with = with(signal.signal);
    let by = format!("{}{}", who(sender), of_another(case, sender.uid));
    let wrapper = if sender.process.pid == signal.target.parent { ", its parent" } else { "" };
    let summary = match blow.how {
        How::PassedOn => format!(
            "its process {} ({}) was killed{with} by {by}{wrapper}; it {}",
            plain(&signal.target.comm),
            signal.target.process.pid,
            ended(case.end)
        ),
        How::Caught => format!("told to end{with} by {by}{wrapper}, and it did"),
        How::Died | How::Code | How::Presumed => format!("killed{with} by {by}{wrapper}"),
    };
    Finding::new(Cause::Killed, confidence(blow), summary)
}

fn with(signal: i32) -> String {
    match signal {
        KILL | TERM => String::new(),
        signal => format!(" with {}", signal_name(signal)),
    }
}

/// Others who sent it a signal that could have ended it as well.
pub(super) fn others<'a>(case: &Case<'a>) -> Vec<(Culprit, i32)> {
    let decisive = case.blow.map(|blow| blow.shot);
    let mut others: Vec<(Culprit, i32)> = Vec::new();
    for shot in case.shots() {
        let signal = shot.signal;
        let to_leader = case.is_leader(&signal.target.process) && is_near(shot.age);
        let fatal = !FAULTS.contains(&signal.signal) && super::blow::is_sent(signal);
        let known = decisive
            .is_some_and(|decisive| decisive.signal.sender.process == signal.sender.process)
            || others.iter().any(|(culprit, _)| culprit.pid == signal.sender.process.pid);
        let ours = case.is_ours(&signal.sender) || case.is_leader(&signal.sender.process);
        if to_leader && fatal && !known && !ours {
            others.push((super::finding::culprit(&signal.sender), signal.signal));
        }
    }
    others
}
