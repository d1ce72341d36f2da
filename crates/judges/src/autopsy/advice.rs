//! What to do next, a sentence each.

use wk_model::{Cause, Kind};

use super::{case::Case, finding::Finding, words::plain};

pub(super) fn of(case: &Case, finding: &Finding) -> Vec<String> {
    let mut advice = finding.advice.clone();
    advice.extend(of_cause(case, finding).map(str::to_owned));
    advice.extend(again(case, finding));
    advice
}

fn of_cause(case: &Case, finding: &Finding) -> Option<&'static str> {
    Some(match finding.cause {
        Cause::OomCgroup => {
            "raise the cgroup's limit (memory.max; MemoryMax= of the unit), or let it take less: \
             `wk run --max-memory` ends one session before the cgroup's limit ends any"
        }
        Cause::OomSystem => {
            "run fewer at once (`max_concurrent`), limit each with `wk run --max-memory`, or add swap"
        }
        Cause::OomDaemon => {
            "the daemon acts before memory is out: `wk run --max-memory` limits each session; \
             ManagedOOMPreference=avoid spares a unit"
        }
        Cause::Killed if finding.culprit.as_ref().is_some_and(|it| by_pattern(&it.argv)) => {
            "a pattern over all command lines hits whatever fits: let it name processes by number"
        }
        Cause::LimitMemory => "`--max-memory` is its limit: raise it if the session needs more",
        Cause::LimitCpu => "`--max-cpu-time` is its limit: raise it if the session needs more",
        Cause::LimitTime => "`--timeout` is its limit: raise it if the session needs longer",
        Cause::LimitIdle => "`--idle-timeout` is its limit: raise it if silence is no harm",
        Cause::LimitProcesses => "`--max-processes` is its limit: raise it if it needs more",
        Cause::LimitOutput => "`--max-output` is its limit: raise it if it needs more",
        Cause::Rebooted if !case.evidence.subject.watched => {
            "`wk run --restore` starts a session again after a reboot"
        }
        _ => return None,
    })
}

/// Started by us, it can be started again.
fn again(case: &Case, finding: &Finding) -> Option<String> {
    let subject = &case.evidence.subject;
    let ended_well = matches!(finding.cause, Cause::Completed | Cause::Stopped);
    if ended_well || subject.watched || subject.kind == Kind::Tmux {
        return None;
    }
    let name = match &subject.name {
        Some(name) => plain(name),
        None => subject.session_id.to_string(),
    };
    Some(format!("`wk restart {name}` runs it again"))
}

fn by_pattern(argv: &[String]) -> bool {
    let program = argv.first().map(|first| first.rsplit('/').next().unwrap_or(first));
    matches!(program, Some("pkill" | "killall" | "skill"))
}
