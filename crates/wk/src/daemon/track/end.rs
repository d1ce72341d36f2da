//! A shell is over: its client says so, or somebody closes its record.

use std::sync::Arc;

use wk_api::{Problem, TrackEnd};
use wk_holder::host;
use wk_model::{Ending, Life, Moment, Reported, Requester, Session, SessionId};
use wk_server::{bad_request, conflict, not_found};

use super::{drafts, late, metadata, moment};
use crate::daemon::{
    core::{Core, failed},
    hooks::Found,
};

/// The client of a session says that it is over. One that has ended has ended.
pub(in crate::daemon) async fn end(
    core: &Arc<Core>,
    told: TrackEnd,
    verified: bool,
) -> Result<SessionId, Problem> {
    let unknown = || not_found(unknown(&told.session_id));
    let session_id = told.session_id.parse::<SessionId>().map_err(|_| unknown())?;
    let _turn = core.turn(session_id).await;
    let session = core.journal.session(session_id).map_err(failed)?.ok_or_else(unknown)?;
    let reported = reported(&session, verified)?;
    let ended = moment::end(told.timestamp, session.start_time, reported, host::now());
    let at = ended.map_err(|fault| {
        let (told, began) = (told.timestamp, fault.began);
        bad_request(format!(
            "`timestamp` is before the start of the session: it began at {began} and cannot have \
             ended at {told}; send the time of the end, by the clock that told the start"
        ))
    })?;
    if let Some(described) = drafts::describe(session_id, at, metadata::mask(&told.metadata)) {
        core.journal.append(vec![described]).await.map_err(failed)?;
    }
    if session.is_ended() {
        late::amend(core, &session, at).await?;
        return Ok(session_id);
    }
    close(core, session_id, at, Ending::Closed { by: None }).await?;
    Ok(session_id)
}

/// Somebody closes the record of a session of which only words are known; of one that is over it
/// is closed.
pub(in crate::daemon) async fn end_record(
    core: &Arc<Core>,
    session_id: SessionId,
    by: Requester,
) -> Result<(), Problem> {
    let _turn = core.turn(session_id).await;
    let session = core.journal.session(session_id).map_err(failed)?;
    let session = session.ok_or_else(|| not_found(unknown(session_id.as_str())))?;
    if session.is_ended() {
        return Ok(());
    }
    if !is_record(&session) {
        return Err(conflict(alive(&session)));
    }
    let now = host::now();
    let at = Moment { time: now.time.max(session.start_time), ..now };
    close(core, session_id, at, Ending::Closed { by: Some(by) }).await?;
    // A shell that is seen goes on, unwatched; of one that is not, nothing more is known.
    if matches!(session.life, Life::Running { process: None, .. }) {
        core.hooks.tell(Found::Closed(session_id));
    }
    Ok(())
}

/// Journals the end, and forgets the heart.
pub(super) async fn close(
    core: &Arc<Core>,
    session_id: SessionId,
    at: Moment,
    ending: Ending,
) -> Result<(), Problem> {
    core.journal.append(drafts::end(session_id, at, ending)).await.map_err(failed)?;
    core.pulses.forget(session_id);
    Ok(())
}

/// What a client has told of a session, if it is one that clients may end.
pub(super) fn reported(session: &Session, verified: bool) -> Result<&Reported, Problem> {
    let id = session.id;
    let Some(reported) = &session.created.reported else {
        return Err(conflict(format!(
            "session {id} is not one that a client has reported: no report ends it"
        )));
    };
    if reported.verified && !verified {
        return Err(conflict(format!(
            "session {id} was reported with a token: what is told of it needs one, too"
        )));
    }
    Ok(reported)
}

/// Whether only words are known of a session: a client's, or those of an agent whose process
/// cannot be seen from here.
fn is_record(session: &Session) -> bool {
    let unseen = matches!(session.life, Life::Running { process: None, .. });
    let created = &session.created;
    created.reported.is_some() || created.watched && created.tmux.is_none() && unseen
}

pub(super) fn unknown(told: &str) -> String {
    let shown: String = told.chars().take(80).collect();
    format!(
        "no session `{}` was tracked here: send the session_id that the start was answered with",
        shown.escape_debug()
    )
}

fn alive(session: &Session) -> String {
    let id = session.id;
    match (&session.created.tmux, session.created.watched) {
        (Some(_), _) => format!(
            "session {id} lives in tmux, and is no record to be closed: end it there, or \
             `wk stop --force {id}`"
        ),
        (None, true) => format!(
            "session {id} was found running, and is no record to be closed: end it where it runs"
        ),
        (None, false) => {
            format!("session {id} lives, and Watchkeeper runs it: `wk stop {id}` ends it")
        }
    }
}
