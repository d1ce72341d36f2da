//! The path to a server leads elsewhere, or nowhere: it is found out, and mended if that is asked.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::super::{Report, pane::is_stopped, socket, socket::FileId, socket::Peer};
use super::{Flow, Watcher};
use crate::process_watch::ProcessWatch;

/// How long a server may take to make its socket anew.
const REPAIR: Duration = Duration::from_secs(3);

impl Watcher {
    /// The path leads elsewhere than before.
    pub(super) async fn look_at_socket(&mut self, file: Option<FileId>) -> Flow {
        let why = match socket::peer(&self.socket) {
            Peer::Server { process, .. } if process == self.server => {
                self.file = file;
                if self.reachable {
                    return Flow::On;
                }
                return self.repaired().await;
            }
            Peer::Server { process, .. } => {
                format!("its socket belongs to another tmux server (pid {})", process.pid)
            }
            Peer::None => "its socket was removed".to_owned(),
            Peer::Stale => "nobody listens on its socket".to_owned(),
            // Too busy: not even whether it can be reached can be told.
            Peer::Unknown => return Flow::On,
        };
        if !self.reachable {
            return Flow::On;
        }
        self.reachable = false;
        let why = format!("{why}: {}", self.socket.display());
        self.update(|state| {
            state.reachable = false;
            state.why_not = Some(why.clone());
        });
        let flow = self.tell(Report::Unreachable { server: self.server, why }).await;
        if self.options.borrow().repair {
            self.due = None;
            return match ProcessWatch::new(&self.server) {
                Ok(Some(server)) => {
                    if let Err(error) = self.repair(&server).await {
                        tracing::warn!(pid = self.server.pid, error, "cannot repair a tmux server");
                    }
                    flow
                }
                _ => flow,
            };
        }
        flow
    }

    pub(super) async fn repaired(&mut self) -> Flow {
        self.reachable = true;
        self.update(|state| {
            state.reachable = true;
            state.why_not = None;
        });
        self.soon();
        self.tell(Report::Repaired { server: self.server }).await
    }

    /// Tells this very server to make its socket anew. Never over another's.
    pub(super) async fn repair(&mut self, server: &ProcessWatch) -> Result<(), String> {
        match socket::peer(&self.socket) {
            Peer::Server { process, .. } if process == self.server => {
                if !self.reachable {
                    self.file = socket::file_at(&self.socket);
                    self.repaired().await;
                }
                return Ok(());
            }
            Peer::Server { process, .. } => {
                let (pid, path) = (process.pid, self.socket.display());
                return Err(format!("`{path}` belongs to another tmux server now (pid {pid})"));
            }
            Peer::Unknown => return Err("its socket is there, but too busy to be asked".into()),
            Peer::None | Peer::Stale => {}
        }
        if is_stopped(&self.server) {
            return Err(format!(
                "the server (pid {}) is stopped: continue it with kill -CONT",
                self.server.pid
            ));
        }
        make_folder(&self.socket).map_err(|error| format!("cannot make its folder: {error}"))?;
        server.signal(rustix::process::Signal::USR1).map_err(|error| error.to_string())?;
        let made = async {
            loop {
                match socket::peer(&self.socket) {
                    Peer::Server { process, .. } if process == self.server => return,
                    // tmux makes it within a turn of its loop; nothing tells of that.
                    _ => sleep(Duration::from_millis(10)).await,
                }
            }
        };
        timeout(REPAIR, made).await.map_err(|_| "it did not make its socket anew".to_owned())?;
        self.file = socket::file_at(&self.socket);
        if !self.reachable {
            self.repaired().await;
        }
        Ok(())
    }
}

/// Makes the folder of a socket as tmux does, where it is gone too.
pub(super) fn make_folder(socket: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let Some(folder) = socket.parent().filter(|folder| !folder.exists()) else { return Ok(()) };
    std::fs::DirBuilder::new().mode(0o700).create(folder)
}
