//! Processes that carry the id of a session which has ended: found, told of once, and ended
//! where somebody asks for it.
//!
//! Only this user's, and only those of sessions in our own journal: another daemon's are its
//! own. What a session was to leave behind (`keep_descendants`) is no orphan.

use std::{collections::HashSet, sync::atomic::Ordering, time::Duration};

use futures_util::{StreamExt, stream};
use rustix::process::Signal;
use tokio::time::timeout;
use wk_api::{Cleaned, OrphanView, Problem};
use wk_holder::{host, record};
use wk_journal::JournalError;
use wk_model::{Change, Orphan, ProcessId, SessionId};
use wk_policies::cleanup::SETTLED;
use wk_server::internal;
use wk_sources::{
    leftovers::{Carrier, carriers, describe},
    process_watch::ProcessWatch,
};

use crate::daemon::core::{Core, failed};

/// Processes that are ended at a time.
const AT_ONCE: usize = 64;

/// Looks at what the ended have started meanwhile.
const ROUNDS: usize = 5;

/// What has not died of KILL by then hangs in the kernel.
const DYING: Duration = Duration::from_secs(5);

/// Finds all orphans, and journals those that it had not told of.
pub(super) async fn look(core: &Core, told: &mut HashSet<ProcessId>) -> Result<(), Problem> {
    let found = find(core).await?;
    for (session_id, orphan) in &found {
        if told.contains(&orphan.process) {
            continue;
        }
        if !is_journalled(core, *session_id, &orphan.process).map_err(failed)? {
            tracing::warn!(%session_id, pid = orphan.process.pid, "a process outlived its session");
            let change = Change::OrphanFound(orphan.clone());
            core.journal(Some(*session_id), change).await.map_err(failed)?;
        }
        told.insert(orphan.process);
    }
    told.retain(|process| found.iter().any(|(_, orphan)| orphan.process == *process));
    Ok(())
}

/// Ends all orphans, or says which would be ended.
pub(super) async fn clean(
    core: &Core,
    told: &mut HashSet<ProcessId>,
    cleaned: &mut Cleaned,
) -> Result<(), Problem> {
    if cleaned.dry_run {
        let found = find(core).await?;
        cleaned.orphans.extend(found.into_iter().map(|(id, orphan)| view(id, &orphan, false)));
        return Ok(());
    }
    for _ in 0..ROUNDS {
        look(core, told).await?;
        let tried: HashSet<u32> = cleaned.orphans.iter().map(|orphan| orphan.pid).collect();
        let mut found = find(core).await?;
        found.retain(|(_, orphan)| !tried.contains(&orphan.process.pid));
        if found.is_empty() {
            break;
        }
        let grace = core.settings().session.grace;
        let mut ends = stream::iter(found)
            .map(async |(session_id, orphan)| (session_id, end(&orphan, grace).await, orphan))
            .buffer_unordered(AT_ONCE);
        while let Some((session_id, ended, orphan)) = ends.next().await {
            match ended {
                Ok(signal) => {
                    let signal = signal.map(Signal::as_raw);
                    let orphan = Orphan { signal, ..orphan };
                    let shown = view(session_id, &orphan, true);
                    let change = Change::OrphanEnded(orphan);
                    core.journal_in_time(Some(session_id), change).await.map_err(failed)?;
                    cleaned.orphans.push(shown);
                }
                Err(error) => {
                    let why = format!("process {}: {error}", orphan.process.pid);
                    cleaned.failed.insert(session_id.to_string(), why);
                    cleaned.orphans.push(view(session_id, &orphan, false));
                }
            }
        }
    }
    let left = cleaned.orphans.iter().filter(|orphan| !orphan.ended).count();
    core.upkeep.orphans.store(left as u64, Ordering::Relaxed);
    Ok(())
}

async fn find(core: &Core) -> Result<Vec<(SessionId, Orphan)>, Problem> {
    let journal = core.journal.clone();
    let ended = move |carrier: &Carrier| -> Result<bool, JournalError> {
        let Some(session) = journal.session(carrier.session_id)? else { return Ok(false) };
        let age = |at| u128::from(host::now().time.millis_since(at)) >= SETTLED.as_millis();
        let ended = session.ended().is_some_and(|ended| age(ended.at));
        Ok(ended && !session.created.keep_descendants)
    };
    let search = move || -> Result<Vec<(SessionId, Orphan)>, Problem> {
        let mut found = Vec::new();
        let carriers =
            carriers().map_err(|error| internal(format!("cannot read /proc: {error}")))?;
        for carrier in carriers {
            if carrier.process.pid != std::process::id() && ended(&carrier).map_err(failed)? {
                let orphans = describe(&[carrier.process.pid]);
                let same = |orphan: &Orphan| orphan.process == carrier.process;
                found.extend(orphans.into_iter().filter(same).map(|o| (carrier.session_id, o)));
            }
        }
        Ok(found)
    };
    let searched = tokio::task::spawn_blocking(search).await;
    let mut found = searched.map_err(|error| internal(error.to_string()))??;
    // A holder that still tidies up deals with them itself.
    found.retain(|(session_id, _)| !is_tidied(core, *session_id));
    core.upkeep.orphans.store(found.len() as u64, Ordering::Relaxed);
    Ok(found)
}

fn is_tidied(core: &Core, session_id: SessionId) -> bool {
    let attempt = core.journal.session(session_id).ok().flatten().map_or(1, |s| s.attempt);
    core.is_held(session_id) || record::is_held(&core.folder(session_id), attempt)
}

fn is_journalled(
    core: &Core,
    session_id: SessionId,
    process: &ProcessId,
) -> Result<bool, JournalError> {
    let its = core.journal.latest_that(session_id, "orphan_found", |event| match event.change {
        Change::OrphanFound(orphan) if orphan.process == *process => Some(()),
        _ => None,
    })?;
    Ok(its.is_some())
}

/// TERM, grace, KILL, to exactly this process; says which signal it took, or none where it had
/// gone by itself.
async fn end(orphan: &Orphan, grace: Duration) -> std::io::Result<Option<Signal>> {
    let Some(process) = ProcessWatch::new(&orphan.process)? else { return Ok(None) };
    process.signal(Signal::TERM)?;
    if timeout(grace, process.ended()).await.is_ok() {
        return Ok(Some(Signal::TERM));
    }
    process.signal(Signal::KILL)?;
    match timeout(DYING, process.ended()).await {
        Ok(ended) => ended.map(|()| Some(Signal::KILL)),
        Err(_) => Err(std::io::Error::other("it does not end, even of SIGKILL")),
    }
}

fn view(session_id: SessionId, orphan: &Orphan, ended: bool) -> OrphanView {
    OrphanView {
        session_id: session_id.to_string(),
        pid: orphan.process.pid,
        process_start_time: orphan.process.start_time,
        comm: orphan.comm.clone(),
        command: orphan.command.clone(),
        ended,
        signal: orphan.signal,
    }
}
