//! Makes an opinion of a finding: how the end counts, what proves it, what to do.

use wk_model::{Cause, Ending, Kind, Outcome};

use super::{
    Opinion, advice,
    case::{Case, End},
    finding::Finding,
    lines,
};

pub(super) fn of(case: &Case, finding: Finding) -> Opinion {
    let (signal, exit_code) = match case.end {
        // It was told that it is over, and no code.
        End::Code(_) if matches!(case.evidence.ending, Ending::Closed { .. }) => (None, None),
        End::Code(code) => (None, Some(code)),
        End::Signal(signal) => (Some(signal), None),
        End::Unknown => (None, None),
    };
    let outcome = outcome(case, &finding);
    Opinion {
        cause: finding.cause,
        confidence: finding.confidence,
        signal: signal.or(finding.signal),
        exit_code,
        outcome,
        unexpected: is_unexpected(case, finding.cause, outcome),
        evidence: lines::of(case),
        advice: advice::of(case, &finding),
        culprit: finding.culprit,
        summary: finding.summary,
        alternatives: finding.alternatives,
        missing: finding.missing,
        shared: finding.shared,
        end_time: case.evidence.ended_at.time,
    }
}

/// The status that a cause leads to, by the table in the interfaces.
fn outcome(case: &Case, finding: &Finding) -> Outcome {
    match finding.cause {
        Cause::Completed => Outcome::Completed,
        Cause::Stopped => Outcome::Cancelled,
        _ if matches!(case.evidence.ending, Ending::NeverRan { .. }) => Outcome::Cancelled,
        Cause::Interrupted if case.is_shell() => Outcome::Completed,
        Cause::Interrupted => Outcome::Cancelled,
        Cause::LimitTime | Cause::LimitIdle | Cause::LimitCpu => Outcome::Timeout,
        _ if finding.by_its_user && case.is_shell() => Outcome::Completed,
        _ => Outcome::Failed,
    }
}

/// Whether nobody had meant it to end.
fn is_unexpected(case: &Case, cause: Cause, outcome: Outcome) -> bool {
    match cause {
        Cause::Completed | Cause::Stopped => false,
        // Only limits that were asked for are ever enforced.
        cause if cause.is_limit() => false,
        Cause::Failed => case.evidence.subject.kind != Kind::Command,
        _ => outcome != Outcome::Completed,
    }
}
