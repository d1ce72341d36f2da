//! A link to one holder: listens to its bell, and asks it things.

use std::{collections::VecDeque, path::PathBuf, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use wk_holder::{
    protocol::{Reply, Request},
    record::{self, Entry},
};
use wk_model::{ProcessId, SessionId};

use super::{Launched, Wire};

/// A holder that is well answers in well under a millisecond.
const PATIENCE: Duration = Duration::from_secs(3);

/// More than the largest screen has, with all its history and colours.
const MAX_SCREEN: usize = 256 << 20;

/// What a link tells.
#[derive(Debug)]
pub enum Report {
    /// New entries of a holder's record, in order; never empty.
    Recorded { session_id: SessionId, attempt: u32, entries: Vec<Entry> },
    /// Its command was stopped, or goes on.
    Halted { session_id: SessionId },
    /// The connection is over: the holder has ended, or something cut it. Comes last.
    Cut { session_id: SessionId, attempt: u32, holder: ProcessId },
}

/// Why a holder did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("the session's holder has ended")]
    Ended,
    #[error("the session's holder does not answer; is it stopped?")]
    Silent,
    #[error("{0}")]
    Refused(String),
}

/// Asks the holder of one session. Cheap to clone.
#[derive(Clone, Debug)]
pub struct HolderLink {
    pub attempt: u32,
    pub socket: PathBuf,
    pub holder: ProcessId,
    asks: mpsc::Sender<Ask>,
}

#[derive(Debug)]
enum Ask {
    Request(Request, oneshot::Sender<Reply>),
    Activity(oneshot::Sender<()>),
}

impl HolderLink {
    /// Begins to listen to a holder. `taken` is the number of the last entry of its record
    /// that is in the journal.
    pub fn start(
        launched: Launched,
        folder: PathBuf,
        socket: PathBuf,
        taken: u64,
        out: mpsc::Sender<Report>,
    ) -> Self {
        let Launched { status, wire } = launched;
        let (asks, queue) = mpsc::channel(8);
        let link = Link {
            session_id: status.session_id,
            attempt: status.attempt,
            folder,
            taken,
            out,
            waiting: VecDeque::new(),
            watchers: Vec::new(),
            screen: Vec::new(),
        };
        let holder = status.holder;
        tokio::spawn(link.run(wire, queue, holder));
        Self { attempt: status.attempt, socket, holder, asks }
    }

    /// Whether the holder has ended, or was cut off: it can be asked nothing more.
    pub fn is_over(&self) -> bool {
        self.asks.is_closed()
    }

    /// Asks, and waits for the answer.
    pub async fn request(&self, request: Request) -> Result<Reply, LinkError> {
        let (answer, answered) = oneshot::channel();
        let asked = async {
            self.asks.send(Ask::Request(request, answer)).await.map_err(|_| LinkError::Ended)?;
            answered.await.map_err(|_| LinkError::Ended)
        };
        match timeout(PATIENCE, asked).await.map_err(|_| LinkError::Silent)?? {
            Reply::Refused(why) => Err(LinkError::Refused(why)),
            reply => Ok(reply),
        }
    }

    /// Watches for output: what comes after anything that is asked from now on is told.
    pub async fn activity(&self) -> Result<oneshot::Receiver<()>, LinkError> {
        let (seen, activity) = oneshot::channel();
        self.asks.send(Ask::Activity(seen)).await.map_err(|_| LinkError::Ended)?;
        Ok(activity)
    }
}

struct Link {
    session_id: SessionId,
    attempt: u32,
    folder: PathBuf,
    taken: u64,
    out: mpsc::Sender<Report>,
    /// Who waits for an answer, in the order of asking.
    waiting: VecDeque<oneshot::Sender<Reply>>,
    /// Who waits for output.
    watchers: Vec<oneshot::Sender<()>>,
    /// The beginning of a screen whose end is still to come.
    screen: Vec<u8>,
}

impl Link {
    async fn run(mut self, mut wire: Wire, mut asks: mpsc::Receiver<Ask>, holder: ProcessId) {
        // What was recorded before anybody listened.
        self.read_record().await;
        loop {
            tokio::select! {
                received = wire.receive() => match received {
                    Ok(Some(reply)) => self.hear(reply).await,
                    Ok(None) => break,
                    Err(error) => {
                        let session_id = self.session_id;
                        tracing::warn!(%session_id, %error, "a holder's connection broke");
                        break;
                    }
                },
                Some(ask) = asks.recv() => if let Err(error) = self.ask(&mut wire, ask).await {
                    tracing::debug!(session_id = %self.session_id, %error, "a holder went away");
                    break;
                },
            }
        }
        self.read_record().await;
        // Closed first: whoever hears of the cut finds the link over.
        asks.close();
        let (session_id, attempt) = (self.session_id, self.attempt);
        // Nobody listens: the daemon ends.
        let _ = self.out.send(Report::Cut { session_id, attempt, holder }).await;
    }

    async fn ask(&mut self, wire: &mut Wire, ask: Ask) -> Result<(), super::WireError> {
        match ask {
            Ask::Request(request, answer) => {
                self.waiting.push_back(answer);
                wire.send(&request).await
            }
            Ask::Activity(seen) => {
                let armed = !self.watchers.is_empty();
                self.watchers.retain(|watcher| !watcher.is_closed());
                self.watchers.push(seen);
                if armed {
                    return Ok(());
                }
                let (answer, _) = oneshot::channel();
                self.waiting.push_back(answer);
                wire.send(&Request::Arm).await
            }
        }
    }

    async fn hear(&mut self, reply: Reply) {
        match reply {
            Reply::Bell => self.read_record().await,
            Reply::Halted => {
                let _ = self.out.send(Report::Halted { session_id: self.session_id }).await;
            }
            Reply::Activity => {
                for watcher in self.watchers.drain(..) {
                    // A watcher that has left is no loss.
                    let _ = watcher.send(());
                }
            }
            Reply::ScreenPart(part) if self.screen.len() < MAX_SCREEN => self.screen.extend(part),
            Reply::ScreenPart(_) => {}
            mut answer => {
                if let Reply::Screen(end) = &mut answer
                    && !self.screen.is_empty()
                {
                    let beginning = std::mem::take(&mut self.screen);
                    *end = [beginning, std::mem::take(end)].concat();
                }
                if let Some(waiting) = self.waiting.pop_front() {
                    // An asker whose patience ended is gone.
                    let _ = waiting.send(answer);
                }
            }
        }
    }

    async fn read_record(&mut self) {
        let (session_id, attempt) = (self.session_id, self.attempt);
        let read = match record::read(&self.folder, attempt, self.taken) {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(%session_id, attempt, %error, "cannot read a holder's record");
                return;
            }
        };
        if read.malformed > 0 {
            let lines = read.malformed;
            tracing::warn!(%session_id, attempt, lines, "skipped lines of a holder's record");
        }
        let Some(last) = read.entries.iter().map(|entry| entry.number).max() else { return };
        self.taken = self.taken.max(last);
        let entries = read.entries;
        let _ = self.out.send(Report::Recorded { session_id, attempt, entries }).await;
    }
}
