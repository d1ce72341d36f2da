//! Events that programs elsewhere send: `/events`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

/// One event of an agent, as it is sent and shown. Whatever else it holds is kept as well.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CollectorEvent {
    /// Given when it is taken in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// Which program sent it.
    #[schema(min_length = 1, max_length = 256)]
    pub source_app: String,
    /// The agent's own id of its session.
    #[schema(min_length = 1, max_length = 256)]
    pub session_id: String,
    /// The hook's name, e.g. `PreToolUse`.
    #[schema(min_length = 1, max_length = 256)]
    pub hook_event_type: String,
    /// An object; where it was too large, its beginning.
    #[schema(value_type = Object)]
    pub payload: Value,
    /// Milliseconds after 1970; the moment it came, where the sender does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<i64>,
    #[serde(flatten)]
    #[schema(ignore)]
    pub more: Map<String, Value>,
}

/// `GET /events/recent`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RecentQuery {
    /// At most so many: 100 by default, never more than 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// `GET /events/filter-options`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FilterOptions {
    pub source_apps: BTreeSet<String>,
    pub session_ids: BTreeSet<String>,
    pub hook_event_types: BTreeSet<String>,
}
