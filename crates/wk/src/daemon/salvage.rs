//! Makes a lost journal again from the sessions' folders, as far as they tell.

use std::{fs, io, path::Path, sync::Arc};

use wk_holder::{host, record};
use wk_model::{Change, Draft, Moment, Requester, Restarted, SessionId, Source, Summary};

use super::{cleanup::SUMMARY, core::Core, create, recover};

/// Takes every session folder into a journal that has begun anew.
pub(super) async fn salvage(core: &Arc<Core>) {
    let folders = match fs::read_dir(core.places.sessions()) {
        Ok(folders) => folders,
        Err(error) => {
            tracing::error!(%error, "cannot read the sessions' folders");
            return;
        }
    };
    let mut sessions = 0;
    for folder in folders.flatten() {
        match salvage_one(core, &folder.path()).await {
            Ok(()) => sessions += 1,
            Err(error) => {
                let (folder, error) = (folder.path(), format!("{error:#}"));
                tracing::warn!(folder = %folder.display(), error, "cannot take in a folder");
            }
        }
    }
    tracing::info!(sessions, "made the journal again from the sessions' folders");
}

async fn salvage_one(core: &Arc<Core>, folder: &Path) -> anyhow::Result<()> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let session_id: SessionId = name.parse()?;
    if let Some(summary) = summary(folder, session_id)? {
        core.journal.append(vec![summary]).await?;
        return Ok(());
    }
    let text = fs::read(folder.join(create::CREATED))?;
    let create::CreatedFile { at, created } = serde_json::from_slice(&text)?;
    let creation = Draft {
        at,
        session_id: Some(session_id),
        source: Source(format!("folder/{session_id}")),
        source_seq: Some(1),
        trace_parent: None,
        change: Change::SessionCreated(Box::new(created)),
    };
    core.journal.append(vec![creation]).await?;
    let mut taken = Vec::new();
    for attempt in 1.. {
        let entries = record::read(folder, attempt, 0)?.entries;
        let Some(first) = entries.first() else { break };
        if attempt > 1 {
            // Why there was another attempt is lost with the journal; that there was, is not.
            taken.push(started_again(session_id, attempt, first.at));
        }
        let source = Source::holder(session_id, attempt);
        taken.extend(entries.into_iter().map(|entry| Draft {
            at: entry.at,
            session_id: Some(session_id),
            source: source.clone(),
            source_seq: Some(entry.number),
            trace_parent: None,
            change: entry.change,
        }));
    }
    if taken.is_empty() {
        return Ok(());
    }
    Ok(recover::journal_end(core, session_id, taken).await?)
}

/// Somebody, by hand or by plan, had started the session again.
fn started_again(session_id: SessionId, attempt: u32, before: Moment) -> Draft {
    let uid = rustix::process::geteuid().as_raw();
    let by = Requester { uid, pid: None, client: Some("wk (journal made again)".into()) };
    Draft {
        at: Moment { boot_ns: before.boot_ns.saturating_sub(1), ..before },
        session_id: Some(session_id),
        source: Source(format!("folder/{session_id}")),
        source_seq: Some(u64::from(attempt)),
        trace_parent: None,
        change: Change::SessionRestarted(Restarted {
            by,
            attempt,
            grace_ms: None,
            stale_since: None,
        }),
    }
}

/// What a cleaned-up folder tells; none where all of it is there still.
fn summary(folder: &Path, session_id: SessionId) -> anyhow::Result<Option<Draft>> {
    let text = match fs::read(folder.join(SUMMARY)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    let session = serde_json::from_slice(&text)?;
    Ok(Some(Draft {
        at: host::now(),
        session_id: Some(session_id),
        source: Source(format!("folder/{session_id}")),
        source_seq: Some(1),
        trace_parent: None,
        change: Change::SessionSummarised(Box::new(Summary { session, last: None })),
    }))
}
