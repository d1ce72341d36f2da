//! Clients that asked a tmux server to end a session, or itself.

use wk_model::{Culprit, SeenProcess};

use crate::autopsy::{
    TmuxSubject, What,
    case::{Case, GRACE_MS, millis},
    finding::culprit,
    tmux_command::{self, Aim, Order},
    words::plain,
};

/// Somebody asked for an end that may be this one.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// How long before the end, in nanoseconds.
    pub age: i128,
    pub culprit: Option<Culprit>,
    /// The whole server.
    pub of_server: bool,
    /// It names this session, and no other.
    pub is_exact: bool,
    /// tmux itself told of it.
    pub is_told: bool,
    /// Its user typed it in the session itself, or pressed a key of an attached client.
    pub by_hand: bool,
    /// For where no process is known.
    pub text: String,
}

const SHELLS: [&str; 7] = ["bash", "zsh", "fish", "sh", "dash", "ksh", "ash"];

/// Requests before `until`, nearest in time, that fit; each client once.
pub(super) fn all(case: &Case, until: i128) -> Vec<Request> {
    let Some(tmux) = case.tmux() else { return Vec::new() };
    let mut requests: Vec<Request> = Vec::new();
    for (age, fact) in case.facts() {
        if !(0..=millis(GRACE_MS)).contains(&(age - until)) {
            continue;
        }
        let Some(request) = of(case, tmux, age, &fact.what) else { continue };
        let same = |known: &&mut Request| {
            let (one, other) = (&known.culprit, &request.culprit);
            match (one, other) {
                (Some(one), Some(other)) => one.pid == other.pid,
                _ => known.text == request.text,
            }
        };
        match requests.iter_mut().find(same) {
            Some(known) => {
                known.is_told |= request.is_told;
                known.by_hand |= request.by_hand;
                known.is_exact |= request.is_exact;
            }
            None => requests.push(request),
        }
    }
    requests
}

/// The only one that fits; one that names the session comes before those that may mean it.
pub(super) fn the_one<'a>(asked: &[&'a Request]) -> Option<&'a Request> {
    let exact: Vec<&Request> = asked.iter().copied().filter(|it| it.is_exact).collect();
    match (exact.as_slice(), asked) {
        ([one], _) | ([], [one]) => Some(one),
        _ => None,
    }
}

fn of(case: &Case, tmux: &TmuxSubject, age: i128, what: &What) -> Option<Request> {
    match what {
        What::Command(seen) => of_process(case, tmux, age, &seen.process),
        What::TmuxMessage { client, client_process, command } => {
            let order = tmux_command::read_line(command)?;
            let (of_server, is_exact) = fit(tmux, &order, None)?;
            // An attached client is known by its terminal: a key of it was pressed.
            let attached = !client.starts_with("client-");
            Some(Request {
                age,
                culprit: client_process.clone(),
                of_server,
                is_exact,
                is_told: true,
                by_hand: attached && tmux.attached && !of_server,
                text: format!("client {}: {}", plain(client), plain(command)),
            })
        }
        _ => None,
    }
}

/// Whether a client gives this server an order to end something.
pub(super) fn is_order(case: &Case, tmux: &TmuxSubject, seen: &SeenProcess) -> bool {
    tmux_command::read(&seen.argv).is_some_and(|order| is_for(case, tmux, &order, seen))
}

fn of_process(case: &Case, tmux: &TmuxSubject, age: i128, seen: &SeenProcess) -> Option<Request> {
    let order = tmux_command::read(&seen.argv)?;
    if !is_for(case, tmux, &order, seen) {
        return None;
    }
    let (of_server, is_exact) = fit(tmux, &order, Some(seen))?;
    let parent_is_shell = seen
        .ancestry
        .first()
        .is_some_and(|parent| SHELLS.contains(&parent.comm.trim_start_matches('-')));
    // The parent is the pane's own first process: nothing stands between it and its user.
    let in_a_pane = seen.ancestry.get(1).is_some_and(|above| above.pid == tmux.server.pid);
    let in_this_one = seen.tty.is_some_and(|tty| tmux.pane_ttys.contains(&tty));
    Some(Request {
        age,
        culprit: Some(culprit(seen)),
        of_server,
        is_exact,
        is_told: false,
        by_hand: in_this_one && in_a_pane && parent_is_shell && is_same_user(case, seen),
        text: String::new(),
    })
}

