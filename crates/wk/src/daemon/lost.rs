//! Holders whose connection is cut: ended, killed, or silent.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::time::{sleep, timeout};
use wk_holder::{folder, record};
use wk_journal::JournalError;
use wk_model::{
    AttemptExited, Change, Draft, Ending, HolderUsage, Life, Orphan, Phase, ProcessId, Session,
    SessionId, Source, Unreachable,
};
use wk_sources::{
    cgroup,
    folder_watch::FolderWatch,
    holders::ConnectError,
    leftovers::{describe, of_attempts},
    process_watch::ProcessWatch,
};

use super::{
    adopt,
    core::{Core, draft},
    driver, recover,
};

/// Between attempts to reach a living holder that does not answer.
const AGAIN: Duration = Duration::from_secs(5);

/// A holder that has hung up is dead within this time, or lives on.
const DYING: Duration = Duration::from_millis(500);

/// Between looks at whether a holder that has not begun to record still lives.
const LOOK: Duration = Duration::from_millis(500);

/// Finds out what a cut connection means.
pub(super) async fn cut(core: Arc<Core>, session_id: SessionId, attempt: u32, holder: ProcessId) {
    let result = follow(&core, session_id, attempt, holder).await;
    if let Err(error) = result {
        tracing::error!(%session_id, error = format!("{error:#}"), "cannot follow a session");
        adopt::again(core, session_id);
    }
}

async fn follow(
    core: &Arc<Core>,
    session_id: SessionId,
    attempt: u32,
    holder: ProcessId,
) -> anyhow::Result<()> {
    // A holder that leaves has written down why before it hung up.
    take_in_all(core, session_id, attempt).await?;
    let ended = is_over(core, session_id, attempt)?;
    // The kernel hangs up for a dying holder a moment before it is dead.
    let dead = match ProcessWatch::new(&holder)? {
        Some(process) => timeout(DYING, process.ended()).await.is_ok(),
        None => true,
    };
    match (ended, dead) {
        (true, true) => return Ok(tidy(core, session_id, attempt).await?),
        (true, false) => return Ok(()),
        (false, true) => return Ok(gone(core, session_id, attempt).await?),
        (false, false) => {}
    }
    adopt::reach(core, session_id, attempt, holder, Change::SessionRepaired).await
}

/// Whether there is nothing left to find out about an attempt.
fn is_over(core: &Core, session_id: SessionId, attempt: u32) -> Result<bool, JournalError> {
    let session = core.journal.session(session_id)?;
    Ok(session.is_none_or(|session| session.is_ended() || session.is_over(attempt)))
}

async fn take_in_all(
    core: &Arc<Core>,
    session_id: SessionId,
    attempt: u32,
) -> Result<(), JournalError> {
    match record::read(&core.folder(session_id), attempt, 0) {
        Ok(read) => driver::take_in(core, session_id, attempt, read.entries).await,
        Err(error) => {
            tracing::error!(%session_id, %error, "cannot read a holder's record");
            Ok(())
        }
    }
}

/// The holder is gone: by its record it ended well, or else it was killed.
pub(super) async fn gone(
    core: &Arc<Core>,
    session_id: SessionId,
    attempt: u32,
) -> Result<(), JournalError> {
    take_in_all(core, session_id, attempt).await?;
    if is_over(core, session_id, attempt)? {
        Ok(())
    } else {
        end(core, session_id, attempt, Ending::HolderLost).await
    }
}

/// Ends what a lost attempt left running, and says how it ended.
pub(super) async fn end(
    core: &Arc<Core>,
    session_id: SessionId,
    attempt: u32,
    ending: Ending,
) -> Result<(), JournalError> {
    let leftovers = match ending {
        Ending::HolderLost => leftovers(core, session_id, attempt).await,
        _ => Vec::new(),
    };
    let usage = HolderUsage::default();
    let exited = AttemptExited { attempt, ending, limit: None, usage, last_lines: None };
    // A daemon that is killed in between says it again: once in the journal.
    let source = Source(format!("daemon/lost/{session_id}/{attempt}"));
    let changes = std::iter::once(Change::AttemptExited(exited)).chain(leftovers);
    let drafts = changes.zip(1..).map(|(change, number)| Draft {
        source: source.clone(),
        source_seq: Some(number),
        ..draft(Some(session_id), change)
    });
    recover::journal_end(core, session_id, drafts.collect()).await?;
    let _ = std::fs::remove_file(folder::exit_reserved(&core.folder(session_id), attempt));
    if let Some(cgroups) = &core.cgroups {
        cgroups.remove_leaves(session_id.as_str(), attempt);
    }
    let _ = std::fs::remove_file(core.places.holder_socket(session_id.as_str(), attempt));
    Ok(())
}

/// Processes that outlived a killed holder: ended with the leaf they are in, else reported.
async fn leftovers(core: &Core, session_id: SessionId, attempt: u32) -> Vec<Change> {
    let session = core.journal.session(session_id).ok().flatten();
    let kept = session.as_ref().is_some_and(|session| session.created.keep_descendants);
    let Some(leaf) = session.and_then(|session| leaf(core, &session)).filter(|_| !kept) else {
        let search = move || describe(&of_attempts(session_id, attempt).unwrap_or_default());
        let orphans = tokio::task::spawn_blocking(search).await.unwrap_or_default();
        return orphans.into_iter().map(Change::OrphanFound).collect();
    };
    let orphans = describe(&cgroup::processes(&leaf).unwrap_or_default());
    if let Err(error) = cgroup::kill(&leaf) {
        tracing::error!(%session_id, %error, "cannot end what a killed holder left");
        return orphans.into_iter().map(Change::OrphanFound).collect();
    }
    remove_leaf(&leaf).await;
    let ended = |orphan| Change::OrphanEnded(Orphan { signal: Some(9), ..orphan });
    orphans.into_iter().map(ended).collect()
}

