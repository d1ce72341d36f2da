//! Nobody saw who did it: what the number of the signal says, and what would have said more.

use wk_model::{Cause, Confidence, signal_name};

use super::{
    Coverage,
    case::{Case, End, FAULTS, HUP, INT, KILL, OWN_DOING, QUIT, SYS, XCPU, XFSZ},
    fault,
    finding::Finding,
    limits, seccomp,
    terminal::{key, was_typed},
};

pub(super) fn by_its_number(case: &Case) -> Option<Finding> {
    let (signal, passed_on) = match case.end {
        End::Signal(signal) => (signal, false),
        // A witness that saw all would have seen the signal: the code is its own choice.
        End::Code(code) if (129..=192).contains(&code) && !case.is_covered() => (code - 128, true),
        End::Code(_) | End::Unknown => return None,
    };
    if passed_on && case.is_shell() {
        return None;
    }
    let finding = by_number(case, signal)?;
    Some(match (case.is_covered(), passed_on) {
        (true, _) if case.blow.is_none() => {
            finding.misses("the witness looked on, and saw no signal reach it")
        }
        (true, _) => finding,
        (false, true) => finding
            .or(Cause::Failed, Confidence::Possible, "it chose that code itself")
            .signal(signal),
        (false, false) => finding,
    })
}

fn by_number(case: &Case, signal: i32) -> Option<Finding> {
    let name = signal_name(signal);
    Some(match signal {
        KILL if case.blow.is_some_and(|blow| blow.is_kernels()) => kernels_kill(),
        KILL if case.is_covered() => unseen_kill(),
        KILL => killed(&name).or(
            Cause::OomSystem,
            Confidence::Possible,
            "the kernel's OOM killer sends the same signal",
        ),
        HUP => Finding::new(Cause::Hangup, Confidence::Likely, "its terminal went away").or(
            Cause::Killed,
            Confidence::Possible,
            "a process sent it SIGHUP",
        ),
        INT | QUIT => {
            let typed = was_typed(case, signal);
            let confidence = if typed { Confidence::Likely } else { Confidence::Possible };
            let summary = format!("interrupted by {} at its terminal", key(signal));
            let text = format!("a process sent it {name}");
            Finding::new(Cause::Interrupted, confidence, summary).or(
                Cause::Killed,
                Confidence::Possible,
                text,
            )
        }
        SYS => seccomp::finding(None, Confidence::Likely),
        XCPU => limits::of_cpu(Confidence::Likely),
        XFSZ => limits::of_file_size(Confidence::Likely),
        signal if FAULTS.contains(&signal) => {
            let logged = fault::fault_text(case).is_some();
            let sure = if logged { Confidence::Certain } else { Confidence::Likely };
            fault::of_signal(case, signal, None, sure)
        }
        signal if OWN_DOING.contains(&signal) => {
            let summary = format!("ended by {name}, which it brought upon itself");
            Finding::new(Cause::Failed, Confidence::Likely, summary)
        }
        signal if signal > 0 => killed(&name),
        _ => return None,
    })
}

fn killed(name: &str) -> Finding {
    let summary = format!("killed with {name}; nobody saw by whom");
    Finding::new(Cause::Killed, Confidence::Likely, summary)
}

/// KILL, and no signal that the witness could see: only the kernel ends a process so.
fn unseen_kill() -> Finding {
    let summary = "killed with SIGKILL, but no signal was seen";
    Finding::new(Cause::Unknown, Confidence::Possible, summary)
        .or(Cause::Seccomp, Confidence::Possible, "a strict filter of system calls kills unseen")
        .or(Cause::Killed, Confidence::Possible, "a signal that the witness missed")
        .misses("the audit log names forbidden system calls: it could not be read, or is not kept")
}

/// The kernel's own KILL was seen, and nobody sent it; what would say why it came was not.
fn kernels_kill() -> Finding {
    let summary = "killed with SIGKILL by the kernel; why was not to be seen";
    Finding::new(Cause::Unknown, Confidence::Possible, summary)
        .or(Cause::Rlimit, Confidence::Possible, "the kernel's limit of its CPU time")
        .or(Cause::OomSystem, Confidence::Possible, "the kernel's OOM killer")
}

/// Nothing fits.
pub(super) fn unknown(case: &Case) -> Finding {
    let finding =
        Finding::new(Cause::Unknown, Confidence::Possible, "gone; the evidence does not say why");
    if case.evidence.subject.watched {
        finding.misses("nobody of ours waited for it: how it ended was not to be seen")
    } else {
        finding.misses("how it ended was not to be seen")
    }
}

/// What the witness would have added.
pub(super) fn witness(coverage: &Coverage) -> Option<String> {
    match coverage {
        Coverage::Full => None,
        Coverage::Partial { why } => {
            Some(format!("the kernel's witness did not see all: {}", super::words::plain(why)))
        }
        Coverage::None { why } => Some(format!(
            "the kernel's witness did not look on ({}): `sudo wk witness install`",
            super::words::plain(why)
        )),
    }
}
