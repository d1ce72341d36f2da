//! A client tells that a shell has begun.

use std::sync::Arc;

use wk_api::{Problem, TrackStart};
use wk_holder::host;
use wk_journal::JournalError;
use wk_model::{Created, Kind, ProcessId, RecoveryOptions, Reported, Session, SessionId};
use wk_server::{TrackOrder, conflict, internal};
use wk_sources::leftovers::describe;

use super::{KEY, drafts, follow, identity, metadata, moment};
use crate::daemon::{
    core::{Core, failed},
    create::new_id,
};

/// Reported sessions that may live at one time: so many of those who showed a token, and so many
/// of those who did not. Neither keeps the others out.
const MOST: usize = 10_000;

/// The session of this event; the same event, told again, is the same session.
pub(in crate::daemon) async fn start(
    core: &Arc<Core>,
    order: TrackOrder,
) -> Result<Arc<Session>, Problem> {
    let TrackOrder { start, verified } = order;
    let key = format!("{KEY}{}", start.event_id);
    if let Some(session_id) = core.journal.by_idempotency_key(&key).map_err(failed)? {
        return session(core, session_id);
    }
    if alike(&core.journal.live(), verified) >= MOST {
        let how = if verified { "with" } else { "without" };
        return Err(conflict(format!(
            "{MOST} sessions that were reported {how} a token live already: `wk ls --incomplete` \
             shows those whose end was never heard, `wk end` closes them"
        )));
    }
    let now = host::now();
    let (at, client_time) = moment::start(start.timestamp, now);
    let process = identity::process(&start);
    let reported =
        Reported { verified, heartbeat: start.heartbeat, remote: process.is_none(), client_time };
    let parent_id = process.as_ref().and_then(|process| identity::parent(core, process));
    let created = created(*start, key, reported.clone(), parent_id, process.as_ref());
    let session_id = new_id()?;
    match core.journal.append(drafts::begin(session_id, at, created, process)).await {
        Ok(_) => {}
        Err(JournalError::Duplicate { session_id }) => return session(core, session_id),
        Err(error) => return Err(failed(error)),
    }
    let session = session(core, session_id)?;
    follow(core, &session, &reported);
    Ok(session)
}

/// Reported sessions that live, of those who showed a token or of those who did not.
fn alike(live: &[Arc<Session>], verified: bool) -> usize {
    let is_alike = |reported: &Reported| reported.verified == verified;
    live.iter().filter(|session| session.created.reported.as_ref().is_some_and(is_alike)).count()
}

fn session(core: &Core, session_id: SessionId) -> Result<Arc<Session>, Problem> {
    let session = core.journal.session(session_id).map_err(failed)?;
    session.ok_or_else(|| internal(format!("session {session_id} is not in the journal")))
}

fn created(
    start: TrackStart,
    key: String,
    reported: Reported,
    parent_id: Option<SessionId>,
    process: Option<&ProcessId>,
) -> Created {
    let command = process.and_then(|process| describe(&[process.pid]).pop());
    Created {
        session_kind: Kind::Shell,
        command: command.map_or_else(|| vec![start.shell_type.clone()], |one| one.command),
        working_directory: start.working_directory,
        uid: process.and_then(owner),
        username: Some(start.username),
        hostname: Some(start.hostname),
        platform: start.platform,
        parent_id,
        external_id: Some(start.event_id),
        component_name: Some(start.component_name),
        metadata: metadata::of_start(&start.metadata, start.home),
        terminal: true,
        keep_descendants: true,
        recovery: RecoveryOptions { enabled: false, ..RecoveryOptions::default() },
        watched: true,
        reported: Some(reported),
        shell_type: Some(start.shell_type),
        python_version: start.python_version,
        idempotency_key: Some(key),
        ..Created::default()
    }
}

/// The user of a process.
fn owner(process: &ProcessId) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(format!("/proc/{}", process.pid)).ok().map(|found| found.uid())
}
