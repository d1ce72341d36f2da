//! Events of reported sessions, as drafts.

use serde_json::{Map, Value};
use wk_model::{
    AttemptExited, AttemptStarted, Change, Created, Draft, Ending, HealthChanged, HolderUsage,
    Kind, Moment, ProcessId, SessionId, Source,
};

use crate::daemon::core::draft;

/// The events that begin a session; one whose end cannot be seen from here says so.
pub(super) fn begin(
    session_id: SessionId,
    at: Moment,
    created: Created,
    process: Option<ProcessId>,
) -> Vec<Draft> {
    let started = AttemptStarted::found(process);
    let reason = "its process cannot be seen from here: only its client can end it";
    let incomplete = || Change::HealthChanged(HealthChanged::incomplete(reason));
    let remote = process.is_none().then(incomplete);
    let changes = [Change::SessionCreated(Box::new(created)), Change::AttemptStarted(started)];
    let changes = changes.into_iter().chain(remote);
    changes.map(|change| Draft { at, ..draft(Some(session_id), change) }).collect()
}

/// What its client says of it when it is over: once.
pub(super) fn describe(
    session_id: SessionId,
    at: Moment,
    metadata: Map<String, Value>,
) -> Option<Draft> {
    (!metadata.is_empty()).then(|| Draft {
        at,
        source: Source(format!("daemon/described/{session_id}")),
        source_seq: Some(1),
        ..draft(Some(session_id), Change::SessionDescribed { metadata })
    })
}

/// The events that end it: once, whoever finds out first.
pub(super) fn end(session_id: SessionId, at: Moment, ending: Ending) -> Vec<Draft> {
    let outcome = ending.outcome(Kind::Shell, false, None);
    let usage = HolderUsage::default();
    let exited = AttemptExited { attempt: 1, ending, limit: None, usage, last_lines: None };
    let once = |what: &str, at, change| Draft {
        at,
        source: Source(format!("daemon/{what}/{session_id}")),
        source_seq: Some(1),
        ..draft(Some(session_id), change)
    };
    vec![
        once("watched", at, Change::AttemptExited(exited)),
        once("closed", at, Change::SessionClosed { outcome }),
    ]
}
