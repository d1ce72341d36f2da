//! Upkeep: what ended sessions leave behind goes, as the settings say or somebody asks.
//!
//! One look at a time, at a deadline or by order. Living sessions, holders that still tidy up
//! and recordings that are being read are left alone. What cannot be removed is told, and
//! tried again at the next look.

mod files;
mod history;
mod orphans;

use std::{
    collections::HashSet,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use tokio::{
    sync::{Mutex, Notify},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use wk_api::{CleanRequest, Cleaned, Problem};
use wk_model::ProcessId;
use wk_policies::cleanup::Limits;
use wk_server::Readers;

use super::{core::Core, memory};
use crate::config::CleanupSettings;

/// What is left in the folder of a session without live state: how it had ended, for a journal
/// that must be made again.
pub(super) const SUMMARY: &str = "summary.json";

/// What upkeep shares with the rest of the daemon.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    pub(super) readers: Readers,
    /// Orphans at the last look.
    pub(super) orphans: Arc<AtomicU64>,
    /// Held while somebody cleans up: the orphans that are in the journal already.
    told: Mutex<HashSet<ProcessId>>,
    changed: Notify,
}

impl Upkeep {
    /// The settings are others than before.
    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }
}

/// Looks again and again, until the daemon ends.
pub(super) async fn run(core: Arc<Core>, ending: CancellationToken) {
    let mut last = Instant::now();
    loop {
        let next = last + core.settings().cleanup.interval;
        tokio::select! {
            () = ending.cancelled() => return,
            () = core.upkeep.changed.notified() => {}
            () = sleep_until(next) => {
                tokio::select! {
                    () = look(&core) => {}
                    () = ending.cancelled() => return,
                }
                last = Instant::now();
            }
        }
    }
}

async fn look(core: &Arc<Core>) {
    let mut told = core.upkeep.told.lock().await;
    let mut cleaned = Cleaned::default();
    if let Err(problem) = as_set(core, &mut cleaned).await {
        tracing::warn!(detail = problem.detail, "cannot clean up");
    }
    for (session_id, why) in &cleaned.failed {
        tracing::warn!(session_id, why, "cannot clean up behind a session");
    }
    let Cleaned { removed, bytes, events, .. } = &cleaned;
    if !removed.is_empty() || *events > 0 {
        tracing::info!(parts = removed.len(), bytes, events, "cleaned up");
        memory::give_back();
    }
    if let Err(problem) = orphans::look(core, &mut told).await {
        tracing::warn!(detail = problem.detail, "cannot look for orphans");
    }
}

/// Cleans up what somebody asks for.
pub(super) async fn clean(core: &Arc<Core>, request: CleanRequest) -> Result<Cleaned, Problem> {
    let mut told = core.upkeep.told.lock().await;
    let mut cleaned = Cleaned { dry_run: request.dry_run, ..Cleaned::default() };
    if let Some(ms) = request.older_than_ms {
        let after = Some(Duration::from_millis(ms));
        let limits = Limits {
            live_state_after: after,
            recordings_after: after,
            recordings_max: None,
            recordings_count: None,
        };
        files::clean(core, limits, &mut cleaned).await?;
    }
    match request {
        CleanRequest { orphans: true, .. } => orphans::clean(core, &mut told, &mut cleaned).await?,
        CleanRequest { older_than_ms: None, .. } => as_set(core, &mut cleaned).await?,
        _ => {}
    }
    Ok(cleaned)
}

/// Cleans up as the settings say.
async fn as_set(core: &Arc<Core>, cleaned: &mut Cleaned) -> Result<(), Problem> {
    let CleanupSettings {
        live_state_after,
        recordings_after,
        recordings_max,
        recordings_count,
        journal_after,
        ..
    } = core.settings().cleanup;
    let limits = Limits { live_state_after, recordings_after, recordings_max, recordings_count };
    files::clean(core, limits, cleaned).await?;
    match journal_after {
        Some(after) => history::trim(core, after, cleaned).await,
        None => Ok(()),
    }
}
