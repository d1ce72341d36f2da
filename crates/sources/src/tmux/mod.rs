//! tmux: its servers of this user, and what is in them.
//!
//! ```text
//! socket folders ──▶ hub ──▶ a watcher per server ──reports──▶ daemon
//!                              ├── pidfds of the server and of each pane's process
//!                              ├── a parked control client: says that something changed
//!                              └── one-shot clients: say what there is now
//! ```
//!
//! The watcher changes nothing that it watches: it never attaches, sets no option and no hook,
//! and starts no server. A server that is busy, stopped or slow is one of which nobody can tell;
//! gone is only what the kernel says, or a listing that answered and does not have it.

mod agents;
mod ask;
mod exit;
mod hub;
mod listing;
mod messages;
mod pane;
mod record;
mod screen;
mod socket;
mod watcher;

use std::{path::PathBuf, time::Duration};

use wk_model::{Moment, ProcessId, TmuxHealth, TmuxLayout};

pub use agents::{Agent, agent_name, agents_below};
pub use ask::{AskError, Asker};
pub use exit::Exit;
pub(crate) use exit::{exit_of, exit_of_zombie};
pub use hub::{Order, Refused, ServerState, run};
pub use listing::{ListedPane, ListedSession, Listing, parse_listing};
pub use messages::{Message, parse_messages};
pub use pane::arguments as process_arguments;
pub use screen::ScreenLook;
pub use socket::{Peer, folders};

/// What to watch, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// False: nothing is watched.
    pub watch: bool,
    /// A server whose socket vanished is told to make it anew without being asked.
    pub repair: bool,
    /// Between two looks at the health of a server.
    pub health_interval: Duration,
    /// The folders in which tmux puts its sockets.
    pub folders: Vec<PathBuf>,
    /// Other sockets; those of other users are watched only where they are named here.
    pub sockets: Vec<PathBuf>,
}

/// A server that an earlier daemon had watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub server: ProcessId,
    pub socket: PathBuf,
}

/// What was seen of a tmux session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionSeen {
    /// E.g. `$3`.
    pub id: String,
    pub name: String,
    /// Seconds since 1970.
    pub created: u64,
    /// Clients that are attached to it.
    pub attached: u32,
    /// Options of it that can end it, by name.
    pub options: Vec<String>,
    pub layout: TmuxLayout,
    /// The pane in front, e.g. `%7`.
    pub active_pane: Option<String>,
    /// Terminals of its panes, as device numbers.
    pub pane_ttys: Vec<u32>,
    pub size: Option<(u16, u16)>,
    /// Seconds since 1970 of the latest output.
    pub last_activity: Option<u64>,
}

/// What a watcher reports, in the order in which it was seen.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// A server was found, and these are all sessions that it has now.
    Server {
        server: ProcessId,
        socket: PathBuf,
        version: String,
        uid: u32,
        sessions: Vec<String>,
    },
    /// A session is new, or other than before.
    Session {
        server: ProcessId,
        session: Box<SessionSeen>,
        settled: bool,
    },
    /// A listing answered that does not have it any more.
    SessionGone {
        server: ProcessId,
        id: String,
        at: Moment,
        exits: Vec<(ProcessId, Exit)>,
    },
    /// The kernel says that the server has ended, and all its sessions with it.
    ServerGone {
        server: ProcessId,
        socket: PathBuf,
        at: Moment,
        exit: Option<Exit>,
        exits: Vec<(ProcessId, Exit)>,
    },
    /// A living server cannot be reached by its socket any more.
    Unreachable {
        server: ProcessId,
        why: String,
    },
    Repaired {
        server: ProcessId,
    },
    Health(TmuxHealth),
    /// The last lines that a session's panes show, masked.
    Captured {
        server: ProcessId,
        id: String,
        text: String,
    },
    /// The server's own log of commands, the latest last.
    Messages {
        server: ProcessId,
        messages: Vec<Message>,
    },
    /// An agent runs in a pane.
    Agent {
        server: ProcessId,
        id: String,
        agent: Agent,
    },
}
