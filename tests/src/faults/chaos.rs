//! Daemons and the witness are killed while sessions die.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::suite::kill_witness;
use crate::TestDaemon;

/// A witness that was killed is back, and known to all daemons, after this.
const RETURN: Duration = Duration::from_secs(3);

/// What is common to all lanes.
#[derive(Clone, Debug)]
pub struct Chaos {
    dice: Arc<AtomicU64>,
    witness: Option<PathBuf>,
    /// When the witness was killed last.
    blinded: Arc<Mutex<Option<Instant>>>,
}

/// What was killed while a session died.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Struck {
    pub daemon: bool,
    pub witness: bool,
}

impl Struck {
    pub fn shown(self) -> &'static str {
        match (self.daemon, self.witness) {
            (false, false) => "nothing",
            (true, false) => "the daemon",
            (false, true) => "the witness",
            (true, true) => "both",
        }
    }
}

impl Chaos {
    pub(super) fn new(seed: u64, witness: Option<&Path>) -> Self {
        let dice = Arc::new(AtomicU64::new(seed));
        Self { dice, witness: witness.map(Path::to_owned), blinded: Arc::default() }
    }

    /// A number below `limit`.
    fn roll(&self, limit: u64) -> u64 {
        // The constants of SplitMix64: lanes share the state, and each step is one addition.
        let mut mixed = self.dice.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    /// Kills now and then, a moment from now; answers whether the daemon was hit.
    pub(super) async fn strike(&self, daemon: &TestDaemon) -> bool {
        let (at_daemon, at_witness) = (self.roll(4) == 0, self.roll(12) == 0);
        if !at_daemon && !at_witness {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(self.roll(300))).await;
        if let Some(folder) = self.witness.as_deref().filter(|_| at_witness) {
            *self.blinded() = Some(Instant::now());
            kill_witness(folder);
        }
        if at_daemon {
            daemon.kill().await;
            tokio::time::sleep(Duration::from_millis(self.roll(500))).await;
            daemon.ok(["daemon", "start"]).await;
        }
        at_daemon
    }

    /// Whether the witness was not there for a while since then.
    pub(super) fn was_blind_since(&self, since: Instant) -> bool {
        self.blinded().is_some_and(|blinded| blinded + RETURN > since)
    }

    fn blinded(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.blinded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