fn is_same_user(case: &Case, seen: &SeenProcess) -> bool {
    case.evidence.subject.uid.is_none_or(|uid| uid == seen.uid)
}

/// Whether the client talks to this server.
fn is_for(case: &Case, tmux: &TmuxSubject, order: &Order, seen: &SeenProcess) -> bool {
    if !is_same_user(case, seen) && seen.uid != 0 {
        return false;
    }
    let file = tmux.socket.rsplit('/').next().unwrap_or_default();
    if let Some(socket) = &order.socket {
        return *socket == tmux.socket
            || (!socket.starts_with('/') && socket.rsplit('/').next() == Some(file));
    }
    if let Some(label) = &order.label {
        return label == file;
    }
    // In a pane, TMUX in the environment names the server.
    let above = seen.ancestry.iter().find(|above| above.comm.starts_with("tmux: server"));
    let inside = seen.ancestry.iter().any(|above| above.pid == tmux.server.pid)
        || seen.tty.is_some_and(|tty| tmux.pane_ttys.contains(&tty));
    inside || (above.is_none() && file == "default")
}

/// Whether an order may end this session: of the whole server, and whether it names it.
fn fit(tmux: &TmuxSubject, order: &Order, seen: Option<&SeenProcess>) -> Option<(bool, bool)> {
    let fits: Vec<(bool, bool)> =
        order.aims.iter().filter_map(|aim| fit_aim(tmux, aim, seen)).collect();
    let session = fits.iter().filter(|(of_server, _)| !of_server).max_by_key(|(_, exact)| *exact);
    session.or_else(|| fits.first()).copied()
}

fn fit_aim(tmux: &TmuxSubject, aim: &Aim, seen: Option<&SeenProcess>) -> Option<(bool, bool)> {
    let (target, all) = match aim {
        Aim::Server => return Some((true, true)),
        Aim::Session { target, all } => (target, *all),
        Aim::Part { target, all } => {
            // All other parts of a session leave one.
            let part = target.as_deref().filter(|_| !*all);
            let unnamed = part.filter(|part| part.starts_with(['%', '@', ':', '{', '.']));
            return match unnamed {
                Some(part) => by_id(tmux, part),
                None => by_name(tmux, part, seen),
            };
        }
    };
    let fit = by_name(tmux, target.as_deref(), seen);
    if !all {
        return fit;
    }
    match fit {
        // All others than this one.
        Some((_, true)) => None,
        Some((_, false)) => Some((false, false)),
        None => Some((false, true)),
    }
}

/// A window or a pane by its own id, or by its place in a session that is not named.
fn by_id(tmux: &TmuxSubject, part: &str) -> Option<(bool, bool)> {
    let is_id = part.starts_with(['%', '@']) && !tmux.parts.is_empty();
    let id = part.split('.').next().unwrap_or(part);
    match is_id {
        true => tmux.parts.iter().any(|own| own == id).then_some((false, true)),
        false => Some((false, false)),
    }
}

fn by_name(
    tmux: &TmuxSubject,
    target: Option<&str>,
    seen: Option<&SeenProcess>,
) -> Option<(bool, bool)> {
    let Some(target) = target else {
        // The session that the client is in.
        let tty = seen.and_then(|seen| seen.tty);
        let inside =
            seen.is_some_and(|seen| seen.ancestry.iter().any(|above| above.pid == tmux.server.pid));
        return match tty {
            Some(tty) if tmux.pane_ttys.contains(&tty) => Some((false, true)),
            Some(_) if inside && !tmux.pane_ttys.is_empty() => None,
            _ => Some((false, false)),
        };
    };
    let exactly = target.starts_with('=');
    let name = target.strip_prefix('=').unwrap_or(target);
    // Dots and colons end a session's name: what follows is a window or a pane.
    let session = name.split(':').next().unwrap_or(name);
    if session == tmux.name || session == tmux.id || name == tmux.name {
        return Some((false, true));
    }
    let may = !exactly
        && !session.is_empty()
        && !session.starts_with('$')
        && (tmux.name.starts_with(session)
            || session.contains(['*', '?', '['])
            || session.starts_with(['%', '@', '{']));
    may.then_some((false, false))
}
