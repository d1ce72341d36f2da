//! What the machine itself knows of an end: evidence that needs no witness.
//!
//! | source | tells | needs |
//! |---|---|---|
//! | kernel's log | OOM kills, faults, forbidden calls | `CAP_SYSLOG`, or `dmesg_restrict=0` |
//! | OOM counter of its cgroup | that one of its processes was chosen | a baseline from before |
//! | process connector | how any process ended | Linux 6.6, or `CAP_NET_ADMIN`; heard only where pidfds do not tell |
//! | pidfd | how a process ended that others waited for | Linux 6.15, a baseline from before |
//! | systemd's journal | units stopped, OOM daemons, logins that ended | systemd |
//! | audit log | forbidden calls | the superuser |
//! | last lines, free disk | a full heap, a full disk | – |
//!
//! Nothing is decided here, and nothing waits longer than the caller's patience.

pub mod audit_log;
mod baseline;
mod disk;
mod ends;
pub mod host;
pub mod kernel_log;
pub mod oom_counter;
pub mod pidfd;
pub mod proc_connector;
pub mod screen;
pub mod unit_log;

#[cfg(test)]
mod tests;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};
use wk_holder::host::boot_id;
use wk_judges::autopsy::{Fact, LogNote, ScreenNote, What};
use wk_model::{Ending, Moment, ProcessId, Time};

use self::kernel_log::{KernelLog, Noted};
pub use self::{baseline::Baseline, disk::DiskLook, ends::Ends};

/// Facts of one look; an end has few.
const MOST: usize = 200;

/// Log clocks differ a little from ours.
const SLACK_NS: u64 = 2_000_000_000;

/// Within this time before an end, what happened to others may matter.
const NEARBY_NS: u64 = 10_000_000_000;

/// Whose end is looked into.
#[derive(Clone, Debug)]
pub struct About {
    /// Processes that are known to have been part of it.
    pub processes: Vec<ProcessId>,
    /// What was kept of them at the start.
    pub baselines: Vec<Arc<Baseline>>,
    /// As `/proc/PID/cgroup` had it.
    pub cgroup: Option<String>,
    /// When the attempt began.
    pub since: Moment,
    /// When it ended, or was found to have.
    pub until: Moment,
    pub uid: Option<u32>,
    pub working_directory: Option<String>,
    pub last_lines: Option<String>,
    pub ending: Ending,
    /// What cannot be had within this time is left out.
    pub patience: Duration,
}

/// The machine's own evidence.
#[derive(Debug, Default)]
pub struct System {
    kernel_log: Mutex<Option<Result<KernelLog, String>>>,
    disk: DiskLook,
    ends: Arc<Ends>,
}

/// Patience for a first, quick look.
pub const QUICK: Duration = Duration::from_millis(100);

impl System {
    pub fn new() -> Self {
        Self::default()
    }

    /// Where ends are kept that the process connector tells.
    pub fn ends(&self) -> Arc<Ends> {
        self.ends.clone()
    }

    /// What is to be kept of a process from its beginning.
    pub fn baseline(process: &ProcessId) -> Baseline {
        Baseline::of(process)
    }

    /// Everything that the machine tells of an end, in order of time. Blocks, for no longer than
    /// about `about.patience`.
    pub fn facts(&self, about: &About) -> Vec<Fact> {
        if about.until.boot != boot_id() {
            // The machine knows nothing of what it was before.
            return of_screen(about).collect();
        }
        let deadline = Instant::now() + about.patience;
        let mut facts = self.of_kernel_log(about, deadline);
        let quiet = self.missing().is_empty() && !facts.iter().any(is_oom_kill);
        let kept = about.baselines.iter().flat_map(|kept| kept.facts(about.until, &self.ends));
        // Where the kernel's log tells of no kill nearby, the counter has risen at another time.
        facts.extend(kept.filter(|fact| !quiet || !matches!(fact.what, What::OomCounter { .. })));
        facts.extend(of_audit_log(about));
        facts.extend(of_screen(about));
        facts.extend(self.of_disk(about, deadline));
        facts.extend(of_units(about, deadline));
        facts.sort_by_key(|fact| fact.at.boot_ns);
        let excess = facts.len().saturating_sub(MOST);
        facts.drain(..excess);
        facts
    }

    /// What cannot be read here, and why: a sentence each.
    pub fn missing(&self) -> Vec<String> {
        let mut log = self.log();
        let opened = log.get_or_insert_with(KernelLog::open);
        opened.as_ref().err().cloned().into_iter().collect()
    }

    fn of_kernel_log(&self, about: &About, deadline: Instant) -> Vec<Fact> {
        let mut log = self.log();
        let Ok(log) = log.get_or_insert_with(KernelLog::open) else { return Vec::new() };
        if let Err(error) = log.catch_up(deadline) {
            tracing::debug!(%error, "cannot read the kernel's log on");
        }
        let since = about.since.boot_ns.saturating_sub(SLACK_NS);
        let until = about.until.boot_ns.saturating_add(SLACK_NS);
        let near = about.until.boot_ns.saturating_sub(NEARBY_NS);
        let noted = log.between(since.min(near), until);
        let noted = noted.filter(|noted| noted.boot_ns >= near || about.is_of(noted));
        let fact = |noted: &Noted| Fact {
            at: moment(about, noted.boot_ns),
            source: "kernel log".into(),
            what: What::Log(noted.note.clone()),
        };
        noted.map(fact).collect()
    }

