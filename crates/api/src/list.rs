//! The filters of `GET /api/sessions`.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which sessions to list. Several values of one filter are separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Statuses, comma separated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Only sessions that have not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Only sessions that failed or ran into a time limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<bool>,
    /// Kinds, comma separated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// A kind, `admin_shell` (a shell that a client told of), or what a shell is, e.g. `bash`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[param(rename = "type")]
    pub session_type: Option<String>,
    /// Only sessions whose end was never heard: they may live, or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// The component's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// The user's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// `KEY=VALUE`, comma separated; all must match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Started at or after this moment (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// A moment (RFC 3339): started before it. A session id: older than that session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Lived longer than so many seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_greater: Option<u64>,
    /// Living sessions, and those that ended at or after this moment (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_since: Option<String>,
    /// At most so many, newest first; 100 by default, 0 for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
