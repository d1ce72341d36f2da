//! The recording's own thread: the child waits for no disk, and what a disk does not take is
//! marked.
//!
//! Between the two stands a queue with a bound. While it is full the holder leaves the
//! child's output alone, as long as the disk gets on; once it stands still, output is
//! dropped and counted until there is room again.

mod deck;
mod queue;

use std::{
    os::fd::{AsFd, BorrowedFd},
    path::PathBuf,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use wk_model::OutputGap;
use wk_recording::{Header, Options, Stream};

use self::{
    deck::Deck,
    queue::{Command, Queue},
};
use super::clock;

/// Bytes on their way to the disk.
const MAX_QUEUED: usize = 1 << 20;

/// Output that is taken in at a time.
pub(crate) const MAX_BATCH: usize = 64 << 10;

/// How long a disk may stand still before output is dropped.
const PATIENCE: Duration = Duration::from_secs(1);

const TOO_SLOW: &str = "the disk was too slow";

/// What the thread needs: its deepest calls read a directory and format a message.
const STACK: usize = 128 << 10;

/// A recording that is being written.
#[derive(Debug)]
pub(crate) struct Tape {
    queue: Arc<Queue>,
    limit: usize,
    /// Since when there was no room, and what had been done by then.
    full: Option<(Instant, u64)>,
    /// Bytes that were dropped here.
    dropped: u64,
    dropping: bool,
}

/// How the recording stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// Bytes on disk.
    pub(crate) bytes: u64,
    pub(crate) gaps: u64,
    /// A gap that is over, or that will never be.
    pub(crate) gap: Option<OutputGap>,
    /// All has been done that will be.
    pub(crate) done: bool,
}

impl Tape {
    /// Starts to record in `folder`.
    pub(crate) fn start(
        folder: PathBuf,
        header: Header,
        options: Options,
        mask: bool,
    ) -> std::io::Result<Self> {
        // A checkpoint can only be asked for once per queue: it must be small beside a segment.
        let limit = MAX_QUEUED.min((options.max_size / 16) as usize).max(4096);
        let queue = Arc::new(Queue::new()?);
        let deck = Deck::new(folder, header, options, mask);
        let theirs = Arc::clone(&queue);
        thread::Builder::new().stack_size(STACK).spawn(move || deck::run(&theirs, deck))?;
        Ok(Self { queue, limit, full: None, dropped: 0, dropping: false })
    }

    /// Bytes that should be handed over at a time.
    pub(crate) fn batch(&self) -> usize {
        MAX_BATCH.min(self.limit)
    }

    /// An empty buffer for what comes next.
    pub(crate) fn buffer(&self) -> Vec<u8> {
        self.queue.spare().unwrap_or_default()
    }

    /// Records output, or counts it as lost.
    pub(crate) fn output(&mut self, stream: Stream, bytes: Vec<u8>) {
        if self.dropping {
            if self.queue.bytes() > self.limit / 2 {
                self.dropped += bytes.len() as u64;
                return;
            }
            self.end_dropping();
        }
        if !bytes.is_empty() {
            self.queue.push(Command::Output { stream, bytes, at: clock::stamp() });
        }
    }

    /// Records another size of the terminal.
    pub(crate) fn resize(&self, cols: u16, rows: u16) {
        self.queue.push(Command::Resize { cols, rows, at: clock::stamp() });
    }

    /// Whether a new segment should begin here.
    pub(crate) fn wants_checkpoint(&self) -> bool {
        !self.dropping && self.queue.wants_checkpoint()
    }

    /// Begins a new segment with what the screen shows now.
    pub(crate) fn rotate(&self, checkpoint: Vec<u8>, cols: u16, rows: u16) {
        self.queue.push(Command::Rotate { checkpoint, cols, rows, at: clock::stamp() });
    }

    /// Ends the recording; [`Report::done`] tells when it is on the disk.
    pub(crate) fn end(&mut self, status: i32) {
        self.end_dropping();
        self.queue.push(Command::End { status, at: clock::stamp() });
    }

    /// Whether the child's output should be read. To be asked before each wait.
    pub(crate) fn has_room(&mut self, now: Instant) -> bool {
        if self.dropping || self.queue.has_room(self.limit) {
            self.full = None;
            return true;
        }
        let done = self.queue.done_commands();
        match self.full {
            Some((_, before)) if before == done => {}
            _ => self.full = Some((now, done)),
        }
        false
    }

    /// When patience with the disk ends.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.full.map(|(since, _)| since + PATIENCE)
    }

    /// Gives the disk up for now, if its time is over.
    pub(crate) fn on_time(&mut self, now: Instant) {
        if let Some((since, before)) = self.full
            && now >= since + PATIENCE
        {
            self.dropping = before == self.queue.done_commands();
            self.full = None;
        }
    }

    /// How the recording stands; a gap is reported once.
    pub(crate) fn report(&self) -> Report {
        self.queue.report()
    }

    /// Makes the descriptor quiet until there is something new.
    pub(crate) fn hush(&self) {
        self.queue.hush();
    }

    fn end_dropping(&mut self) {
        self.dropping = false;
        if self.dropped > 0 {
            let (bytes, at) = (self.dropped, clock::stamp());
            self.queue.push(Command::Gap { bytes, why: TOO_SLOW, at });
            self.dropped = 0;
        }
    }
}

/// Readable when there is something new to see.
impl AsFd for Tape {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.bell()
    }
}
