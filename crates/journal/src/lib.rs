//! The append-only event log in SQLite, and the sessions folded from it.
//!
//! Owns `journal.db`: takes events in (once per source and number), makes them durable, folds
//! them into sessions, lists those, and hands events on to subscribers. What events mean is
//! the model's; what to do about them is decided elsewhere.
//!
//! ```text
//! append ─▶ channel ─▶ writer thread ─▶ commit ─▶ memory ─▶ subscribers, then the caller
//!                                         └─ sessions, past, …: folded, can be made again
//! ```
//!
//! Invariants: nobody is told of an event before it is on disk; an event is never changed; a
//! batch is taken whole or not at all; replaying the events gives the sessions that are shown.

mod analytics;
mod clock;
mod error;
mod filter;
mod find;
mod fold;
mod inbox;
mod intake;
mod latest;
mod memory;
mod open;
mod past;
mod query;
mod rebuild;
mod refold;
mod resolve;
mod retention;
mod row;
mod schema;
mod stats;
mod stored;
mod strips;
mod subscribe;
mod tally;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tokens;
mod tool_events;
mod verdicts;
mod writer;

use std::{
    fmt,
    path::Path,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{mpsc, oneshot, watch};
use wk_model::{Draft, Seq, Session, Time};

pub use analytics::{Analytics, AnalyticsBy, AnalyticsQuery, Bucket, Cell};
pub use error::JournalError;
pub use intake::Taken;
pub use open::Opened;
pub use query::{Page, SessionQuery, SessionType};
pub use rebuild::RebuildReport;
pub use resolve::Resolved;
pub use retention::Trimmed;
pub use stats::{GroupBy, Numbers, Stats, StatsQuery};
pub use stored::KNOWN as KNOWN_KINDS;
pub use subscribe::{EventQuery, Subscription};
pub use tally::Tally;
pub use tool_events::{ToolEnd, ToolEvent};
pub use verdicts::Judged;

use crate::{
    error::Result,
    inbox::{Batch, Message},
    intake::Prepared,
    memory::Memory,
};

/// Batches that may wait for the writer; more make their senders wait.
const INBOX: usize = 256;

/// A handle on the open journal; clones share it. The writer ends with the last of them.
#[derive(Clone, Debug)]
pub struct Journal {
    inbox: mpsc::Sender<Message>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    id: JournalId,
    first: Arc<AtomicU64>,
    last: watch::Receiver<Seq>,
    memory: Arc<Memory>,
}

/// Names one journal file, so that a place in it is not taken for a place in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JournalId(u64);

impl Journal {
    /// Opens the journal at `path` or begins it. The directory must be there.
    ///
    /// A damaged journal is set aside under another name and a new one begun, which says so in
    /// its first event: the caller then takes in again what the session folders tell.
    pub fn open(path: &Path) -> Result<Opened> {
        open::open(path)
    }

    /// Takes in all drafts or none; returns when they are on disk.
    pub async fn append(&self, drafts: Vec<Draft>) -> Result<Vec<Taken>> {
        let (message, answer) = prepare(drafts)?;
        self.inbox.send(message).await.map_err(|_| JournalError::Closed)?;
        answer.await.map_err(|_| JournalError::Closed)?
    }

    /// `append` for callers outside of async code; panics within it.
    pub fn append_blocking(&self, drafts: Vec<Draft>) -> Result<Vec<Taken>> {
        let (message, answer) = prepare(drafts)?;
        self.inbox.blocking_send(message).map_err(|_| JournalError::Closed)?;
        answer.blocking_recv().map_err(|_| JournalError::Closed)?
    }

    /// All sessions that have not ended, from memory, in no order.
    pub fn live(&self) -> Vec<Arc<Session>> {
        self.shared.memory.living()
    }

    /// The newest event; 0 where there is none.
    pub fn last(&self) -> Seq {
        *self.shared.last.borrow()
    }

    /// The oldest event that is kept; 1 before anything was trimmed.
    pub fn first(&self) -> Seq {
        Seq(self.shared.first.load(Ordering::Acquire))
    }

    /// Which journal this is.
    pub fn id(&self) -> JournalId {
        self.shared.id
    }

    /// Folds all sessions again from their events and puts right what differs. Nothing is
    /// taken in meanwhile.
    pub async fn rebuild(&self) -> Result<RebuildReport> {
        let (reply, answer) = oneshot::channel();
        self.inbox.send(Message::Rebuild(reply)).await.map_err(|_| JournalError::Closed)?;
        answer.await.map_err(|_| JournalError::Closed)?
    }

    /// Forgets events that were recorded before `before`, a bounded number of them at once.
    ///
    /// Sessions that live, or have ended since, stay as they are; those that ended before are
    /// known no more. Subscribers that had not read what is trimmed are told.
    pub async fn trim(&self, before: Time) -> Result<Trimmed> {
        let (reply, answer) = oneshot::channel();
        let message = Message::Trim { before, reply };
        self.inbox.send(message).await.map_err(|_| JournalError::Closed)?;
        answer.await.map_err(|_| JournalError::Closed)?
    }

    /// How many events `trim` would forget.
    pub fn trimmable(&self, before: Time) -> Result<u64> {
        self.shared.memory.read(|connection| retention::count(connection, before))
    }

    /// Finishes what was asked before, empties the write-ahead log and lets go of the file.
    /// Other handles are told that the journal is closed.
    pub async fn close(self) {
        let (reply, answer) = oneshot::channel();
        if self.inbox.send(Message::Close(reply)).await.is_ok() {
            // An error means that the writer has ended, which is what was asked for.
            let _ = answer.await;
        }
    }
}

fn prepare(drafts: Vec<Draft>) -> Result<(Message, oneshot::Receiver<Result<Vec<Taken>>>)> {
    let drafts = drafts.into_iter().map(Prepared::new).collect::<Result<_>>()?;
    let (reply, answer) = oneshot::channel();
    Ok((Message::Append(Batch { drafts, reply }), answer))
}

impl fmt::Display for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for JournalId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match u64::from_str_radix(text, 16) {
            Ok(id) if digits => Ok(Self(id)),
            _ => Err(format!("`{}` is not a journal id", text.escape_debug())),
        }
    }
}