pub(super) fn leaf(core: &Core, session: &Session) -> Option<PathBuf> {
    let place = session.cgroup.as_deref()?;
    core.cgroups.as_ref()?.recorded_leaf(place, session.id.as_str(), session.attempt)
}

/// Removes a leaf once the killed have left it; the kernel takes a moment for that.
async fn remove_leaf(leaf: &Path) {
    for _ in 0..100 {
        match cgroup::remove(leaf) {
            Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {}
            _ => return,
        }
        sleep(Duration::from_millis(5)).await;
    }
    tracing::warn!(leaf = %leaf.display(), "a cgroup leaf stays: something in it does not end");
}

/// Ends what a holder left that was killed while it tidied up behind an ended session.
pub(super) async fn tidy(
    core: &Core,
    session_id: SessionId,
    attempt: u32,
) -> Result<(), JournalError> {
    // A later attempt has a leaf of its own, and began only when nothing of this one was left.
    let session = core.journal.session(session_id)?.filter(|session| session.attempt == attempt);
    let left = session.and_then(|session| leaf(core, &session)).is_some_and(|leaf| leaf.exists());
    if left {
        let source = Source(format!("daemon/tidied/{session_id}/{attempt}"));
        let changes = leftovers(core, session_id, attempt).await;
        let drafts = changes.into_iter().zip(1..).map(|(change, number)| Draft {
            source: source.clone(),
            source_seq: Some(number),
            ..draft(Some(session_id), change)
        });
        core.journal.append(drafts.collect()).await?;
    }
    if let Some(cgroups) = &core.cgroups {
        cgroups.remove_leaves(session_id.as_str(), attempt);
    }
    let _ = std::fs::remove_file(core.places.holder_socket(session_id.as_str(), attempt));
    Ok(())
}

/// A holder of an ended session may still tidy up: it is listened to, or tidied up after.
pub(super) async fn finish(
    core: &Arc<Core>,
    session_id: SessionId,
    attempt: u32,
) -> Result<(), JournalError> {
    take_in_all(core, session_id, attempt).await?;
    if !record::is_held(&core.folder(session_id), attempt) {
        return tidy(core, session_id, attempt).await;
    }
    let core = core.clone();
    tokio::spawn(async move {
        while record::is_held(&core.folder(session_id), attempt) {
            sleep(LOOK).await;
        }
        let tidied = async {
            take_in_all(&core, session_id, attempt).await?;
            tidy(&core, session_id, attempt).await
        };
        if let Err(error) = tidied.await {
            tracing::error!(%session_id, %error, "cannot tidy up behind a session");
        }
    });
    Ok(())
}

/// Says once that a living holder does not answer.
pub(super) async fn unreachable(
    core: &Core,
    session_id: SessionId,
    error: &ConnectError,
) -> Result<(), JournalError> {
    let session = core.journal.session(session_id)?;
    if session.is_some_and(|session| session.phase() == Phase::Lost) {
        return Ok(());
    }
    tracing::warn!(%session_id, %error, "a holder does not answer");
    let why = error.to_string();
    core.journal(Some(session_id), Change::SessionUnreachable(Unreachable { why })).await
}

/// Tries again, now and then, to reach a holder that does not answer.
pub(super) fn watch(core: Arc<Core>, session_id: SessionId, attempt: u32, holder: ProcessId) {
    tokio::spawn(async move {
        sleep(AGAIN).await;
        let session = core.journal.session(session_id).ok().flatten();
        let runs = session.is_some_and(|session| matches!(session.life, Life::Running { .. }));
        // Somebody who needed it may have reached it meanwhile.
        if !runs || core.is_held(session_id) {
            return;
        }
        // Boxed: reaching may watch again.
        let repaired = Change::SessionRepaired;
        let reached = Box::pin(adopt::reach(&core, session_id, attempt, holder, repaired));
        if let Err(error) = reached.await {
            tracing::error!(%session_id, error = format!("{error:#}"), "cannot reach a holder");
            adopt::again(core, session_id);
        }
    });
}

/// An attempt is claimed, but its record is still empty: its holder writes it now, or is dead.
pub(super) async fn claimed(
    core: &Arc<Core>,
    session_id: SessionId,
    attempt: u32,
) -> Result<(), JournalError> {
    let session_folder = core.folder(session_id);
    let entries = loop {
        // Asked first: what a dead holder has written is then there to be read.
        let held = record::is_held(&session_folder, attempt);
        match record::read(&session_folder, attempt, 0) {
            Ok(read) if !read.entries.is_empty() => break read.entries,
            _ if !held => return end(core, session_id, attempt, Ending::HolderLost).await,
            _ => {}
        }
        // The kernel tells of writes, but not of a lock that is given up.
        let Ok(mut watch) = FolderWatch::new(&session_folder) else {
            sleep(LOOK).await;
            continue;
        };
        let _ = timeout(LOOK, watch.changed()).await;
    };
    driver::take_in(core, session_id, attempt, entries).await?;
    let session = core.journal.session(session_id)?;
    if let Some(Life::Running { holder: Some(holder), .. }) =
        session.as_ref().map(|session| &session.life)
    {
        cut(core.clone(), session_id, attempt, *holder).await;
    }
    Ok(())
}
