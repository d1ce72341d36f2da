//! What a command is told about an event, in its environment.

use std::ffi::OsString;

use wk_journal::Journal;
use wk_model::{Change, Ending, Event, Life, Session, Status};

use crate::cause;

/// The session's status as the event left it, as far as it says.
pub fn status(event: &Event, session: Option<&Session>) -> Option<Status> {
    match &event.change {
        Change::SessionClosed { outcome } => Some(Status::from(*outcome)),
        Change::AttemptStarted(_) => Some(Status::Running),
        Change::SessionRecovering(_) | Change::SessionParked(_) => Some(Status::Recovering),
        _ => session.and_then(Session::status),
    }
}

/// The place of an event that no other has, in any journal.
pub fn event_id(journal: &Journal, event: &Event) -> String {
    format!("{}:{}", journal.id(), event.seq)
}

/// The variables; what is not known is not set.
pub fn variables(
    journal: &Journal,
    event: &Event,
    session: Option<&Session>,
) -> Vec<(OsString, OsString)> {
    let created = session.map(|session| &session.created);
    let ending = session.and_then(last_ending);
    let facts = [
        ("WK_EVENT", Some(event.change.kind().to_owned())),
        ("WK_EVENT_ID", Some(event_id(journal, event))),
        ("WK_SESSION_ID", event.session_id.map(String::from)),
        ("WK_NAME", session.and_then(Session::name).map(str::to_owned)),
        ("WK_TEMPLATE", created.and_then(|created| created.template.clone())),
        ("WK_ATTEMPT", session.map(|session| session.attempt.to_string())),
        ("WK_STATUS", status(event, session).map(|status| status.to_string())),
        ("WK_CAUSE", cause::of(journal, event, session).map(str::to_owned)),
        ("WK_EXIT_CODE", ending.and_then(Ending::exit_code).map(|code| code.to_string())),
        ("WK_SIGNAL", ending.and_then(Ending::signal).map(|signal| signal.to_string())),
    ];
    let set = facts.into_iter().filter_map(|(name, value)| Some((name, value?)));
    set.map(|(name, value)| (OsString::from(name), OsString::from(value))).collect()
}

fn last_ending(session: &Session) -> Option<&Ending> {
    match &session.life {
        Life::Ended(ended) | Life::Recovering { last: ended, .. } => Some(&ended.ending),
        _ => None,
    }
}
