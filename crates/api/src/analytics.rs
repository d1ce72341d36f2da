//! `GET /api/analytics`.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use wk_model::Time;

/// Which sessions to add up, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AnalyticsQuery {
    /// `count` (the default), `duration`, `unique_users` or `peak_hours`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// `hourly`, `daily`, `weekly` (from Monday) or `monthly`; by default all together. Not for
    /// `peak_hours`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    /// `component`, `user` or `type`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// As in lists: a kind, `admin_shell`, or what a shell is.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[param(rename = "type")]
    pub session_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Started at or after this moment (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Started before this moment (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Whose hours and days: a name like `Europe/Berlin`, as POSIX writes `TZ`, or `local` for
    /// the daemon's own; UTC by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// At most so many rows, the newest periods first to stay; 0 for all, which is the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Sessions, added up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Analytics {
    pub metric: String,
    pub period: Option<String>,
    pub by: Option<String>,
    #[serde(rename = "type")]
    pub session_type: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub after: Option<Time>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub before: Option<Time>,
    pub zone: String,
    /// All of them together.
    pub overall: AnalyticsNumbers,
    /// By time, then the largest group first. Periods without sessions have no row; of
    /// `peak_hours` there are always all 24.
    pub rows: Vec<AnalyticsRow>,
    /// There are more rows.
    pub more: bool,
}

/// Sessions that began in one period, or hour of the day, and have something in common.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AnalyticsRow {
    /// In the zone that was asked for: `2026-02-06 10:00+01:00`, `2026-02-06`, `2026-W06` or
    /// `2026-02`.
    pub period: Option<String>,
    /// When the period began.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub period_start: Option<Time>,
    /// Of the day, for `peak_hours`.
    pub hour: Option<u8>,
    /// The component, user or type; null: those that have none.
    pub group: Option<String>,
    #[serde(flatten)]
    pub numbers: AnalyticsNumbers,
}

/// Some sessions in numbers; null is what the metric is not about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AnalyticsNumbers {
    pub sessions: u64,
    /// Different users.
    pub unique_users: Option<u64>,
    /// From start to end, of those that have ended.
    pub average_seconds: Option<f64>,
    pub median_seconds: Option<f64>,
    pub p95_seconds: Option<f64>,
}
