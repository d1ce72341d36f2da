//! What waits for the writer.

use tokio::sync::{mpsc, oneshot};
use wk_model::Time;

use crate::{
    error::Result,
    intake::{Prepared, Taken},
    rebuild::RebuildReport,
    retention::Trimmed,
};

/// Events in one transaction, unless a single batch has more.
const GROUP: usize = 4096;

/// What the writer can be asked for.
#[derive(Debug)]
pub(crate) enum Message {
    Append(Batch),
    Rebuild(oneshot::Sender<Result<RebuildReport>>),
    Trim {
        before: Time,
        reply: oneshot::Sender<Result<Trimmed>>,
    },
    Close(oneshot::Sender<()>),
    #[cfg(test)]
    MaxPages(u32),
    #[cfg(test)]
    Panic,
}

/// Drafts that are taken all or none.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) drafts: Vec<Prepared>,
    pub(crate) reply: oneshot::Sender<Result<Vec<Taken>>>,
}

/// What callers sent.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) receiver: mpsc::Receiver<Message>,
    /// Came between batches, and has its turn after those before it.
    pub(crate) other: Option<Message>,
}

impl Inbox {
    /// Adds the batches that wait to a group; whether there were any.
    pub(crate) fn join(&mut self, group: &mut Vec<Batch>) -> bool {
        let before = group.len();
        let mut events: usize = group.iter().map(|batch| batch.drafts.len()).sum();
        while events < GROUP && self.other.is_none() {
            match self.receiver.try_recv() {
                Ok(Message::Append(batch)) => {
                    events += batch.drafts.len();
                    group.push(batch);
                }
                Ok(other) => self.other = Some(other),
                Err(_) => break,
            }
        }
        group.len() > before
    }
}
