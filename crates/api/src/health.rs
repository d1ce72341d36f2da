//! `GET /api/health`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How all sessions are, in numbers. Removed sessions count nowhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HealthNumbers {
    /// All sessions that are known, ended ones included.
    pub total_sessions: u64,
    /// Those that have not ended.
    pub living_sessions: u64,
    /// Running, its command alive, its holder within reach, and no condition.
    pub healthy_sessions: u64,
    pub stale_sessions: u64,
    pub hung_sessions: u64,
    pub over_limit_sessions: u64,
    pub unreachable_sessions: u64,
    /// Bytes: the mean over the process trees of running sessions; null where none was looked
    /// at.
    pub average_memory_usage: Option<u64>,
    /// Sessions that have a status.
    pub sessions_by_status: SessionsByStatus,
    pub recovery: RecoveryNumbers,
}

/// How many sessions have each status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionsByStatus {
    pub running: u64,
    pub completed: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub timeout: u64,
    pub recovering: u64,
}

/// What retrying has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecoveryNumbers {
    /// Retries of all sessions, those included that waited parked.
    pub attempts: u64,
    /// Sessions that a retry has helped: it completed, or has run as long as counts as healthy.
    pub succeeded: u64,
    /// Sessions that were retried.
    pub sessions: u64,
    /// `succeeded` ÷ `sessions`; null where none was retried.
    pub success_rate: Option<f64>,
}
