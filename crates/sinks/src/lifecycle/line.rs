//! The lines of `session_lifecycle.log`.

use serde::Serialize;
use wk_journal::Journal;
use wk_model::{
    AttemptExited, Change, Ending, Event, Session, SessionId, Status, Time, signal_name,
};

use super::{
    context::{Context, DeathContext},
    files,
};

/// One line. What is not known is not there.
#[derive(Clone, Debug, Serialize)]
pub struct LifecycleLine {
    pub timestamp: Time,
    pub event: &'static str,
    pub session_id: SessionId,
    /// The name of the tmux session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tmux: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<Context>,
}

impl LifecycleLine {
    pub(super) fn key(&self) -> String {
        let (time, session_id) = (self.timestamp.to_string(), self.session_id.to_string());
        files::lifecycle_key(&time, self.event, &session_id)
    }
}

/// The line for an event; none for most.
pub(super) fn of(journal: &Journal, event: &Event) -> Option<LifecycleLine> {
    let session_id = event.session_id?;
    let (name, time, reason) = match &event.change {
        Change::SessionCreated(_) => ("session_created", event.at.time, None),
        Change::AttemptStarted(_) => ("polling_started", event.at.time, None),
        Change::AttemptExited(exited) => {
            ("polling_ended", event.at.time, Some(ending(&exited.ending)))
        }
        // The settled one says who died with it, and comes once.
        Change::VerdictReached(verdict) if verdict.settled && verdict.unexpected => {
            ("session_death_detected", verdict.end_time, Some(verdict.cause.to_string()))
        }
        Change::SessionClosed { outcome } => {
            ("session_closed", event.at.time, Some(Status::from(*outcome).to_string()))
        }
        _ => return None,
    };
    let session = journal.session(session_id).ok().flatten();
    let tmux = tmux_name(session.as_deref());
    let context = context(event, session.as_deref(), tmux.as_deref());
    Some(LifecycleLine { timestamp: time, event: name, session_id, tmux, reason, context })
}

fn context(event: &Event, session: Option<&Session>, tmux: Option<&str>) -> Option<Context> {
    let session_id = event.session_id?;
    Some(match &event.change {
        Change::SessionCreated(created) => Context::Created {
            name: created.name.clone(),
            kind: created.session_kind,
            command: created.command.clone(),
            working_directory: created.working_directory.clone(),
        },
        Change::AttemptStarted(started) => Context::Started {
            attempt: started.attempt,
            pid: started.process.map(|process| process.pid),
        },
        Change::AttemptExited(exited) => exit(exited),
        Change::VerdictReached(verdict) => {
            Context::Death(Box::new(DeathContext::of(session_id, session, tmux, verdict)))
        }
        _ => return None,
    })
}

fn exit(exited: &AttemptExited) -> Context {
    Context::Exited {
        attempt: exited.attempt,
        exit_code: exited.ending.exit_code(),
        signal: exited.ending.signal(),
        limit: exited.limit,
    }
}

fn tmux_name(session: Option<&Session>) -> Option<String> {
    let session = session?;
    let place = session.created.tmux.as_ref()?;
    Some(session.renamed.clone().unwrap_or_else(|| place.name.clone()))
}

/// In few words.
fn ending(ending: &Ending) -> String {
    match ending {
        Ending::Exited { code } => format!("exit {code}"),
        Ending::Signaled { signal, .. } => signal_name(*signal),
        Ending::ExecFailed { error, .. } => error.clone(),
        Ending::HolderLost => "holder_lost".into(),
        Ending::Rebooted => "rebooted".into(),
        Ending::Gone => "gone".into(),
        Ending::Closed { .. } => "closed".into(),
        Ending::NeverRan { why } => why.clone(),
    }
}
