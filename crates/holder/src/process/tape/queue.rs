//! What the holder and its recording thread share.

use std::{
    collections::VecDeque,
    io, mem,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustix::event::{EventfdFlags, eventfd};
use wk_recording::{Stamp, Stream};

use super::Report;

/// Buffers that wait to be filled again.
const MAX_SPARE: usize = 4;

/// After so much quiet, memory is given back.
const QUIET: Duration = Duration::from_millis(100);

/// One thing to record.
#[derive(Debug)]
pub(super) enum Command {
    Output { stream: Stream, bytes: Vec<u8>, at: Stamp },
    Resize { cols: u16, rows: u16, at: Stamp },
    Rotate { checkpoint: Vec<u8>, cols: u16, rows: u16, at: Stamp },
    Gap { bytes: u64, why: &'static str, at: Stamp },
    End { status: i32, at: Stamp },
}

impl Command {
    fn bytes(&self) -> usize {
        match self {
            Self::Output { bytes, .. } => bytes.len(),
            Self::Rotate { checkpoint, .. } => checkpoint.len(),
            Self::Resize { .. } | Self::Gap { .. } | Self::End { .. } => 0,
        }
    }
}

/// What the recording thread is to do next.
#[derive(Debug)]
pub(super) enum Next {
    Do(Command),
    /// Nothing came for a while.
    Rest,
}

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    work: Condvar,
    bell: OwnedFd,
    wants_checkpoint: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    commands: VecDeque<Command>,
    /// Bytes in them, and in the one that is being done.
    bytes: usize,
    done_commands: u64,
    spare: Vec<Vec<u8>>,
    report: Report,
    /// The holder waits until no more bytes than this are queued.
    waited_for: Option<usize>,
}

impl Queue {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            state: Mutex::default(),
            work: Condvar::new(),
            bell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            wants_checkpoint: AtomicBool::new(false),
        })
    }

    pub(super) fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    pub(super) fn push(&self, command: Command) {
        if matches!(command, Command::Rotate { .. }) {
            self.wants_checkpoint.store(false, Ordering::Relaxed);
        }
        let mut state = self.lock();
        state.bytes += command.bytes();
        state.commands.push_back(command);
        let sleeping = state.commands.len() == 1;
        drop(state);
        if sleeping {
            self.work.notify_one();
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Whether less than `limit` is queued; if not, the bell rings when half of it is gone.
    pub(super) fn has_room(&self, limit: usize) -> bool {
        let mut state = self.lock();
        let room = state.bytes < state.waited_for.unwrap_or(limit);
        state.waited_for = (!room).then_some(limit / 2);
        room
    }

    pub(super) fn done_commands(&self) -> u64 {
        self.lock().done_commands
    }

    pub(super) fn spare(&self) -> Option<Vec<u8>> {
        self.lock().spare.pop()
    }

    pub(super) fn wants_checkpoint(&self) -> bool {
        self.wants_checkpoint.load(Ordering::Relaxed)
    }

    pub(super) fn ask_for_checkpoint(&self) {
        self.wants_checkpoint.store(true, Ordering::Relaxed);
    }

    pub(super) fn hush(&self) {
        // A count that was read is a bell that is quiet again.
        let _ = rustix::io::read(&self.bell, &mut [0; 8]);
    }

    pub(super) fn report(&self) -> Report {
        let mut state = self.lock();
        let gap = state.report.gap.take();
        Report { gap, ..state.report.clone() }
    }

    /// Waits for work.
    pub(super) fn next(&self, rested: bool) -> Next {
        let mut state = self.lock();
        loop {
            if let Some(command) = state.commands.pop_front() {
                return Next::Do(command);
            }
            if rested {
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let waited = self.work.wait_timeout(state, QUIET);
            let timeout;
            (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            if timeout.timed_out() && state.commands.is_empty() {
                state.spare = Vec::new();
                state.commands.shrink_to(4);
                return Next::Rest;
            }
        }
    }

    /// Notes that a command is done, and takes its buffer back.
    pub(super) fn finish(&self, bytes: usize, buffer: Vec<u8>, note: impl FnOnce(&mut Report)) {
        let mut buffer = buffer;
        buffer.clear();
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_sub(bytes);
        state.done_commands += 1;
        if state.spare.len() < MAX_SPARE && buffer.capacity() > 0 {
            state.spare.push(mem::take(&mut buffer));
        }
        let had_news = state.report.has_news();
        note(&mut state.report);
        let drained = state.waited_for.is_some_and(|limit| state.bytes < limit);
        let ring = drained || (state.report.has_news() && !had_news);
        drop(state);
        if ring {
            // Its counter cannot overflow: the holder reads it long before.
            let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Report {
    fn has_news(&self) -> bool {
        self.gap.is_some() || self.done
    }
}
