//! Makes a lost journal again from the sessions' folders, as far as they tell.

use std::{fs, path::Path};

use wk_holder::record;
use wk_model::{Change, Draft, SessionId, Source};

use super::{core::Core, create, driver};

/// Takes every session folder into a journal that has begun anew.
pub(super) async fn salvage(core: &Core) {
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

async fn salvage_one(core: &Core, folder: &Path) -> anyhow::Result<()> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let session_id: SessionId = name.parse()?;
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
    for attempt in 1.. {
        let entries = record::read(folder, attempt, 0)?.entries;
        if entries.is_empty() {
            break;
        }
        driver::take_in(core, session_id, attempt, entries).await?;
    }
    Ok(())
}
