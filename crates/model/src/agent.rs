//! What agents tell of their work, by the hooks that they call: see `docs/hooks.md`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Time;

/// A piece of what an agent sent: secrets masked, cut at the settings' bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// None: the settings keep it private.
    pub text: Option<String>,
    /// The length of what the hook kept of it: where [`payload_bytes`] says that more came than
    /// hooks keep, it was longer.
    ///
    /// [`payload_bytes`]: ToolStarted::payload_bytes
    pub bytes: u64,
}

/// An agent is about to use a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToolStarted {
    pub tool: String,
    /// The agent's own id of this use; without one, uses are paired by their order.
    pub tool_use_id: Option<String>,
    /// The subagent that uses it, by the agent's own id.
    pub agent_id: Option<String>,
    pub input: Excerpt,
    /// The full length of what the hook was given.
    pub payload_bytes: u64,
}

/// How the use of a tool ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolOutcome {
    #[default]
    Succeeded,
    Failed,
    Interrupted,
    Denied,
}

/// An agent has used a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToolFinished {
    pub tool: String,
    pub tool_use_id: Option<String>,
    pub agent_id: Option<String>,
    pub outcome: ToolOutcome,
    /// As the agent says, which knows how long a person was waited for; else from the start that
    /// it is paired with; none where neither told.
    pub duration_ms: Option<u64>,
    pub error: Option<String>,
    pub output: Excerpt,
    /// The full length of what the hook was given.
    pub payload_bytes: u64,
}

/// Somebody asked the agent for something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Prompt {
    pub prompt: Excerpt,
    /// The full length of what the hook was given.
    pub payload_bytes: u64,
}

/// The agent makes its context smaller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Compaction {
    /// `manual` or `auto`, where it says.
    pub trigger: Option<String>,
    /// False: it begins.
    pub finished: bool,
}

/// The agent waits for a permission.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PermissionWaited {
    pub tool: Option<String>,
    pub agent_id: Option<String>,
    pub message: Option<String>,
}

/// Its agent calls it by this id from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Identified {
    pub external_id: String,
}

/// A subagent has begun or ended; it is a session of its own whose parent is the agent's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Subagent {
    /// The agent's own id of it.
    pub agent_id: String,
    pub agent_type: Option<String>,
}

/// Any other hook, as it came: secrets masked, cut at the settings' bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hook {
    /// The hook's name, e.g. `Notification`.
    pub event: String,
    /// Which program called, e.g. `claude`, or the `source_app` of a sender.
    pub agent: Option<String>,
    /// The whole object; a string with its beginning where it was too large or no JSON.
    pub payload: Value,
    pub payload_bytes: u64,
}

/// A command in a tracked shell has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ShellCommand {
    /// With secrets masked.
    pub command: Option<String>,
    pub exit_code: Option<i32>,
    pub duration_ms: Option<u64>,
}

/// What an agent's transcript counts so far, each message once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tokens {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_creation: u64,
    pub messages: u64,
    pub model: Option<String>,
    /// In US dollars, where the agent itself states it, as text: `0.0421`.
    pub cost_usd: Option<String>,
}

/// A session that a client told of, and nobody of ours started or found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reported {
    /// False: it came without a token.
    pub verified: bool,
    /// It sends a heartbeat every minute.
    pub heartbeat: bool,
    /// It runs on another machine, or in a place whose processes cannot be seen from here.
    pub remote: bool,
    /// When the client said that it began, where that is another moment than it was told.
    pub client_time: Option<Time>,
}
