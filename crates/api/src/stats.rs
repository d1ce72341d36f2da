//! `GET /api/stats`.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use wk_model::Time;

/// Which sessions to count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatsQuery {
    /// `template`, `component`, `kind` or `label:KEY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Sessions that live, and those that ended at or after this moment (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// At most so many groups, the largest first; 100 by default, 0 for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Sessions in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Stats {
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Time>,
    pub by: Option<String>,
    pub overall: StatsNumbers,
    /// The largest first.
    pub groups: Vec<StatsGroup>,
    /// There are more groups.
    pub more: bool,
}

/// Sessions that have something in common; null: those that have nothing of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatsGroup {
    pub group: Option<String>,
    #[serde(flatten)]
    pub numbers: StatsNumbers,
}

/// Some sessions in numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatsNumbers {
    /// All of them, those that live included.
    pub sessions: u64,
    pub active: u64,
    pub completed: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub timeout: u64,
    /// The share of those that ended which failed or ran out of time; null where none ended.
    pub failure_rate: Option<f64>,
    /// From start to end, of those that ended.
    pub median_seconds: Option<f64>,
    pub p95_seconds: Option<f64>,
    /// Attempts that followed a failure.
    pub retries: u64,
    /// Sessions that had any.
    pub retried: u64,
    /// Attempts that somebody had asked for, or that followed a stale one (`on_stale`).
    #[serde(default)]
    pub restarts: u64,
    /// What agents' transcripts count; what is read from a cache is no input.
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub cache_read_tokens: u64,
    pub cache_creation_tokens: u64,
    /// In US dollars, where the agents themselves state it, as text: `0.0421`.
    pub cost_usd: Option<String>,
}
