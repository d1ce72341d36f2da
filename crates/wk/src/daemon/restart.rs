//! Starting sessions again because somebody asked for it, or because they are stale.
//!
//! ```text
//! runs ──session_restarted──▶ TERM, grace, KILL ──attempt_exited──▶ recovering ──▶ next attempt
//! ended, waits ──session_restarted──▶ recovering ──its turn──▶ next attempt
//! ```
//!
//! One intent, on disk before anything is signalled: a session is never closed on its way, and a
//! daemon that dies in between is followed by one that carries the intent out (`adopt`).

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use wk_api::Problem;
use wk_holder::folder;
use wk_model::{Change, Life, Requester, Restarted, Session, SessionId, Time, Wait};
use wk_server::{conflict, gone, internal, unreachable};

use super::{
    awake::awake,
    core::{Core, NameGuard, draft, failed, not_ours},
    create,
    queue::{self, Turn},
    recover,
    stop::{grace_ms_or_usual, known, tell_to_end},
};
use crate::text::visible::command_line;

/// How long an attempt may take to end beyond its grace, or the next one to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes of a command line that are shown.
const COMMAND: usize = 1000;

/// Starts a session again, wherever it is in its life; an attempt that runs is ended first.
/// Answers when the next one runs, or waits for its turn.
pub(super) async fn restart(
    core: &Arc<Core>,
    session_id: SessionId,
    grace_ms: Option<u64>,
    by: Requester,
) -> Result<(), Problem> {
    let session = begun(core, session_id).await?;
    if session.created.watched {
        return Err(conflict(not_ours(&session)));
    }
    let grace_ms = grace_ms_or_usual(core, grace_ms);
    let next = session.attempt + 1;
    let wish =
        Restarted { by: by.clone(), attempt: next, grace_ms: Some(grace_ms), stale_since: None };
    if !end_attempt(core, &session, wish).await? {
        start(core, session_id, next, by).await?;
    }
    let patience = Duration::from_millis(grace_ms).saturating_add(PATIENCE);
    let late = || {
        let detail =
            format!("session {session_id} starts again once it has ended: it does not yet");
        Err(unreachable(detail))
    };
    timeout(patience, until_started(core, session_id, next)).await.unwrap_or_else(|_| late())
}

/// Ends an attempt that does nothing since `stale_since`; what follows is planned as for other
/// failures.
pub(super) async fn restart_stale(
    core: &Arc<Core>,
    session: &Session,
    by: Requester,
    stale_since: Time,
) -> Result<(), Problem> {
    let wish = Restarted {
        by,
        attempt: session.attempt + 1,
        grace_ms: Some(grace_ms_or_usual(core, None)),
        stale_since: Some(stale_since),
    };
    end_attempt(core, session, wish).await.map(drop)
}

/// Journals that another attempt is to follow the one that runs, and has that one ended. False:
/// it does not run any more.
async fn end_attempt(
    core: &Arc<Core>,
    session: &Session,
    wish: Restarted,
) -> Result<bool, Problem> {
    let (session_id, attempt) = (session.id, session.attempt);
    let runs = |session: &Session| {
        matches!(session.life, Life::Running { .. }) && session.attempt == attempt
    };
    if !runs(session) {
        return Ok(false);
    }
    let link = match awake(core, session_id).await {
        Ok(link) => link,
        Err(_) if !runs(known(core, session_id)?.as_ref()) => return Ok(false),
        Err(problem) => return Err(problem),
    };
    let grace_ms = wish.grace_ms.unwrap_or_default();
    {
        let _turn = core.turn(session_id).await;
        let session = known(core, session_id)?;
        if !runs(&session) {
            return Ok(false);
        }
        match intent(&session, &wish) {
            Intent::New => {
                let by_hand = wish.is_by_hand();
                let restarted = Change::SessionRestarted(wish);
                core.journal(Some(session_id), restarted).await.map_err(failed)?;
                if by_hand {
                    // A stop that was on its way is taken back.
                    core.set_stopping(session_id, false);
                }
            }
            Intent::Known => {}
            Intent::Void => return Ok(true),
        }
    }
    // It may have ended by itself in this moment.
    recover::go_on(core, session_id).map_err(failed)?;
    tell_to_end(&link, session_id, grace_ms).await?;
    Ok(true)
}

/// What a wish means for a session that runs.
enum Intent {
    New,
    /// It is in the journal; whoever asks again may have less patience.
    Known,
    /// Somebody has asked for something that counts more.
    Void,
}

