//! `GET /api/tools` and `GET /api/sessions/{id}/timeline`.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use wk_model::{Time, ToolOutcome};

/// Whose tools to count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ToolsQuery {
    /// Only this session's (id, unique prefix or name); all sessions' by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Only what happened at or after this moment (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

/// One tool in numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ToolView {
    pub tool: String,
    /// All uses, those that have not ended included.
    pub count: u64,
    pub errors: u64,
    pub denied: u64,
    pub interrupted: u64,
    /// Not ended, as far as anybody told, in sessions that live.
    pub running: u64,
    /// Not ended when their session was over: nobody told how they went.
    #[serde(default)]
    pub unfinished: u64,
    /// Of those whose duration is known.
    pub p50_seconds: Option<f64>,
    pub p95_seconds: Option<f64>,
    pub total_seconds: f64,
}

/// Which part of a timeline to send.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TimelineQuery {
    /// Only what happened at or after this moment (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

/// What a session and those below it did, on one time axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Timeline {
    pub session_id: String,
    #[schema(value_type = String, format = DateTime)]
    pub start_time: Time,
    /// The end of the last of them; now, while one lives.
    #[schema(value_type = String, format = DateTime)]
    pub end_time: Time,
    /// There is more than is shown.
    pub more: bool,
    /// The session itself first.
    pub lanes: Vec<TimelineLane>,
}

/// One session or subagent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimelineLane {
    pub session_id: String,
    /// The agent's own id of a subagent.
    pub agent_id: Option<String>,
    pub title: String,
    /// How deep below the first.
    pub depth: usize,
    #[schema(value_type = String, format = DateTime)]
    pub start_time: Time,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub end_time: Option<Time>,
    pub tools: Vec<ToolUseView>,
    pub marks: Vec<MarkView>,
}

/// One use of a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ToolUseView {
    pub tool: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub start_time: Option<Time>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub end_time: Option<Time>,
    pub duration_seconds: Option<f64>,
    /// `succeeded`, `failed`, `interrupted` or `denied`; null: it has not ended.
    #[schema(value_type = Option<String>)]
    pub outcome: Option<ToolOutcome>,
    pub error: Option<String>,
    /// The beginning of what it was asked to do.
    pub input: Option<String>,
}

/// A prompt, a compaction, or a wait for a permission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MarkView {
    /// `prompt`, `compaction` or `permission_wait`.
    pub kind: String,
    #[schema(value_type = String, format = DateTime)]
    pub time: Time,
    /// A compaction's end, or when the agent went on.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Time>,
    pub text: Option<String>,
}
