//! The words of the queue.

use serde::{Deserialize, Serialize};

use crate::{Requester, SessionId, Time};

/// The session waits for its turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queued {
    pub waits_for: WaitsFor,
}

/// What a queued session waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum WaitsFor {
    /// A free slot of all sessions together (`scope` is `overall`), or of a template's.
    Slot { scope: String },
    /// Another session must have ended well.
    Session { session_id: SessionId },
    /// Every instance of its template has an open circuit breaker.
    Breaker { template: String },
}

/// The session's turn has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Admitted {
    /// The attempt that may start.
    pub attempt: u32,
    /// Which instance of its template it runs with.
    pub instance: Option<String>,
}

/// Too many sessions failed on an instance: it gets none for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerOpened {
    pub template: String,
    pub instance: String,
    /// Then one session may try.
    pub until: Time,
}

/// An instance gets sessions again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerClosed {
    pub template: String,
    pub instance: String,
    /// Who said so; none: the session that tried was well.
    pub by: Option<Requester>,
}
