//! What a session printed, what its terminal shows, and waiting for either.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use wk_model::Time;

use crate::SessionView;

/// Where output came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OutputStream {
    /// Stdout, or the terminal.
    Stdout,
    Stderr,
}

/// Which output `GET /api/sessions/{id}/output` sends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OutputQuery {
    /// Stay connected until the session has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follow: Option<bool>,
    /// Only what was printed at or after this moment (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<OutputStream>,
}

/// One SSE message of `GET /api/sessions/{id}/output`; its event name is `output`.
///
/// An event `notice` holds a text about what is missing; `end` comes last, when the session
/// has ended or everything was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutputChunk {
    #[schema(value_type = String, format = DateTime)]
    pub time: Time,
    pub stream: OutputStream,
    pub text: String,
}

/// How `GET /api/sessions/{id}/screen` shows the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ScreenQuery {
    /// With colours and attributes.
    pub ansi: bool,
    /// With what has scrolled off.
    pub history: bool,
}

/// What to wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WaitFor {
    #[default]
    Exit,
    /// No output for `idle_ms`.
    Idle,
    /// `text` is on the screen.
    Text,
    /// Attempt `attempt` is over, and what follows from that is known.
    Over,
    /// An attempt runs.
    Running,
}

/// `GET /api/sessions/{id}/wait`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WaitQuery {
    #[param(inline)]
    pub until: WaitFor,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// For `over`; 1 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// 2000 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_ms: Option<u64>,
    /// Give up after so long; the answer then says `met: false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// What a wait came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Waited {
    /// False: time was up, or the session ended first.
    pub met: bool,
    pub session: SessionView,
}
