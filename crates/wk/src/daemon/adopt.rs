//! Takes up, at the daemon's start, what an earlier daemon left: sessions that live, sessions
//! that ended unheard, and sessions that were created but never started.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::{StreamExt, stream};
use tokio::time::sleep;
use wk_holder::{folder, host, record};
use wk_journal::{EventQuery, JournalError};
use wk_model::{Change, Ending, Life, Moment, ProcessId, Seq, Session, SessionId, Source};
use wk_sources::holders::{ConnectError, HolderLink, connect};

use super::{
    core::{AGAIN, Core},
    create, driver, lost, recover,
    stop::tell_to_end,
};

/// Holders that are called at a time.
const AT_ONCE: usize = 64;

/// A session that was created so long ago and never started is given up: who asked for it has
/// long left.
const PATIENCE_MS: u64 = 60_000;

/// Events in which an end without its closing is looked for: more than can have been under way
/// when a daemon was killed.
const RECENT: usize = 4096;

/// Takes up every living session of the journal.
pub(super) async fn adopt(core: Arc<Core>) {
    if let Err(error) = close_ended(&core).await {
        tracing::error!(%error, "cannot close what has ended");
    }
    let live = core.journal.live();
    stream::iter(live)
        .for_each_concurrent(AT_ONCE, |session| {
            let core = &core;
            async move {
                let session_id = session.id;
                if let Err(error) = adopt_one(core, &session).await {
                    tracing::error!(%session_id, error = format!("{error:#}"), "cannot adopt");
                    again(core.clone(), session_id);
                }
            }
        })
        .await;
    core.set_adopted();
    finish_ended(&core).await;
    sweep(&core);
}

/// Tries again, until it works, to find out how a session stands.
pub(super) fn again(core: Arc<Core>, session_id: SessionId) {
    tokio::spawn(async move {
        loop {
            sleep(AGAIN).await;
            let Ok(Some(session)) = core.journal.session(session_id) else { return };
            if session.is_ended() || core.is_held(session_id) {
                return;
            }
            // Boxed: adopting may come back here.
            match Box::pin(adopt_one(&core, &session)).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::error!(%session_id, error = format!("{error:#}"), "cannot adopt");
                }
            }
        }
    });
}

/// Takes up holders whose sessions have ended, but which still end what those left behind.
async fn finish_ended(core: &Arc<Core>) {
    let sockets = std::fs::read_dir(core.places.runtime.join("h"));
    for socket in sockets.into_iter().flatten().flatten() {
        let name = socket.file_name();
        let parsed = name.to_str().and_then(|name| {
            let (id, attempt) = name.split_once('-')?;
            Some((id.parse::<SessionId>().ok()?, attempt.parse::<u32>().ok()?))
        });
        let Some((session_id, attempt)) = parsed.filter(|(id, _)| !core.is_held(*id)) else {
            continue;
        };
        let session = core.journal.session(session_id).ok().flatten();
        if session.is_some_and(|session| session.is_over(attempt))
            && let Err(error) = lost::finish(core, session_id, attempt).await
        {
            tracing::error!(%session_id, %error, "cannot tidy up behind a session");
        }
    }
}

/// Closes sessions whose end is in the journal, and whose closing is not: their daemon was
/// killed between the two.
async fn close_ended(core: &Arc<Core>) -> Result<(), JournalError> {
    let after = Seq(core.journal.last().0.saturating_sub(RECENT as u64));
    let recent = EventQuery { after, limit: RECENT, ..EventQuery::default() };
    let mut ended = BTreeSet::new();
    for event in core.journal.events(&recent)? {
        match (event.session_id, &event.change) {
            (Some(id), Change::AttemptExited(_) | Change::SessionStopped(_)) => {
                ended.insert(id);
            }
            (Some(id), Change::SessionClosed { .. }) => {
                ended.remove(&id);
            }
            _ => {}
        }
    }
    for session_id in ended {
        recover::settle(core, session_id).await?;
    }
    Ok(())
}

async fn adopt_one(core: &Arc<Core>, session: &Session) -> anyhow::Result<()> {
    let session_id = session.id;
    if session.created.watched {
        // It has no holder: whoever watches it knows whether it lives.
        return Ok(());
    }
    let attempt = session.attempt.max(1);
    let taken = core.journal.source_seq(&Source::holder(session_id, attempt))?;
    let read = record::read(&core.folder(session_id), attempt, taken)?;
    driver::take_in(core, session_id, attempt, read.entries).await?;

    let session = core.journal.session(session_id)?;
    let next = session.as_ref().map_or(1, |session| session.attempt + 1);
    match session.as_ref().map(|session| &session.life) {
        None | Some(Life::Ended(_)) => Ok(()),
        // The queue looks at all of them.
        Some(Life::Queued { .. }) => Ok(()),
        Some(Life::Recovering { .. })
            if folder::record(&core.folder(session_id), next).exists() =>
        {
            // An earlier daemon had begun the next attempt.
            Ok(lost::claimed(core, session_id, next).await?)
        }
        Some(Life::Recovering { .. }) => Ok(recover::settle(core, session_id).await?),
        Some(Life::Starting) => never_started(core, session_id).await,
        Some(Life::Running { holder: Some(holder), .. }) => {
            let adopted = Change::SessionAdopted { holder: *holder };
            reach(core, session_id, attempt, *holder, adopted).await
        }
        Some(Life::Running { holder: None, .. }) => {
            Ok(lost::end(core, session_id, attempt, Ending::HolderLost).await?)
        }
    }
}

