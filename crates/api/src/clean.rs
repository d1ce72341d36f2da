//! `POST /api/clean`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to clean up. Nothing of it set: what the settings say, as the daemon does by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CleanRequest {
    /// The files of all sessions that ended so many milliseconds ago or earlier.
    pub older_than_ms: Option<u64>,
    /// Processes that outlived their sessions.
    pub orphans: bool,
    /// Change nothing; say what would be done.
    pub dry_run: bool,
}

/// What was cleaned up, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cleaned {
    pub dry_run: bool,
    /// The oldest first.
    pub removed: Vec<Removed>,
    /// Bytes of all that was removed.
    pub bytes: u64,
    pub orphans: Vec<OrphanView>,
    /// What could not be removed or ended, and why, by session.
    pub failed: BTreeMap<String, String>,
    /// Events that went out of the journal.
    pub events: u64,
}

/// A part of an ended session's folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Removed {
    pub session_id: String,
    pub name: Option<String>,
    /// `live_state` or `recording`.
    pub part: String,
    pub bytes: u64,
    /// `age`, `count` or `size`.
    pub reason: String,
}

/// A process that outlived its session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrphanView {
    pub session_id: String,
    pub pid: u32,
    /// Clock ticks after boot.
    pub process_start_time: u64,
    pub comm: String,
    pub command: Vec<String>,
    /// Whether it was ended.
    pub ended: bool,
    /// The signal that it took.
    pub signal: Option<i32>,
}
