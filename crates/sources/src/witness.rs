//! The link to the kernel's witness: what it tells, and what it is to watch.
//!
//! The link outlives its connection: whoever asks for a process to be watched is heard by every
//! later witness too, and what a witness recorded while nobody listened is told again.

mod link;
#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};
use wk_model::{Change, Moment, ProcessId, WitnessLost, WitnessStarted};

use self::link::Link;

/// What a witness tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// It is heard. Records follow, of before this moment too; some may have been told already.
    Started(WitnessStarted),
    Record {
        generation: String,
        number: u64,
        at: Moment,
        change: Change,
    },
    /// It is not heard any more, or has lost records.
    Lost(WitnessLost),
}

/// A witness looks on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looking {
    /// From when on: it may have begun before it was heard.
    pub since: Moment,
    pub generation: String,
    /// What cannot be seen on this kernel.
    pub missing: Vec<String>,
}

/// Asks a witness how it is, once.
pub async fn look(socket: &Path) -> Result<Looking, String> {
    link::connect(socket).await.map(|(_, looking)| looking)
}

/// Waits until the witness at a socket answers; false where that takes too long.
pub async fn until_heard(socket: &Path, within: Duration) -> bool {
    let (out, _nobody) = mpsc::channel(1);
    Witness::start(socket.to_owned(), out).until_heard(within).await
}

/// Asks the witness. Cheap to clone; the link ends with the last of them.
#[derive(Clone, Debug)]
pub struct Witness {
    shared: Arc<Shared>,
    orders: mpsc::UnboundedSender<Order>,
}

#[derive(Debug)]
enum Order {
    Watch(ProcessId),
    Unwatch(ProcessId),
    Sync(oneshot::Sender<()>),
}

/// What every connection begins with.
#[derive(Debug)]
struct Shared {
    roots: Mutex<HashSet<ProcessId>>,
    /// An error: why nobody looks on.
    state: watch::Sender<Result<Looking, String>>,
}

impl Shared {
    fn roots(&self) -> MutexGuard<'_, HashSet<ProcessId>> {
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Witness {
    /// Begins to look for the witness at `socket`, and never gives up. Call it within a tokio
    /// runtime.
    pub fn start(socket: PathBuf, out: mpsc::Sender<Report>) -> Self {
        let (orders, ordered) = mpsc::unbounded_channel();
        let state = watch::Sender::new(Err("it was not looked for yet".to_owned()));
        let shared = Arc::new(Shared { roots: Mutex::default(), state });
        tokio::spawn(Link::new(socket, shared.clone(), out).run(ordered));
        Self { shared, orders }
    }

    /// Has a process watched, and all below it. One that has ended is asked about.
    pub fn watch(&self, process: ProcessId) {
        if self.shared.roots().insert(process) {
            // The link ends only when nobody has a handle any more.
            let _ = self.orders.send(Order::Watch(process));
        }
    }

    pub fn unwatch(&self, process: ProcessId) {
        if self.shared.roots().remove(&process) {
            let _ = self.orders.send(Order::Unwatch(process));
        }
    }

    /// Waits until every record of before this call was given to `out`; false where that takes
    /// too long, or nobody looks on.
    pub async fn sync(&self, within: Duration) -> bool {
        let (done, synced) = oneshot::channel();
        if self.coverage().is_err() || self.orders.send(Order::Sync(done)).is_err() {
            return false;
        }
        matches!(timeout(within, synced).await, Ok(Ok(())))
    }

    /// Since when a witness looks on; an error says why none does.
    pub fn coverage(&self) -> Result<Looking, String> {
        self.shared.state.borrow().clone()
    }

    /// Waits until no witness is heard.
    pub async fn until_lost(&self) {
        // The sender lives as long as this does.
        let _ = self.shared.state.subscribe().wait_for(Result::is_err).await;
    }

    /// Waits until a witness is heard; false where that takes too long.
    pub async fn until_heard(&self, within: Duration) -> bool {
        let mut state = self.shared.state.subscribe();
        let heard = state.wait_for(Result::is_ok);
        matches!(timeout(within, heard).await, Ok(Ok(_)))
    }
}
