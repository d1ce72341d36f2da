//! Its terminal went away: chased back to the end that began it.
//!
//! ```text
//! agent ◀─HUP─ its shell, ending ◀─HUP─ terminal, ending ◀─KILL─ somebody
//! ```

use wk_model::{Cause, Confidence, signal_name};

use super::{
    Shared,
    blow::is_sent,
    case::{BY_THE_KERNEL, Case, GRACE_MS, HUP, Shot, millis},
    finding::Finding,
    words::{command, of_another, who},
};

/// However long the chain of those who hang up.
const LONGEST: usize = 8;

pub(super) fn hung_up(case: &Case) -> Option<Finding> {
    let trail = trail(case);
    let last = trail.last()?;
    let (signal, sender) = (last.signal, &last.signal.sender);
    let hangup = |summary: String| {
        Finding::new(Cause::Hangup, Confidence::Certain, summary).signal(HUP).advises(
            "`wk run -d` keeps a session when its terminal closes; `wk attach` gets back to it",
        )
    };
    let owner = command(&signal.target.comm, &[]);
    let target = signal.target.process;
    if !is_hangup(last) {
        if is_sent(signal) && sender.process != target {
            let other = of_another(case, sender.uid);
            let summary = format!(
                "its terminal went away: {owner} ({}) was killed by {}{other}",
                target.pid,
                who(sender)
            );
            return Some(hangup(summary).by_seen(sender));
        }
        let name = signal_name(signal.signal);
        let summary = format!("its terminal went away: {owner} ({}) ended by {name}", target.pid);
        return Some(hangup(summary).shares(Shared::Terminal(target)));
    }
    let closer = command(&sender.comm, &sender.argv);
    let summary = if signal.sender_exits {
        format!("its terminal went away when {closer} ({}) ended", sender.process.pid)
    } else if signal.sender_is_kernel {
        "its terminal went away".to_owned()
    } else {
        format!("its terminal was closed by {closer} ({})", sender.process.pid)
    };
    let finding = hangup(summary);
    Some(if signal.sender_is_kernel {
        finding
    } else {
        finding.shares(Shared::Terminal(sender.process))
    })
}

/// From the hang-up that ended the session to where it began; empty where it ended otherwise.
pub(super) fn trail<'a>(case: &Case<'a>) -> Vec<Shot<'a>> {
    let first = case.blow.map(|blow| blow.shot).filter(|shot| shot.signal.signal == HUP);
    let mut trail: Vec<_> = first.into_iter().collect();
    while let Some(last) = trail.last()
        && trail.len() < LONGEST
        && (trail.len() == 1 || is_hangup(last))
        && let Some(earlier) = before(case, last)
    {
        trail.push(earlier);
    }
    // A shell that is hung up tells its jobs; else what one process sends another is a kill.
    if trail.iter().take(2).any(is_hangup) { trail } else { Vec::new() }
}

/// What had happened to the sender.
fn before<'a>(case: &Case<'a>, shot: &Shot<'a>) -> Option<Shot<'a>> {
    let sender = shot.signal.sender.process;
    if sender == shot.signal.target.process {
        return None;
    }
    if shot.signal.sender_exits {
        return case.shot_that_ended(&sender, shot.age).filter(|found| found.age > shot.age);
    }
    if is_hangup(shot) {
        return None;
    }
    case.shots().rfind(|found| {
        let earlier = found.age - shot.age;
        found.signal.target.process == sender
            && found.signal.signal == HUP
            && (1..=millis(GRACE_MS)).contains(&earlier)
    })
}

fn is_hangup(shot: &Shot) -> bool {
    shot.signal.signal == HUP && shot.signal.code == BY_THE_KERNEL
}
