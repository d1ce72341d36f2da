//! What is known of a tmux session, for whoever explains its end.

use std::path::PathBuf;

use wk_model::{ProcessId, TmuxLayout};
use wk_sources::tmux::Message;

use super::{
    Tmux,
    book::{Book, Watched},
};

/// What was last known of a tmux session; kept for a while after its end.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::daemon) struct TmuxFacts {
    pub(in crate::daemon) server: ProcessId,
    pub(in crate::daemon) socket: PathBuf,
    pub(in crate::daemon) id: String,
    pub(in crate::daemon) name: String,
    pub(in crate::daemon) server_alive: Option<bool>,
    /// Options that can end it, by name: `destroy-unattached`, `exit-empty`, …
    pub(in crate::daemon) options: Vec<String>,
    /// Device numbers.
    pub(in crate::daemon) pane_ttys: Vec<u32>,
    pub(in crate::daemon) panes: Vec<ProcessId>,
    /// tmux's own ids of its panes, e.g. `%7`.
    pub(in crate::daemon) pane_ids: Vec<String>,
    pub(in crate::daemon) attached: bool,
    /// The server's log of commands, the latest last: read while somebody was attached.
    pub(in crate::daemon) messages: Vec<Message>,
    pub(in crate::daemon) last_output: Option<String>,
    pub(in crate::daemon) last_command: Option<String>,
    /// Of its server.
    pub(in crate::daemon) tmux_sessions: u32,
    pub(in crate::daemon) tmux_processes: Option<u32>,
}

impl TmuxFacts {
    pub(super) fn of(watched: &Watched, book: &Book) -> Self {
        let server = book.servers.get(&watched.server);
        let seen = watched.seen.as_ref();
        let layout = seen.map(|seen| &seen.layout).or(watched.journalled.as_ref());
        Self {
            server: watched.server,
            socket: server.map(|server| server.socket.clone()).unwrap_or_default(),
            id: watched.id.clone(),
            name: watched.name.clone(),
            server_alive: server.and_then(|server| server.alive),
            options: seen.map(|seen| seen.options.clone()).unwrap_or_default(),
            pane_ttys: seen.map(|seen| seen.pane_ttys.clone()).unwrap_or_default(),
            panes: layout.map(panes).unwrap_or_default(),
            pane_ids: layout.map(pane_ids).unwrap_or_default(),
            attached: seen.is_some_and(|seen| seen.attached > 0),
            messages: server.map(|server| server.messages.clone()).unwrap_or_default(),
            last_output: watched.last_output.clone(),
            last_command: watched.last_command.clone(),
            tmux_sessions: u32::try_from(book.of_server(watched.server).len()).unwrap_or(u32::MAX),
            tmux_processes: server.and_then(|server| Some(server.health.as_ref()?.processes)),
        }
    }
}

impl Tmux {
    /// What is known of a tmux session; none where nobody has watched it, or long ago.
    pub(in crate::daemon) fn facts(&self, session_id: wk_model::SessionId) -> Option<TmuxFacts> {
        self.book().facts(session_id)
    }

    /// The processes of a session's panes, that in front first.
    pub(in crate::daemon) fn panes(&self, session_id: wk_model::SessionId) -> Vec<ProcessId> {
        let book = self.book();
        let Some(seen) = book.sessions.get(&session_id).and_then(|watched| watched.seen.as_ref())
        else {
            return Vec::new();
        };
        let (front, others): (Vec<_>, Vec<_>) =
            seen.layout.panes().partition(|pane| Some(&pane.id) == seen.active_pane.as_ref());
        front.into_iter().chain(others).filter_map(|pane| pane.process).collect()
    }
}

/// The ids of a layout's panes.
fn pane_ids(layout: &TmuxLayout) -> Vec<String> {
    layout.panes().map(|pane| pane.id.clone()).collect()
}

/// The processes of a layout.
pub(super) fn panes(layout: &TmuxLayout) -> Vec<ProcessId> {
    layout.panes().filter_map(|pane| pane.process).collect()
}
