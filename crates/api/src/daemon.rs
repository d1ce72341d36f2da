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
    /// Where it listens over TCP; null: nowhere.
    #[serde(default)]
    pub listen: Option<String>,
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
    /// The rules of the settings, `[[on]]`.
    #[serde(default)]
    pub rules: Vec<RuleStatus>,
}

/// How a rule stands, since it is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleStatus {
    pub name: String,
    pub events: Vec<String>,
    /// What it does, without what may be secret.
    pub action: String,
    /// Events that wait for it.
    pub waiting: u64,
    /// Events that it is told now.
    pub running: u64,
    pub delivered: u64,
    /// Events that it was not told, however often that was tried.
    pub failed: u64,
    /// Events for which there was no room.
    pub dropped: u64,
    pub last_error: Option<String>,
}
