//! Runs ways to die in several lanes, in an order that a seed gives.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::{Chaos, Lane, Tally, Way, ways};

/// What to run.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The program that misbehaves.
    pub misbehave: PathBuf,
    /// The folder of the witness's socket; none: nobody looks on.
    pub witness: Option<PathBuf>,
    /// How often each way happens.
    pub times: usize,
    /// Daemons, each with one death at a time.
    pub lanes: usize,
    pub seed: u64,
    /// Only ways whose name has this in it.
    pub only: Option<String>,
    /// And none whose name has this in it.
    pub except: Option<String>,
    /// Whether daemons and the witness are killed meanwhile.
    pub chaos: bool,
}

impl Suite {
    /// Lets everything happen; `told` hears of each run that is not right.
    pub async fn run(&self, told: fn(&super::Run)) -> Tally {
        let waiting = Arc::new(Mutex::new(VecDeque::from(self.order())));
        let tally = Arc::new(Mutex::new(Tally::default()));
        let mut lanes = tokio::task::JoinSet::new();
        let chaos = self.chaos.then(|| Chaos::new(self.seed, self.witness.as_deref()));
        for _ in 0..self.lanes {
            let (waiting, tally, chaos) = (waiting.clone(), tally.clone(), chaos.clone());
            let (misbehave, witness) = (self.misbehave.clone(), self.witness.clone());
            lanes.spawn(async move {
                let lane = Lane::start(&misbehave, witness.as_deref(), chaos).await;
                loop {
                    let next = lock(&waiting).pop_front();
                    let Some(way) = next else { break };
                    let runs = lane.happen(&way).await;
                    runs.iter()
                        .filter(|run| run.skipped.is_none() && !run.is_right())
                        .for_each(told);
                    lock(&tally).add(runs);
                }
                let audit = lane.audit().await;
                lock(&tally).add_audit(audit);
            });
        }
        while let Some(lane) = lanes.join_next().await {
            if let Err(error) = lane {
                std::panic::resume_unwind(error.into_panic());
            }
        }
        std::mem::take(&mut *lock(&tally))
    }

    /// Each way as often as it is to happen, shuffled.
    fn order(&self) -> Vec<Way> {
        let has = |way: &Way, part: &str| way.name.contains(part);
        let wanted = |way: &Way| {
            self.only.as_deref().is_none_or(|only| has(way, only))
                && self.except.as_deref().is_none_or(|except| !has(way, except))
        };
        let ways: Vec<Way> = ways().into_iter().filter(wanted).collect();
        let mut order: Vec<Way> = (0..self.times).flat_map(|_| ways.iter().copied()).collect();
        let mut state = self.seed | 1;
        for last in (1..order.len()).rev() {
            // Knuth's constants for a 64-bit generator; the high bits are the good ones.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let other = usize::try_from(state >> 33).unwrap_or(0) % (last + 1);
            order.swap(last, other);
        }
        order
    }
}

/// Ends the witness that the daemons of a folder have started, and takes away what it has left in
/// the kernel.
pub fn end_witness(folder: &Path) {
    kill_witness(folder);
    let program = crate::wk_program().with_file_name("wk-witness");
    let _ = std::process::Command::new(program).arg("--remove").arg("--dir").arg(folder).output();
}

/// Kills the witness of a folder; what it has left in the kernel stays.
pub(super) fn kill_witness(folder: &Path) {
    let ours = |pid: u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        words.first().is_some_and(|program| program.ends_with(b"wk-witness"))
            && words.contains(&folder.as_os_str().as_encoded_bytes())
    };
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    for pid in pids.filter(|pid| ours(*pid)) {
        let Ok(watch) = crate::Watch::open(pid) else { continue };
        // Asked again: the number may have passed on before it was opened.
        if ours(pid) {
            watch.kill();
            watch.ends_within(std::time::Duration::from_secs(5));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
