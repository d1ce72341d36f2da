//! Why a call did not work.

use std::{io, path::PathBuf};

use wk_api::Problem;

/// Why a call to the daemon did not work.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens: there is no socket, or a stale one.
    #[error("no daemon answers at `{}`", socket.display())]
    NotRunning { socket: PathBuf, source: io::Error },
    #[error("`{}` belongs to user {uid}, not to you: refusing to talk to it", socket.display())]
    ForeignSocket { socket: PathBuf, uid: u32 },
    #[error("cannot reach the daemon at `{}`", socket.display())]
    Connect { socket: PathBuf, source: io::Error },
    /// The daemon went away in the middle.
    #[error("the daemon closed the connection")]
    Closed(#[source] Option<hyper::Error>),
    /// The daemon refused, and said why.
    #[error(transparent)]
    Refused(Problem),
    #[error("cannot encode the request")]
    Request(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the daemon's answer cannot be read: {why}")]
    Answer { why: String },
}

impl ClientError {
    /// Whether a daemon that is started now could make the same call work.
    pub fn is_not_running(&self) -> bool {
        matches!(self, Self::NotRunning { .. })
    }

    /// Whether the call was cut off: it may or may not have been carried out.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}
