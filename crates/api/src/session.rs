//! A session on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use wk_model::{Kind, LimitKind, Liveness, Phase, Status, Time};

/// One session, with all that is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    pub session_id: String,
    pub name: Option<String>,
    #[schema(value_type = String)]
    pub kind: Kind,
    /// Null before the first attempt.
    #[schema(value_type = Option<String>)]
    pub status: Option<Status>,
    #[schema(value_type = String)]
    pub phase: Phase,
    pub parent_id: Option<String>,
    pub external_id: Option<String>,
    pub command: Vec<String>,
    pub working_directory: Option<String>,
    pub username: Option<String>,
    pub hostname: Option<String>,
    pub platform: Option<String>,
    pub pid: Option<u32>,
    pub holder_pid: Option<u32>,
    /// It was found or told of, and has no holder: nobody can attach to it.
    pub watched: bool,
    pub boot_id: Option<String>,
    /// Clock ticks after boot.
    pub process_start_time: Option<u64>,
    #[schema(value_type = String, format = DateTime)]
    pub start_time: Time,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub end_time: Option<Time>,
    /// Elapsed so far while it lives.
    pub duration_seconds: f64,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_activity: Option<Time>,
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    /// Why the command could not be started, in a sentence.
    pub error: Option<String>,
    /// When its next attempt starts, while it recovers or is parked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub waits_until: Option<Time>,
    /// What it waits for, in words: its turn, or what its failure named.
    pub waits_for: Option<String>,
    /// The limit that it was ended for.
    #[schema(value_type = Option<String>)]
    pub limit_exceeded: Option<LimitKind>,
    /// Counts from 1.
    pub attempt: u32,
    pub retry_count: u32,
    pub max_retries: u32,
    pub limits: Limits,
    pub health: Health,
    pub memory_bytes: Option<u64>,
    pub cpu_seconds: Option<f64>,
    pub read_bytes: Option<u64>,
    pub write_bytes: Option<u64>,
    pub processes: Option<u32>,
    pub open_files: Option<u32>,
    pub template: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub agent_id: Option<String>,
    pub component_name: Option<String>,
    pub shell_type: Option<String>,
    pub python_version: Option<String>,
    /// Whether it is known who has told of it; null for sessions that were not told of.
    pub verified: Option<bool>,
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
    /// What its agent's transcript counts so far: `input, output, cache_read, cache_creation,
    /// messages, model, cost_usd`.
    #[schema(value_type = Option<Object>)]
    pub tokens: Option<Value>,
    /// False: pipes, stdout and stderr apart.
    pub terminal: bool,
    /// What its tmux session is, for kind `tmux`.
    #[schema(value_type = Option<Object>)]
    pub tmux: Option<Value>,
    pub recording: Option<Recording>,
    pub output_bytes: Option<u64>,
    /// Why it ended, once that is known.
    #[schema(value_type = Option<Object>)]
    pub verdict: Option<Value>,
}

/// What a session is held to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    pub memory: Option<Limit>,
    pub cpu_time: Option<Limit>,
    pub time: Option<Limit>,
    pub idle: Option<Limit>,
    pub processes: Option<Limit>,
    pub output: Option<Limit>,
}

/// One limit: bytes, milliseconds or a count, and what enforces it: `cgroup v2`, `cgroup v1`,
/// `sampling` or `holder`; null before the first attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limit {
    pub value: u64,
    pub mechanism: Option<String>,
}

/// How a session is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    #[schema(value_type = String)]
    pub alive: Liveness,
    pub conditions: Vec<String>,
    /// What was seen, a sentence for each condition; empty where nobody has looked yet.
    pub reasons: Vec<String>,
    /// When its process tree was last looked at.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub checked_at: Option<Time>,
    /// `rising`, `steady` or `falling`; null until there were enough looks.
    pub memory_trend: Option<String>,
    pub open_files_trend: Option<String>,
    /// The process with the most resident memory.
    pub largest_process: Option<LargestProcess>,
}

/// One process of a session's tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LargestProcess {
    pub pid: u32,
    pub comm: String,
    pub memory_bytes: u64,
}

/// Where a session's recording is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recording {
    /// The folder of its segments.
    pub path: String,
    pub bytes: u64,
    pub gaps: u64,
    /// False once it was cleaned up.
    pub kept: bool,
}
