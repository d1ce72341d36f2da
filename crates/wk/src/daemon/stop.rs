//! Ending sessions because somebody asked for it, and starting them again.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use wk_api::Problem;
use wk_holder::protocol::{Request, StopRequest};
use wk_model::{Change, Life, Requester, Restarted, Session, SessionId, Stopped};
use wk_server::{conflict, internal, unreachable};
use wk_sources::holders::LinkError;

use super::{
    awake::awake,
    core::{Core, draft, failed, not_ours},
    create,
    driver::refused,
    queue::{self, Turn},
    recover, tmux,
};

/// How long a stopped session may take to end beyond its grace.
const ENDING: Duration = Duration::from_secs(20);

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
    let grace_ms = match grace_ms {
        Some(grace_ms) => grace_ms,
        None => u64::try_from(core.settings().session.grace.as_millis()).unwrap_or(u64::MAX),
    };
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
    core.journal_in_time(Some(session_id), stopped).await.map_err(failed)?;
    match link.request(Request::Stop(StopRequest { grace_ms })).await {
        // It ended by itself in this moment: what was wanted.
        Ok(_) | Err(LinkError::Ended) => Ok(()),
        // It has the order in its socket, and reads it first of all.
        Err(LinkError::Silent) => Err(unreachable(format!(
            "session {session_id}: its holder does not answer; it stops the session once it can"
        ))),
        Err(error) => Err(refused(session_id, error)),
    }
}

/// Starts a session again that has ended; one that lives is stopped first.
pub(super) async fn restart(
    core: &Arc<Core>,
    session_id: SessionId,
    grace_ms: Option<u64>,
    by: Requester,
) -> Result<(), Problem> {
    let session = known(core, session_id)?;
    if session.created.watched {
        return Err(conflict(not_ours(&session)));
    }
    if !session.is_ended() {
        stop(core, session_id, grace_ms, by.clone()).await?;
        until_ended(core, &session, grace_ms).await?;
    }
    let before = session.attempt;
    let _turn = core.turn(session_id).await;
    let session = known(core, session_id)?;
    if session.attempt > before {
        // Somebody else has started it again meanwhile: what was wanted.
        return Ok(());
    }
    let folder = core.folder(session_id);
    if session.removed || !folder.join(wk_holder::folder::SPEC).exists() {
        let detail = format!("session {session_id} cannot start again: its files were removed");
        return Err(conflict(detail));
    }
    let _name = free_name(core, &session)?;
    let cannot = |error: anyhow::Error| conflict(format!("session {session_id}: {error:#}"));
    recover::clear_the_way(core, &session).await.map_err(cannot)?;
    let attempt = session.attempt + 1;
    let (template, instance) = (session.created.template.as_deref(), session.instance.as_deref());
    let created = session.start_time;
    let turn = queue::ask(core, session_id, created, template, instance, None).map_err(failed)?;
    let restarted = draft(Some(session_id), Change::SessionRestarted(Restarted { by, attempt }));
    let told = create::told(session_id, attempt, &turn);
    let drafts = std::iter::once(restarted).chain(told).collect();
    core.journal.append(drafts).await.map_err(failed)?;
    let Turn::Now { place, .. } = turn else { return Ok(()) };
    let started = recover::start_again(core, &session, attempt).await;
    drop(place);
    started.map_err(|error| internal(format!("session {session_id}: {error:#}")))
}

fn known(core: &Core, session_id: SessionId) -> Result<Arc<Session>, Problem> {
    let session = core.journal.session(session_id).map_err(failed)?;
    session.ok_or_else(|| internal(format!("session {session_id} is not in the journal")))
}

/// Waits until the attempt is over that runs now.
async fn until_ended(core: &Core, session: &Session, grace_ms: Option<u64>) -> Result<(), Problem> {
    let grace = grace_ms.map_or(core.settings().session.grace, Duration::from_millis);
    let mut events = core.journal.subscribe(core.journal.last(), Some(session.id));
    let ended = async {
        while !known(core, session.id)?.is_over(session.attempt) {
            events.next().await.map_err(failed)?;
        }
        Ok(())
    };
    let late = || unreachable(format!("session {} was told to stop, but does not end", session.id));
    timeout(grace + ENDING, ended).await.map_err(|_| late())?
}

/// A name that was given to another session meanwhile is that one's.
fn free_name(
    core: &Arc<Core>,
    session: &Session,
) -> Result<Option<super::core::NameGuard>, Problem> {
    let Some(name) = session.name() else { return Ok(None) };
    let taken = || {
        let id = session.id;
        conflict(format!("session {id} cannot start again: another one is named `{name}` now"))
    };
    let guard = core.reserve(name.to_owned()).ok_or_else(taken)?;
    let live = core.journal.live();
    if live.iter().any(|other| other.name() == Some(name)) {
        return Err(taken());
    }
    Ok(Some(guard))
}
