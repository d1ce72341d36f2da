//! What is known of tmux: its servers, and the sessions in them.

use serde::{Deserialize, Serialize};

use crate::{ProcessId, SessionId};

/// Where a session of kind `tmux` lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TmuxPlace {
    pub server: ProcessId,
    /// The path of its socket.
    pub socket: String,
    /// tmux's own id of the session, e.g. `$3`: with the server, its identity.
    pub id: String,
    /// Its name when it was first seen.
    pub name: String,
}

/// A tmux server was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TmuxServerSeen {
    pub server: ProcessId,
    pub socket: String,
    pub version: String,
    pub sessions: u32,
}

/// How a tmux server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TmuxHealth {
    pub server: ProcessId,
    pub socket: String,
    /// None: it did not answer in time.
    pub sessions: Option<u32>,
    /// Processes of the server and below it.
    pub processes: u32,
    pub memory_bytes: u64,
    pub age_seconds: u64,
    pub socket_exists: bool,
}

/// A tmux server is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TmuxServerGone {
    pub server: ProcessId,
    pub socket: String,
    /// As the kernel told it, where it did.
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    pub sessions: Vec<SessionId>,
}

/// The windows and panes of a tmux session, as last seen: what `wk tmux keep` brings back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TmuxLayout {
    pub windows: Vec<TmuxWindow>,
}

impl TmuxLayout {
    /// The panes of all its windows.
    pub fn panes(&self) -> impl Iterator<Item = &TmuxPane> + Clone {
        self.windows.iter().flat_map(|window| &window.panes)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TmuxWindow {
    pub index: u32,
    pub name: String,
    /// As `#{window_layout}`.
    pub layout: String,
    pub active: bool,
    pub panes: Vec<TmuxPane>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TmuxPane {
    /// E.g. `%7`.
    pub id: String,
    pub index: u32,
    /// None: gone before it could be looked at.
    pub process: Option<ProcessId>,
    pub tty: String,
    pub working_directory: String,
    /// What it was started with; empty: a shell.
    pub start_command: String,
    /// The program in the foreground.
    pub current_command: String,
    /// Its arguments, with secrets masked.
    pub current_argv: Vec<String>,
}
