//! What the driver is asked to do, and by whom.

use std::{path::PathBuf, sync::Arc};

use tokio::{net::UnixStream, sync::oneshot};
use wk_api::{
    CleanRequest, Cleaned, CreateSession, InstanceView, Problem, TmuxRepaired, TmuxServerView,
    TrackEnd, TrackStart, TrackStatus,
};
use wk_holder::protocol::{AttachRequest, ScreenRequest, SignalTarget};
use wk_model::{Requester, Session, SessionId};

/// Where an order's result goes. Nobody may be left to hear it.
pub type Answer<T> = oneshot::Sender<Result<T, Problem>>;

/// A session to be run.
#[derive(Debug)]
pub struct CreateOrder {
    pub request: CreateSession,
    pub idempotency_key: Option<String>,
    pub by: Requester,
}

/// A shell that a client tells of.
#[derive(Debug)]
pub struct TrackOrder {
    pub start: Box<TrackStart>,
    /// It is known who tells.
    pub verified: bool,
}

/// One thing for the driver to do. It does them side by side.
#[derive(Debug)]
pub enum Order {
    Create(Box<CreateOrder>, Answer<Arc<Session>>),
    Stop {
        session_id: SessionId,
        grace_ms: Option<u64>,
        /// Also one that was found, not started.
        force: bool,
        by: Requester,
        answer: Answer<()>,
    },
    /// Stopped first where it lives.
    Restart {
        session_id: SessionId,
        grace_ms: Option<u64>,
        by: Requester,
        answer: Answer<()>,
    },
    Signal {
        session_id: SessionId,
        signal: i32,
        to: SignalTarget,
        answer: Answer<()>,
    },
    Input {
        session_id: SessionId,
        bytes: Vec<u8>,
        answer: Answer<()>,
    },
    Resize {
        session_id: SessionId,
        cols: u16,
        rows: u16,
        answer: Answer<()>,
    },
    Screen {
        session_id: SessionId,
        request: ScreenRequest,
        answer: Answer<Vec<u8>>,
    },
    /// Answered by a connection on which the client is attached already.
    Attach {
        session_id: SessionId,
        request: AttachRequest,
        answer: Answer<UnixStream>,
    },
    /// Answered once output is watched for; what is answered hears of the next.
    Activity {
        session_id: SessionId,
        answer: Answer<oneshot::Receiver<()>>,
    },
    Remove {
        session_id: SessionId,
        by: Requester,
        answer: Answer<()>,
    },
    Clean {
        request: CleanRequest,
        answer: Answer<Cleaned>,
    },
    /// Every instance of a template, and how it stands.
    Instances {
        answer: Answer<Vec<InstanceView>>,
    },
    /// Somebody says that an instance works again.
    ResetBreaker {
        template: String,
        instance: String,
        by: Requester,
        answer: Answer<()>,
    },
    /// Every tmux server there is, and how it is.
    Tmux {
        answer: Answer<Vec<TmuxServerView>>,
    },
    /// Have tmux servers make their sockets anew: that of this socket, or all that lost theirs.
    RepairTmux {
        socket: Option<PathBuf>,
        answer: Answer<Vec<TmuxRepaired>>,
    },
    /// A client tells that a shell has begun.
    Track(Box<TrackOrder>, Answer<Arc<Session>>),
    /// A client tells that its shell is over.
    TrackEnd {
        end: Box<TrackEnd>,
        verified: bool,
        answer: Answer<SessionId>,
    },
    /// A client tells that its shell lives; answered by what has become of the session.
    Heartbeat {
        session_id: String,
        verified: bool,
        answer: Answer<TrackStatus>,
    },
    /// Close the record of a reported session whose end was never heard.
    EndRecord {
        session_id: SessionId,
        by: Requester,
        answer: Answer<()>,
    },
    /// Read the settings again.
    Reload {
        answer: Answer<()>,
    },
    /// End the daemon; sessions go on.
    StopDaemon {
        answer: Answer<()>,
    },
}
