//! A system call that its filter forbids.

use wk_model::{Cause, Confidence};

use super::{
    LogNote,
    case::{Case, End, KILL, SYS},
    finding::Finding,
    words::plain,
};

pub(super) fn forbidden(case: &Case) -> Option<Finding> {
    let note = note(case);
    if let Some(blow) = case.blow {
        let own = blow.signal().signal == SYS && (blow.is_by_itself() || blow.is_kernels());
        return own.then(|| finding(note, Confidence::Certain).signal(SYS));
    }
    // A strict filter kills without any signal that could be seen.
    let syscall = note?;
    let fits = matches!(case.end, End::Signal(SYS | KILL) | End::Unknown | End::Code(137 | 159));
    let sure = case.is_covered() || case.end == End::Signal(SYS);
    let confidence = if sure { Confidence::Certain } else { Confidence::Likely };
    fits.then(|| finding(Some(syscall), confidence))
}

/// The system call that a log names.
fn note<'a>(case: &Case<'a>) -> Option<&'a str> {
    let subject = &case.evidence.subject;
    let own = |pid: u32| subject.processes.iter().chain(&subject.leader).any(|own| own.pid == pid);
    case.logs().find_map(|note| match note {
        LogNote::Seccomp { pid, syscall, .. } if own(*pid) => Some(syscall.as_str()),
        _ => None,
    })
}

pub(super) fn finding(syscall: Option<&str>, confidence: Confidence) -> Finding {
    let summary = match syscall {
        Some(syscall) => {
            format!("made the system call {}, which its filter forbids", plain(syscall))
        }
        None => "made a system call that its filter forbids".to_owned(),
    };
    Finding::new(Cause::Seccomp, confidence, summary)
        .advises("the sandbox that it was started in forbids what it needs")
}
