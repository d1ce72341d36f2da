//! What clients ask for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use wk_model::{HealthOptions, Kind, OsText};

/// `POST /api/sessions`: run a command as a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CreateSession {
    /// The program and its arguments. Text is a string; other bytes are `{"hex": "…"}`. With a
    /// template: what stands for its `{args}`, which may be nothing.
    #[schema(value_type = Vec<String>)]
    pub command: Vec<OsText>,
    /// What the settings' `[template.NAME]` says holds where this request says nothing.
    pub template: Option<String>,
    /// 1 to 64 letters, digits, `.`, `_` or `-`; not the name of another living session.
    pub name: Option<String>,
    /// `command` by default.
    #[schema(value_type = Option<String>)]
    pub kind: Option<Kind>,
    pub agent_id: Option<String>,
    pub component_name: Option<String>,
    pub labels: BTreeMap<String, String>,
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
    /// An absolute path; the user's home by default.
    #[schema(value_type = Option<String>)]
    pub working_directory: Option<OsText>,
    /// Where to run if neither `working_directory` nor the template says.
    #[schema(value_type = Option<String>)]
    pub default_directory: Option<OsText>,
    /// `NAME=VALUE` each, all of it; a minimal environment by default.
    #[schema(value_type = Option<Vec<String>>)]
    pub environment: Option<Vec<OsText>>,
    /// `NAME=VALUE` each, over `environment` and over the template's.
    #[schema(value_type = Vec<String>)]
    pub variables: Vec<OsText>,
    /// 0o022 by default.
    pub umask: Option<u32>,
    /// Kernel resource limits of the caller.
    pub limits: Vec<ResourceLimit>,
    /// The size of the session's terminal; null for pipes with stdout and stderr apart.
    pub terminal: Option<TerminalSize>,
    /// Pipes only: stdin is filled by a client that attaches with `feed`, and output waits
    /// for it.
    pub feed: bool,
    /// The client attaches at once: a command that ends sooner waits a moment for it.
    pub attach: bool,
    /// Whether to record; as the settings say by default.
    pub record: Option<bool>,
    /// Leave descendants alone when the command has ended; true for shells by default.
    pub keep_descendants: Option<bool>,
    /// Time between TERM and KILL, in milliseconds.
    pub grace_ms: Option<u64>,
    /// End an attempt after so many milliseconds; 0: never. By default, here and below, as the
    /// settings say.
    pub timeout_ms: Option<u64>,
    /// What every attempt but the first runs; the same command by default.
    #[schema(value_type = Option<Vec<String>>)]
    pub resume: Option<Vec<OsText>>,
    pub recovery: RecoveryRequest,
    /// A command for `sh -c`, run when the session is closed, in its environment and directory.
    pub on_finish: Option<String>,
    /// How its health is looked after; what is left out is as the settings say. 0 for
    /// `interval_ms` or `stale_after_ms` asks for none.
    #[schema(value_type = Object)]
    pub health: HealthOptions,
    /// End it after so many milliseconds without input or output; 0: never.
    pub idle_timeout_ms: Option<u64>,
    /// Bytes of memory that the whole tree may take; 0: any number.
    pub max_memory: Option<u64>,
    /// Milliseconds of CPU time that the whole tree may take; 0: any number.
    pub max_cpu_time_ms: Option<u64>,
    /// Processes of the tree at one time; 0: any number.
    pub max_processes: Option<u64>,
    /// Bytes of output; 0: any number.
    pub max_output: Option<u64>,
    /// The session that must have ended well first: an id, a unique beginning of one, or a name.
    pub after: Option<String>,
    /// W3C trace context.
    pub trace_parent: Option<String>,
}

/// What a session does about its own failures; as its template or the settings say by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RecoveryRequest {
    /// False: a failure is the end.
    pub enabled: Option<bool>,
    /// Retries of one budget, 0 to 1000.
    pub retries: Option<u32>,
    /// Before the first retry, in milliseconds; doubled for each that follows.
    pub delay_ms: Option<u64>,
    /// Recovering takes no longer than so many milliseconds; 0: as long as the budget lasts.
    pub deadline_ms: Option<u64>,
    /// Whether an attempt that was ended for its memory is retried.
    pub retry_memory: Option<bool>,
    /// Start again after a reboot, or when its holder was lost.
    pub restore: Option<bool>,
}

/// `POST /api/sessions/{id}/restart`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RestartRequest {
    /// A living session is stopped first: time between TERM and KILL, in milliseconds.
    pub grace_ms: Option<u64>,
}

/// One limit as in `getrlimit(2)`; null is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResourceLimit {
    /// The kernel's number, e.g. 7 for open files.
    pub resource: u32,
    pub soft: Option<u64>,
    pub hard: Option<u64>,
}

/// Columns and rows, 1 to 1000 each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TerminalSize {
    #[schema(minimum = 1, maximum = 1000)]
    pub cols: u16,
    #[schema(minimum = 1, maximum = 1000)]
    pub rows: u16,
}

/// `POST /api/sessions/{id}/stop`, and with filters `POST /api/sessions/stop`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StopRequest {
    /// Time between TERM and KILL, in milliseconds; the session's own by default.
    pub grace_ms: Option<u64>,
    /// Also a session that was found, not started; with filters it says nothing.
    pub force: bool,
}

/// What `POST /api/sessions/stop` came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoppedMany {
    /// Sessions that were told to stop.
    pub stopped: Vec<String>,
    /// Sessions that could not be told, and why.
    pub failed: BTreeMap<String, String>,
}

/// `POST /api/sessions/{id}/signal`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalRequest {
    /// A name with or without `SIG`, or a number.
    pub signal: String,
    /// To the command's whole tree, not to the command alone.
    #[serde(default)]
    pub tree: bool,
}

/// `POST /api/sessions/{id}/input`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InputRequest {
    /// Text to type.
    pub text: Option<String>,
    /// Keys to press after the text, by tmux's names: `C-c`, `Enter`, `Up`, `M-x`, `F1`, …
    pub keys: Vec<String>,
}

/// `POST /api/sessions/{id}/resize`.
pub type ResizeRequest = TerminalSize;

/// How to attach; the connection is upgraded to [`crate::ATTACH_PROTOCOL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AttachQuery {
    pub read_only: bool,
    /// The client's terminal; none: it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cols: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u16>,
    /// Fill stdin, and let output wait for this client.
    pub feed: bool,
    /// Lines of history to send before the screen.
    pub history: u32,
    /// With `feed`: bytes of the output that the client has. It will say what it receives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<u64>,
}
