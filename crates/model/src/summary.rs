//! What is left of a session's events when a journal forgets them.

use serde::{Deserialize, Serialize};

use crate::{BootId, Seq, Session};

/// A session as all events up to here had left it: a fold begins with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub session: Session,
    /// The last event that moved it; none where none had, or where another journal knew it.
    pub last: Option<LastMove>,
}

/// When an event happened and where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastMove {
    pub boot: BootId,
    pub boot_ns: u64,
    pub seq: Seq,
}
