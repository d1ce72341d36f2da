//! Ending sessions because somebody asked for it.

use std::sync::Arc;

use wk_api::Problem;
use wk_holder::protocol::{Request, StopRequest};
use wk_model::{Change, Life, Requester, Session, SessionId, Stopped};
use wk_server::{conflict, internal, unreachable};
use wk_sources::holders::{HolderLink, LinkError};

use super::{
    awake::awake,
    core::{Core, failed},
    driver::refused,
    recover, tmux,
};
use crate::text::span::millis;

/// Ends a session, wherever it is in its life.
///
/// The intent is on disk before anything is signalled: the end will be known as asked for.
pub(super) async fn stop(
    core: &Arc<Core>,
    session_id: SessionId,
    grace_ms: Option<u64>,
    by: Requester,
) -> Result<(), Problem> {
    // Heard by a recovery that is being planned in this moment.
    core.set_stopping(session_id, true);
    let stopped = stop_once(core, session_id, grace_ms, by.clone()).await;
    // It may have ended by itself just before, and be about to recover.
    let recovers = matches!(
        core.journal.session(session_id).map_err(failed)?.as_deref(),
        Some(Session { life: Life::Recovering { .. }, .. })
    );
    let stopped = match stopped {
        Ok(()) if recovers => stop_once(core, session_id, grace_ms, by).await,
        stopped => stopped,
    };
    let runs = core.journal.session(session_id).map_err(failed)?.is_some_and(|s| !s.is_ended());
    if stopped.is_err() || !runs {
        core.set_stopping(session_id, false);
    }
    stopped
}

/// Ends a session that somebody named; one that was found only if they insist.
pub(super) async fn stop_or_refuse(
    core: &Arc<Core>,
    session_id: SessionId,
    grace_ms: Option<u64>,
    by: Requester,
    force: bool,
) -> Result<(), Problem> {
    let session = known(core, session_id)?;
    if session.created.reported.is_some() && !session.is_ended() {
        return Err(conflict(format!(
            "session {session_id} is a shell that its client told of, and Watchkeeper does not \
             run it: end it where it runs; `wk end {session_id}` closes its record"
        )));
    }
    if session.created.watched {
        return tmux::stop(core, &session, by, force).await;
    }
    stop(core, session_id, grace_ms, by).await
}

async fn stop_once(
    core: &Arc<Core>,
    session_id: SessionId,
    grace_ms: Option<u64>,
    by: Requester,
) -> Result<(), Problem> {
    let grace_ms = grace_ms_or_usual(core, grace_ms);
    let stopped = Change::SessionStopped(Stopped { by, grace_ms });
    {
        // Between attempts there is nobody to be told; and none may start meanwhile.
        let _turn = core.turn(session_id).await;
        let session = core.journal.session(session_id).map_err(failed)?;
        let waits = session.is_some_and(|session| {
            matches!(session.life, Life::Queued { .. } | Life::Recovering { .. })
        });
        if waits {
            core.journal_in_time(Some(session_id), stopped).await.map_err(failed)?;
            return recover::settle(core, session_id).await.map_err(failed);
        }
    }
    let link = awake(core, session_id).await?;
    let was_restarting = known(core, session_id)?.restart.is_some();
    core.journal_in_time(Some(session_id), stopped).await.map_err(failed)?;
    tell_to_end(&link, session_id, grace_ms).await?;
    // It may have ended in this moment because it was to be restarted: it is not, any more.
    match known(core, session_id)? {
        session if was_restarting && session.is_ended() => {
            recover::settle(core, session_id).await.map_err(failed)
        }
        _ => Ok(()),
    }
}

/// Time between TERM and KILL: what was asked for, or what the settings say.
pub(super) fn grace_ms_or_usual(core: &Core, asked: Option<u64>) -> u64 {
    asked.unwrap_or_else(|| millis(core.settings().session.grace))
}

/// Has a holder end its attempt; asked again, the shorter grace counts.
pub(super) async fn tell_to_end(
    link: &HolderLink,
    session_id: SessionId,
    grace_ms: u64,
) -> Result<(), Problem> {
    match link.request(Request::Stop(StopRequest { grace_ms })).await {
        // It ended by itself in this moment: what was wanted.
        Ok(_) | Err(LinkError::Ended) => Ok(()),
        // It has the order in its socket, and reads it first of all.
        Err(LinkError::Silent) => Err(unreachable(format!(
            "session {session_id}: its holder does not answer; it ends the command once it can"
        ))),
        Err(error) => Err(refused(session_id, error)),
    }
}

pub(super) fn known(core: &Core, session_id: SessionId) -> Result<Arc<Session>, Problem> {
    let session = core.journal.session(session_id).map_err(failed)?;
    session.ok_or_else(|| internal(format!("session {session_id} is not in the journal")))
}