fn intent(session: &Session, wish: &Restarted) -> Intent {
    match &session.restart {
        Some(known) if known.is_by_hand() == wish.is_by_hand() => Intent::Known,
        Some(_) if !wish.is_by_hand() => Intent::Void,
        None if !wish.is_by_hand() && session.stop.is_some() => Intent::Void,
        _ => Intent::New,
    }
}

/// Starts the next attempt of a session that does not run, or lets it wait for its turn.
async fn start(
    core: &Arc<Core>,
    session_id: SessionId,
    next: u32,
    by: Requester,
) -> Result<(), Problem> {
    let _turn = core.turn(session_id).await;
    let session = known(core, session_id)?;
    let is_under_way = match &session.life {
        Life::Queued { .. } | Life::Starting | Life::Running { .. } => true,
        Life::Recovering { wait, .. } => matches!(wait, Wait::Restart { .. }),
        Life::Ended(_) => false,
    };
    if is_under_way || session.attempt >= next {
        // Somebody else has started it again meanwhile: what was wanted.
        return Ok(());
    }
    if session.removed || !core.folder(session_id).join(folder::SPEC).exists() {
        return Err(gone(cleaned_up(&session)));
    }
    let name = if session.is_ended() { free_name(core, &session)? } else { None };
    let cannot = |error: anyhow::Error| conflict(format!("session {session_id}: {error:#}"));
    recover::clear_the_way(core, &session).await.map_err(cannot)?;
    let turn = turn(core, &session)?;
    let wish = Restarted { by, attempt: next, grace_ms: None, stale_since: None };
    let restarted = draft(Some(session_id), Change::SessionRestarted(wish));
    let told = create::told(session_id, next, &turn);
    let drafts = std::iter::once(restarted).chain(told).collect();
    core.journal.append(drafts).await.map_err(failed)?;
    drop(name);
    let Turn::Now { place, .. } = turn else { return Ok(()) };
    let started = recover::start_again(core, &session, next).await;
    drop(place);
    if started.is_err() {
        // It is asked for, and tried until it works.
        recover::go_on(core, session_id).map_err(failed)?;
    }
    started.map_err(|error| internal(format!("session {session_id}: {error:#}")))
}

/// Between two attempts a session has its slot still; all others ask for one.
fn turn(core: &Arc<Core>, session: &Session) -> Result<Turn, Problem> {
    if matches!(session.life, Life::Recovering { wait: Wait::Retry(_), .. }) {
        return Ok(Turn::Now { instance: None, place: None });
    }
    let (template, instance) = (session.created.template.as_deref(), session.instance.as_deref());
    queue::ask(core, session.id, session.start_time, template, instance, None).map_err(failed)
}

fn cleaned_up(session: &Session) -> String {
    let name = session.name().map(|name| format!("--name {name} ")).unwrap_or_default();
    let (id, command) = (session.id, command_line(&session.created.command, COMMAND));
    format!(
        "session {id} cannot start again: its files were removed, by hand or as [cleanup] in the \
         settings says (live_state_after); `wk run {name}-- {command}` starts a new one"
    )
}

/// Waits until an attempt that is about to start has done so.
async fn begun(core: &Core, session_id: SessionId) -> Result<Arc<Session>, Problem> {
    let begun = |session: &Session| !matches!(session.life, Life::Starting);
    let late = |_| unreachable(format!("session {session_id} is about to start, but does not"));
    timeout(PATIENCE, until(core, session_id, begun)).await.map_err(late)?
}

/// Waits until an attempt has started, or the session waits for its turn.
async fn until_started(core: &Core, session_id: SessionId, attempt: u32) -> Result<(), Problem> {
    let told = |session: &Session| {
        session.attempt >= attempt || matches!(session.life, Life::Queued { .. } | Life::Ended(_))
    };
    let session = until(core, session_id, told).await?;
    if session.is_ended() && session.attempt < attempt {
        let detail = format!("session {session_id} was ended before attempt {attempt} started");
        return Err(conflict(detail));
    }
    Ok(())
}

async fn until(
    core: &Core,
    session_id: SessionId,
    wanted: impl Fn(&Session) -> bool,
) -> Result<Arc<Session>, Problem> {
    let mut events = core.journal.subscribe(core.journal.last(), Some(session_id));
    loop {
        let session = known(core, session_id)?;
        if wanted(&session) {
            return Ok(session);
        }
        events.next().await.map_err(failed)?;
    }
}

/// A name that was given to another session meanwhile is that one's.
fn free_name(core: &Arc<Core>, session: &Session) -> Result<Option<NameGuard>, Problem> {
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
