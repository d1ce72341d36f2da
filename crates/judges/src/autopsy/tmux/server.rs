//! The end of a tmux server, and of all its sessions with it.

use wk_model::{Cause, Confidence, signal_name};

use super::{
    keep,
    request::{Request, the_one},
};
use crate::autopsy::{
    LogNote, Shared,
    blow::is_sent,
    case::{Case, End, FAULTS, Shot, TERM},
    finding::Finding,
    service::is_systemd,
    words::{of_another, who, whom},
};

/// Whether its server is known to be gone.
pub(super) fn is_gone(case: &Case, step: Option<&Shot>) -> bool {
    let Some(tmux) = case.tmux() else { return false };
    tmux.server_alive == Some(false)
        || case.end_of(&tmux.server) != End::Unknown
        || step.is_some_and(|step| step.signal.sender_exits)
}

/// Whether the server ended before the session's own program.
pub(super) fn went_first(case: &Case) -> bool {
    let Some(tmux) = case.tmux() else { return false };
    let leader = case.evidence.subject.leader.as_ref();
    let ages = (case.age_of_end(&tmux.server), leader.and_then(|it| case.age_of_end(it)));
    matches!(ages, (Some(server), Some(leader)) if server > leader)
}

/// None: the server is gone because its last session is, not the other way round.
pub(super) fn ended(case: &Case, step: Option<&Shot>, requests: &[Request]) -> Option<Finding> {
    let tmux = case.tmux()?;
    let end = case.end_of(&tmux.server);
    let until = step.map_or_else(|| case.age_of_end(&tmux.server).unwrap_or(0), |step| step.age);
    // The witness's clock is one: what it saw later than the hang-up did not lead to it.
    let shot = case.shot_that_ended(&tmux.server, until).filter(|shot| shot.age >= until);
    let found = match shot {
        Some(shot) => by_signal(case, &shot, requests),
        None => unseen(case, step, end, requests)?,
    };
    Some(found.shares(Shared::TmuxServer(tmux.server)).advises(keep(case)))
}

fn by_signal(case: &Case, shot: &Shot, requests: &[Request]) -> Finding {
    let (signal, sender) = (shot.signal.signal, &shot.signal.sender);
    let by_itself = sender.process == shot.signal.target.process;
    if FAULTS.contains(&signal) && by_itself {
        return crashed(signal, Confidence::Certain);
    }
    if !is_sent(shot.signal) {
        let summary = format!("its tmux server was ended by {}", signal_name(signal));
        return Finding::new(Cause::TmuxServerKilled, Confidence::Likely, summary);
    }
    // It tells itself to end when a client asks for that.
    if by_itself && signal == TERM {
        let before: Vec<Request> =
            requests.iter().filter(|request| request.age >= shot.age).cloned().collect();
        return asked(&before, Confidence::Certain);
    }
    if is_systemd(sender) {
        let summary = "systemd stopped what its tmux server lived in";
        return Finding::new(Cause::ServiceStopped, Confidence::Likely, summary)
            .misses("systemd's journal would name the unit")
            .advises("start the server in a scope of its own: `systemd-run --user --scope tmux`");
    }
    let other = of_another(case, sender.uid);
    let summary = format!("its tmux server was killed by {}{other}", who(sender));
    Finding::new(Cause::TmuxServerKilled, Confidence::Certain, summary).by_seen(sender)
}

fn unseen(case: &Case, step: Option<&Shot>, end: End, requests: &[Request]) -> Option<Finding> {
    if requests.iter().any(|request| request.of_server) {
        let told = requests.iter().any(|request| request.of_server && request.is_told);
        let sure = told || end == End::Code(0);
        return Some(asked(requests, if sure { Confidence::Certain } else { Confidence::Likely }));
    }
    let killed = |summary: String, confidence| {
        Finding::new(Cause::TmuxServerKilled, confidence, summary)
            .misses("nobody saw who ended the tmux server")
    };
    match end {
        End::Signal(signal) if FAULTS.contains(&signal) => {
            let logged = case.logs().any(|note| match note {
                LogNote::KernelFault { pid, .. } => {
                    case.tmux().is_some_and(|tmux| tmux.server.pid == *pid)
                }
                _ => false,
            });
            let sure = if logged { Confidence::Certain } else { Confidence::Likely };
            Some(crashed(signal, sure))
        }
        End::Signal(signal) => {
            let name = signal_name(signal);
            Some(killed(format!("its tmux server was ended by {name}"), Confidence::Likely))
        }
        // It has ended in good order, after its sessions.
        End::Code(0) if step.is_none_or(|step| !step.signal.sender_exits) => None,
        End::Code(0) | End::Unknown => {
            // A server that lives when it hangs up its pane was not the first to go.
            if step.is_some_and(|step| !step.signal.sender_exits) {
                return None;
            }
            let confidence = if step.is_some() { Confidence::Likely } else { Confidence::Possible };
            Some(killed("its tmux server is gone".to_owned(), confidence).or(
                Cause::TmuxServerCrashed,
                Confidence::Possible,
                "nobody saw how it ended",
            ))
        }
        End::Code(code) => {
            let summary = format!("its tmux server gave up with code {code}");
            Some(Finding::new(Cause::TmuxServerCrashed, Confidence::Likely, summary))
        }
    }
}

fn crashed(signal: i32, confidence: Confidence) -> Finding {
    let summary = format!("its tmux server crashed with {}", signal_name(signal));
    Finding::new(Cause::TmuxServerCrashed, confidence, summary)
        .advises("a newer tmux may have this mended; a core dump shows where: `coredumpctl`")
}

/// A client asked the server to end.
fn asked(requests: &[Request], confidence: Confidence) -> Finding {
    let asked: Vec<&Request> = requests.iter().filter(|request| request.of_server).collect();
    let finding = |summary: String| Finding::new(Cause::TmuxServerKilled, confidence, summary);
    let Some(request) = the_one(&asked) else {
        let text = "a client told its tmux server to end".to_owned();
        let start = finding(text).misses("which client it was");
        let each = asked.iter().filter_map(|request| request.culprit.as_ref());
        return each.fold(start, |finding, culprit| {
            finding.or(Cause::TmuxServerKilled, Confidence::Possible, whom(culprit))
        });
    };
    match &request.culprit {
        Some(culprit) => finding(format!("its tmux server was told to end by {}", whom(culprit)))
            .by(culprit.clone()),
        None => finding(format!("its tmux server was told to end by {}", request.text))
            .misses("the client's process was gone before anybody could look"),
    }
}
