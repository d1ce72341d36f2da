//! What the command left behind: asked to end, ended, and told of, one by one.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use wk_model::{Change, Orphan, ProcessId};

use super::{
    facts,
    outbox::Outbox,
    tree::{self, Tree},
};

/// The longest time to comply; the command itself has gone already.
const MAX_GRACE: Duration = Duration::from_secs(2);

/// What has not died of KILL by then belongs to another user, or hangs in the kernel.
const PATIENCE: Duration = Duration::from_secs(10);

const FIRST_LOOK: Duration = Duration::from_millis(2);
const LAST_LOOK: Duration = Duration::from_millis(50);

/// Processes that are told of; a bomb leaves more than anybody wants to read.
const MAX_TOLD: usize = 256;

/// Processes that outlived their session's leader.
#[derive(Clone, Debug)]
pub(crate) struct Leftovers {
    known: Vec<Leftover>,
    kill_at: Instant,
    give_up_at: Instant,
    look_at: Instant,
    pause: Duration,
    gone: bool,
}

#[derive(Clone, Debug)]
struct Leftover {
    orphan: Orphan,
    told: bool,
}

impl Leftovers {
    pub(crate) fn new(grace: Duration) -> Self {
        let now = Instant::now();
        let kill_at = now + grace.min(MAX_GRACE);
        let give_up_at = kill_at + PATIENCE;
        let (pause, gone) = (FIRST_LOOK, false);
        Self { known: Vec::new(), kill_at, give_up_at, look_at: now, pause, gone }
    }

    pub(crate) fn look_at(&self) -> Instant {
        self.look_at
    }

    pub(crate) fn are_gone(&self) -> bool {
        self.gone
    }

    /// Looks who lives, and moves on. Returns whether something was told.
    pub(crate) fn look(&mut self, now: Instant, tree: &Tree, outbox: &mut Outbox) -> bool {
        let living = tree.living();
        let told = self.tell_of_the_dead(&living, outbox);
        let new: Vec<_> = living.iter().copied().filter(|p| !self.knows(*p)).collect();
        for process in new.iter().take(MAX_TOLD.saturating_sub(self.known.len())) {
            self.known.push(Leftover { orphan: describe(*process), told: false });
        }
        if living.is_empty() {
            self.gone = true;
        } else if now >= self.give_up_at {
            self.give_up(outbox);
            return true;
        } else if now >= self.kill_at {
            self.note_signal(Signal::KILL);
            tree.kill();
        } else {
            self.note_signal(Signal::TERM);
            for process in new {
                // Gone by itself, or not ours to end: the next look tells.
                let _ = tree::send(process, Signal::TERM);
                let _ = tree::send(process, Signal::CONT);
            }
        }
        self.look_at = now + self.pause;
        self.pause = (self.pause * 2).min(LAST_LOOK);
        if self.look_at < self.kill_at && self.look_at + self.pause > self.kill_at {
            self.look_at = self.kill_at;
        }
        told
    }

    fn knows(&self, process: ProcessId) -> bool {
        self.known.iter().any(|known| known.orphan.process == process)
    }

    fn note_signal(&mut self, signal: Signal) {
        for known in self.known.iter_mut().filter(|known| !known.told) {
            known.orphan.signal = Some(signal.as_raw());
        }
    }

    fn tell_of_the_dead(&mut self, living: &[ProcessId], outbox: &mut Outbox) -> bool {
        let mut any = false;
        for known in self.known.iter_mut().filter(|known| !known.told) {
            if !living.contains(&known.orphan.process) {
                known.told = true;
                any = true;
                outbox.tell(Change::OrphanEnded(known.orphan.clone()));
            }
        }
        any
    }

    fn give_up(&mut self, outbox: &mut Outbox) {
        self.gone = true;
        for known in self.known.iter_mut().filter(|known| !known.told) {
            known.told = true;
            known.orphan.signal = None;
            outbox.tell(Change::OrphanFound(known.orphan.clone()));
        }
    }
}

fn describe(process: ProcessId) -> Orphan {
    let comm = tree::read(process.pid).map(|stat| stat.comm).unwrap_or_default();
    Orphan { process, comm, command: facts::arguments(process.pid), signal: None }
}
