//! `GET /api/daemon`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wk_model::Time;

/// How the daemon stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DaemonStatus {
    pub pid: u32,
    pub version: String,
    pub socket: String,
    pub state_dir: String,
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Time,
    /// Living sessions.
    pub sessions: u64,
    /// Processes that outlived their sessions, at the last look.
    #[serde(default)]
    pub orphans: u64,
    /// The last event on disk.
    pub last_seq: u64,
    /// What works less than it should, in sentences.
    pub warnings: Vec<String>,
}
