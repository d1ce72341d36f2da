//! tmux servers on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A socket of tmux, and the server behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TmuxServerView {
    pub socket: String,
    /// Null: nobody listens there, or nobody who may be watched.
    pub pid: Option<u32>,
    pub uid: Option<u32>,
    pub version: Option<String>,
    pub age_seconds: Option<u64>,
    /// As it last answered.
    pub sessions: Option<u32>,
    pub panes: Option<u32>,
    /// Of the server and all below it, at the last look at its health.
    pub processes: Option<u32>,
    pub memory_bytes: Option<u64>,
    pub watched: bool,
    /// False: its socket does not lead to it.
    pub reachable: bool,
    /// False: it is stopped, busy or slow, or cannot be reached. That says nothing of its life.
    pub answers: bool,
    /// Why it is not watched, or cannot be reached.
    pub why_not: Option<String>,
}

/// `POST /api/tmux/repair`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RepairTmux {
    /// The path of one socket; all that do not lead to their servers by default.
    pub socket: Option<String>,
}

/// What became of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TmuxRepaired {
    pub socket: String,
    pub pid: Option<u32>,
    /// Null: the socket leads to its server.
    pub error: Option<String>,
}