/// Connects to a holder that should live, and journals `contact` once that has worked.
pub(super) async fn reach(
    core: &Arc<Core>,
    session_id: SessionId,
    attempt: u32,
    holder: ProcessId,
    contact: Change,
) -> anyhow::Result<()> {
    if holder.boot != host::boot_id() {
        return Ok(lost::end(core, session_id, attempt, Ending::Rebooted).await?);
    }
    let socket = core.places.holder_socket(session_id.as_str(), attempt);
    match connect(&socket, session_id, holder).await {
        Ok(launched) => {
            core.journal(Some(session_id), contact).await?;
            let taken = core.journal.source_seq(&Source::holder(session_id, attempt))?;
            let (folder, reports) = (core.folder(session_id), core.reports.clone());
            let link = HolderLink::start(launched, folder, socket, taken, reports);
            core.hold(session_id, link.clone());
            remind(core, session_id, link)?;
            Ok(())
        }
        Err(ConnectError::Gone) => Ok(lost::gone(core, session_id, attempt).await?),
        Err(error) => {
            lost::unreachable(core, session_id, &error).await?;
            lost::watch(core.clone(), session_id, attempt, holder);
            Ok(())
        }
    }
}

/// What was asked of an attempt was on disk before its holder was told: it may not have been.
fn remind(core: &Core, session_id: SessionId, link: HolderLink) -> Result<(), JournalError> {
    let Some(session) = core.journal.session(session_id)? else { return Ok(()) };
    let stop = session.stop.as_ref().map(|stop| stop.grace_ms);
    let asked = stop.or_else(|| session.restart.as_ref()?.grace_ms);
    let Some(grace_ms) = asked else { return Ok(()) };
    tokio::spawn(async move {
        if let Err(problem) = tell_to_end(&link, session_id, grace_ms).await {
            tracing::warn!(%session_id, detail = problem.detail, "cannot remind a holder");
        }
    });
    Ok(())
}

/// A daemon ended between a session's first event, or its turn, and its start.
async fn never_started(core: &Arc<Core>, session_id: SessionId) -> anyhow::Result<()> {
    let Some(session) = core.journal.session(session_id)? else { return Ok(()) };
    let attempt = session.attempt + 1;
    if folder::record(&core.folder(session_id), attempt).exists() {
        // A holder has the attempt, and is about to say so.
        return Ok(lost::claimed(core, session_id, attempt).await?);
    }
    if is_fresh(core, session_id) || was_queued(core, session_id)? {
        // The claim in the folder decides, should a holder of the earlier daemon still come.
        return recover::start_again(core, &session, attempt).await;
    }
    let error = "the daemon ended before the command was started".to_owned();
    Ok(lost::end(core, session_id, attempt, Ending::ExecFailed { code: 126, error }).await?)
}

/// Whether whoever asked for it may still wait.
fn is_fresh(core: &Core, session_id: SessionId) -> bool {
    let now = host::now();
    created_at(core, session_id).is_some_and(|created| {
        created.boot == now.boot && now.time.millis_since(created.time) < PATIENCE_MS
    })
}

/// Nobody sits and waits for a session that was queued: it starts, however late.
fn was_queued(core: &Core, session_id: SessionId) -> Result<bool, JournalError> {
    Ok(core.journal.latest(session_id, "session_queued")?.is_some())
}

fn created_at(core: &Core, session_id: SessionId) -> Option<Moment> {
    let text = std::fs::read(core.folder(session_id).join(create::CREATED)).ok()?;
    Some(serde_json::from_slice::<create::CreatedFile>(&text).ok()?.at)
}

/// Removes folders that were about to be, and cgroup leaves of sessions that have ended.
fn sweep(core: &Core) {
    let folders = std::fs::read_dir(core.places.sessions()).into_iter().flatten().flatten();
    for folder in folders {
        if folder.file_name().to_string_lossy().starts_with(driver::REMOVED) {
            let _ = std::fs::remove_dir_all(folder.path());
        }
    }
    let Some(cgroups) = &core.cgroups else { return };
    let lives = |name: &str| {
        let Some((id, attempt)) = name.split_once('-') else { return false };
        let (Ok(id), Ok(attempt)) = (id.parse::<SessionId>(), attempt.parse::<u32>()) else {
            return false;
        };
        let session = core.journal.session(id).ok().flatten();
        // Leaves of other daemons of this user are none of our business.
        session.is_none_or(|session| !session.is_over(attempt))
    };
    if let Err(error) = cgroups.sweep(lives) {
        tracing::warn!(%error, "cannot sweep the cgroup leaves");
    }
}
