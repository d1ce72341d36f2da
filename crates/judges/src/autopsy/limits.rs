//! Resource limits of the kernel: CPU time and the size of a file.

use wk_model::{Cause, Confidence};

use super::{
    blow::Blow,
    case::{Case, KILL, XCPU, XFSZ, is_near},
    finding::Finding,
};

pub(super) fn rlimit(case: &Case) -> Option<Finding> {
    let blow = case.blow?;
    let signal = blow.signal();
    let by_itself = blow.is_by_itself();
    let finding = match signal.signal {
        XFSZ if by_itself || blow.is_kernels() => of_file_size(Confidence::Certain),
        XCPU if by_itself || blow.is_kernels() => of_cpu(Confidence::Certain),
        KILL if blow.is_kernels() => of_cpu(of_hard_limit(case, &blow)?).or(
            Cause::OomSystem,
            Confidence::Possible,
            "the kernel's OOM killer",
        ),
        _ => return None,
    };
    let finding = if signal.signal == KILL && finding.confidence == Confidence::Certain {
        Finding { alternatives: Vec::new(), ..finding }
    } else {
        finding
    };
    Some(finding.signal(signal.signal))
}

/// At the hard limit the kernel sends KILL in the name of the process that ran over it; one that
/// had a soft limit was warned.
fn of_hard_limit(case: &Case, blow: &Blow) -> Option<Confidence> {
    let target = blow.signal().target.process;
    let warned = case.shots().any(|shot| {
        shot.signal.signal == XCPU && shot.signal.target.process == target && is_near(shot.age)
    });
    if warned {
        return Some(Confidence::Certain);
    }
    (blow.is_by_itself() && case.is_covered()).then_some(Confidence::Likely)
}

pub(super) fn of_cpu(confidence: Confidence) -> Finding {
    let summary = "used up the CPU time that the kernel's limit allows it";
    Finding::new(Cause::Rlimit, confidence, summary)
        .advises("`ulimit -t` shows the limit; whoever starts the command can raise it")
}

pub(super) fn of_file_size(confidence: Confidence) -> Finding {
    let summary = "wrote a larger file than the kernel's limit allows it";
    Finding::new(Cause::Rlimit, confidence, summary)
        .advises("`ulimit -f` shows the limit; whoever starts the command can raise it")
}