    fn of_disk(&self, about: &About, deadline: Instant) -> Option<Fact> {
        // A disk is full for all; it matters to one that had failed.
        if matches!(about.ending, Ending::Exited { code: 0 } | Ending::Rebooted) {
            return None;
        }
        let path = about.working_directory.as_deref()?;
        let left = deadline.saturating_duration_since(Instant::now());
        let bytes = self.disk.free(Path::new(path), left)?;
        let note = ScreenNote::DiskFree { path: path.to_owned(), bytes };
        Some(Fact { at: about.until, source: "disk".into(), what: What::Screen(note) })
    }

    fn log(&self) -> MutexGuard<'_, Option<Result<KernelLog, String>>> {
        self.kernel_log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The kernel's version: its first two numbers.
fn release() -> (u32, u32) {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// The clock of logs and of the process connector stands still while the machine sleeps, the boot-time clock does not.
fn suspended_ns() -> u64 {
    let ns = |clock| {
        let now = clock_gettime(clock);
        now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
    };
    let monotonic = ns(ClockId::Monotonic);
    ns(ClockId::Boottime).saturating_sub(monotonic)
}

impl About {
    /// Whether a note is about one of its processes, and not about an earlier one of the number.
    fn is_of(&self, noted: &Noted) -> bool {
        let pid = match &noted.note {
            LogNote::KernelOom { pid, .. }
            | LogNote::KernelFault { pid, .. }
            | LogNote::Seccomp { pid, .. } => *pid,
            _ => return false,
        };
        let ticks = rustix::param::clock_ticks_per_second().max(1);
        let start_ns = |process: &ProcessId| {
            u128::from(process.start_time) * 1_000_000_000 / u128::from(ticks)
        };
        let lived = u128::from(noted.boot_ns.saturating_add(SLACK_NS));
        let mut own = self.processes.iter().filter(|process| process.pid == pid);
        own.any(|process| process.boot == self.until.boot && start_ns(process) <= lived)
    }

    /// Whether a unit of systemd's is one that it lived in.
    fn lived_in(&self, unit: &str) -> bool {
        let kept = self.baselines.iter().flat_map(|kept| &kept.groups);
        let mut groups = self.cgroup.iter().chain(kept);
        groups.any(|group| group.split('/').any(|part| part == unit))
    }

    fn knows_its_groups(&self) -> bool {
        let mut kept = self.baselines.iter().flat_map(|kept| &kept.groups);
        self.cgroup.is_some() || kept.next().is_some()
    }
}

fn is_oom_kill(fact: &Fact) -> bool {
    matches!(fact.what, What::Log(LogNote::KernelOom { .. }))
}

fn of_audit_log(about: &About) -> impl Iterator<Item = Fact> {
    let lines = audit_log::read_file().into_iter();
    lines.filter_map(|line| {
        let boot_ns = boot_ns(about, line.time)?;
        let noted = Noted { boot_ns, note: line.note };
        let at = moment(about, boot_ns);
        about.is_of(&noted).then(|| Fact {
            at,
            source: "audit log".into(),
            what: What::Log(noted.note),
        })
    })
}

fn of_screen(about: &About) -> impl Iterator<Item = Fact> {
    let notes = screen::read(about.last_lines.as_deref().unwrap_or_default()).into_iter();
    let at = about.until;
    notes.map(move |note| Fact { at, source: "last output".into(), what: What::Screen(note) })
}

fn of_units(about: &About, deadline: Instant) -> Vec<Fact> {
    // Lines are written before the end that they announce, or a little after it.
    let since = about.until.time.as_millis().saturating_sub((NEARBY_NS / 1_000_000) as i64);
    let until = about.until.time.plus_millis(SLACK_NS / 1_000_000);
    let lines = unit_log::read(Time::from_millis(since), until, deadline);
    lines.into_iter().filter_map(|line| of_unit(about, line)).collect()
}

fn of_unit(about: &About, line: unit_log::Journalled) -> Option<Fact> {
    let note = match line.note {
        LogNote::UnitStopped { ref unit, .. } if !about.lived_in(unit) => return None,
        LogNote::LoggedOut { text, .. } => {
            // Another login of the same user may end at any time.
            let scope = format!("session-{}.scope", line.login?);
            if about.knows_its_groups() && !about.lived_in(&scope) {
                return None;
            }
            let uid = about.uid.filter(|_| about.knows_its_groups());
            LogNote::LoggedOut { uid, text }
        }
        note => note,
    };
    let at = moment(about, boot_ns(about, line.time)?);
    Some(Fact { at, source: "systemd's journal".into(), what: What::Log(note) })
}

/// A wall-clock time near the end, by the boot-time clock; none where it was not near.
fn boot_ns(about: &About, time: Time) -> Option<u64> {
    let ms = time.as_millis().checked_sub(about.until.time.as_millis())?;
    let near = ms <= (SLACK_NS / 1_000_000) as i64;
    near.then(|| about.until.boot_ns.saturating_add_signed(ms.saturating_mul(1_000_000)))
}

/// A moment of the boot in which it ended.
fn moment(about: &About, boot_ns: u64) -> Moment {
    let ns = i128::from(boot_ns) - i128::from(about.until.boot_ns);
    let ms = i64::try_from(ns.div_euclid(1_000_000)).unwrap_or(0);
    let time = Time::from_millis(about.until.time.as_millis().saturating_add(ms));
    Moment { time, boot: about.until.boot, boot_ns }
}
