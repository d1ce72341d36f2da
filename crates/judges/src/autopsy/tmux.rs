//! A session of tmux, or in a pane of it: closed by a client, by an option, or gone with its
//! server.
//!
//! A pane whose own program ended, or was killed, is none of this: other rules look at that.

mod request;
mod server;

use wk_model::{Cause, Confidence, SeenProcess};

use super::{
    blow::How,
    case::{Case, End, HUP, Shot, is_near},
    finding::Finding,
    hangup,
    words::{plain, whom},
};
use request::Request;

pub(super) fn ended(case: &Case) -> Option<Finding> {
    let tmux = case.tmux()?;
    let trail = hangup::trail(case);
    let step = trail.iter().find(|shot| case.is_server(&shot.signal.sender.process)).copied();
    let step = step.or_else(|| to_a_pane(case));
    if step.is_none() && ended_by_itself(case) {
        return None;
    }
    let requests = request::all(case, step.map_or(0, |step| step.age));
    if server::is_gone(case, step.as_ref())
        && let Some(finding) = server::ended(case, step.as_ref(), &requests)
    {
        return Some(finding);
    }
    let asked: Vec<&Request> = requests.iter().filter(|request| !request.of_server).collect();
    if !asked.is_empty() {
        return Some(closed(case, step.as_ref(), &asked));
    }
    if let Some(option) = tmux.options.first().filter(|_| step.is_some() || !hung_up(case)) {
        let confidence = match step {
            Some(_) if case.is_covered() => Confidence::Certain,
            _ => Confidence::Likely,
        };
        let summary = format!("tmux closed it by its option {}", plain(option));
        return Some(
            Finding::new(Cause::TmuxOption, confidence, summary)
                .advises(format!("`tmux set -g {} off` keeps such sessions", plain(option)))
                .advises(keep(case)),
        );
    }
    if step.is_none() && !hung_up(case) {
        return None;
    }
    let summary = "its tmux server closed its pane, and lives";
    // An option that was set a moment before looks the same to who did not look on.
    let confidence = if case.is_covered() { Confidence::Likely } else { Confidence::Possible };
    Some(
        Finding::new(Cause::TmuxKill, confidence, summary)
            .misses("no client that asked tmux for it was seen: tmux's own log may name it")
            .advises(keep(case)),
    )
}

/// Whether a client asks the session's server for somebody's end.
pub(super) fn is_asked(case: &Case, seen: &SeenProcess) -> bool {
    case.tmux().is_some_and(|tmux| request::is_order(case, tmux, seen))
}

/// A client asked for it.
fn closed(case: &Case, step: Option<&Shot>, asked: &[&Request]) -> Finding {
    let named = asked.iter().any(|request| request.is_told);
    let confidence = if step.is_some() || named { Confidence::Certain } else { Confidence::Likely };
    let finding = |summary: String, confidence| Finding::new(Cause::TmuxKill, confidence, summary);
    let Some(request) = request::the_one(asked) else {
        let text = "a tmux client closed it; several asked for the like".to_owned();
        let start = finding(text, Confidence::Likely)
            .misses("which of the clients it was: each of them fits");
        let each = asked.iter().filter_map(|request| request.culprit.as_ref());
        return each.fold(start, |finding, culprit| {
            finding.or(Cause::TmuxKill, Confidence::Possible, whom(culprit))
        });
    };
    let confidence = if request.is_exact { confidence } else { Confidence::Likely };
    match &request.culprit {
        Some(culprit) => {
            let mut found = finding(format!("closed in tmux by {}", whom(culprit)), confidence)
                .by(culprit.clone());
            found.by_its_user = request.by_hand;
            if !request.is_exact {
                found = found.misses("its command names no session: it is the only one that fits");
            }
            if request.by_hand { found } else { found.advises(keep(case)) }
        }
        None => {
            let summary = format!("closed in tmux by {}", request.text);
            let mut found = finding(summary, confidence).advises(keep(case));
            found.by_its_user = request.by_hand;
            found.misses("the client's process was gone before anybody could look")
        }
    }
}

/// Its own program ended before tmux did anything.
fn ended_by_itself(case: &Case) -> bool {
    if case.blow.is_some_and(|blow| blow.how != How::Presumed) {
        return true;
    }
    match case.end {
        End::Unknown => case.blow.is_some(),
        // Nobody saw the signal: by its number it was hung up.
        _ => !hung_up(case) && !server::went_first(case),
    }
}

/// By its end, its terminal went away.
fn hung_up(case: &Case) -> bool {
    matches!(case.end, End::Signal(HUP) | End::Code(129)) && case.blow.is_none()
}

/// Where nobody saw its first process end: the server hung up one of its panes.
fn to_a_pane<'a>(case: &Case<'a>) -> Option<Shot<'a>> {
    if case.end != End::Unknown || case.blow.is_some() {
        return None;
    }
    case.shots().rfind(|shot| {
        shot.signal.signal == HUP
            && is_near(shot.age)
            && case.is_server(&shot.signal.sender.process)
            && case.is_own(&shot.signal.target.process)
    })
}

/// What brings it back.
fn keep(case: &Case) -> String {
    let name = case.tmux().map(|tmux| tmux.name.as_str()).unwrap_or_default();
    format!("`wk tmux keep {}` brings its windows, panes and folders back", plain(name))
}
