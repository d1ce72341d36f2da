//! How one limit is measured, and by whom.

use std::{
    fs,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    time::Instant,
};

use rustix::event::{EventfdFlags, PollFlags, eventfd};
use wk_holder::spec::Launch;
use wk_model::{LimitKind, Mechanism};

use super::{counter::Counter, margin, sample, watch::near};
use crate::process::{
    facts, launch,
    leaf::Leaf,
    tree::{self, Tree},
};

/// What of a cgroup's memory is only kept as long as nobody else needs it.
const CACHE_V1: [&str; 2] = ["total_inactive_file", "total_active_file"];
const CACHE_V2: [&str; 2] = ["inactive_file", "active_file"];

/// Where the daemon has made room for the attempt.
#[derive(Debug, Default)]
pub(crate) struct Leaves {
    /// In the cgroup v2 hierarchy, with whatever controllers it has.
    pub(crate) unified: Option<PathBuf>,
    /// In cgroup v1's.
    pub(crate) memory: Option<PathBuf>,
    pub(crate) pids: Option<PathBuf>,
}

/// What there is to see.
pub(super) struct Facts<'a> {
    pub(super) now: Instant,
    pub(super) started: Instant,
    pub(super) active_at: Instant,
    pub(super) output_bytes: u64,
    pub(super) tree: &'a Tree,
}

/// Who measures.
#[derive(Debug)]
pub(super) enum Meter {
    /// The holder, which sees it anyway.
    Own,
    /// The holder, by looking at the tree.
    Looking,
    MemoryV1(MemoryV1),
    MemoryV2(MemoryV2),
    CpuV2 {
        leaf: PathBuf,
        stat: Counter,
    },
    Tasks(Tasks),
}

/// It rings when usage passes the warning and the limit, in either direction.
#[derive(Debug)]
pub(super) struct MemoryV1 {
    leaf: PathBuf,
    usage: Counter,
    stat: Counter,
    bell: OwnedFd,
}

/// It rings when usage passes `memory.high`: at first the warning, then the limit.
#[derive(Debug)]
pub(super) struct MemoryV2 {
    leaf: PathBuf,
    current: Counter,
    stat: Counter,
    events: Counter,
    rung: u64,
    raised: bool,
}

/// The controller counts threads too: as long as those are few, so are the processes.
#[derive(Debug)]
pub(super) struct Tasks {
    leaf: PathBuf,
    mechanism: Mechanism,
    current: Counter,
    events: Counter,
    rung: u64,
    /// It has rung since the last look.
    refused: bool,
    /// What had been refused when it was braked.
    braked: Option<u64>,
    bound: u64,
}

impl Leaves {
    pub(crate) fn new(launch: &Launch) -> Self {
        let path = |text: &wk_model::OsText| launch::path(text).to_owned();
        Self {
            unified: launch.cgroup.as_ref().map(path),
            memory: launch.legacy_cgroups.memory.as_ref().map(path),
            pids: launch.legacy_cgroups.pids.as_ref().map(path),
        }
    }

    /// The leaves of cgroup v1.
    pub(crate) fn legacy(&self) -> impl Iterator<Item = Leaf> {
        [&self.memory, &self.pids].into_iter().flatten().map(|path| Leaf::new(path))
    }
}

impl Meter {
    /// The best that there is, with its bounds set.
    pub(super) fn new(limit: LimitKind, max: u64, leaves: &Leaves, by_kernel: bool) -> Self {
        let leaves = if by_kernel { leaves } else { &Leaves::default() };
        let unified = leaves.unified.as_deref();
        let found = match limit {
            LimitKind::Time | LimitKind::Idle | LimitKind::Output => Some(Self::Own),
            LimitKind::Memory => unified
                .and_then(|leaf| MemoryV2::new(leaf, max).map(Self::MemoryV2))
                .or_else(|| MemoryV1::new(leaves.memory.as_deref()?, max).map(Self::MemoryV1)),
            LimitKind::CpuTime => unified.and_then(|leaf| {
                let stat = Counter::open(&leaf.join("cpu.stat"))?;
                Some(Self::CpuV2 { leaf: leaf.to_owned(), stat })
            }),
            LimitKind::Processes => unified
                .and_then(|leaf| Tasks::new(leaf, max, Mechanism::CgroupV2))
                .or_else(|| Tasks::new(leaves.pids.as_deref()?, max, Mechanism::CgroupV1))
                .map(Self::Tasks),
        };
        found.unwrap_or(Self::Looking)
    }

    pub(super) fn mechanism(&self) -> Mechanism {
        match self {
            Self::Own => Mechanism::Holder,
            Self::Looking => Mechanism::Sampling,
            Self::MemoryV1(_) => Mechanism::CgroupV1,
            Self::MemoryV2(_) | Self::CpuV2 { .. } => Mechanism::CgroupV2,
            Self::Tasks(tasks) => tasks.mechanism,
        }
    }

    /// Looks instead, where the process lives outside of the leaf.
    pub(super) fn check(&mut self, pid: u32) {
        let leaf = match self {
            Self::Own | Self::Looking => return,
            Self::MemoryV1(MemoryV1 { leaf, .. })
            | Self::MemoryV2(MemoryV2 { leaf, .. })
            | Self::CpuV2 { leaf, .. }
            | Self::Tasks(Tasks { leaf, .. }) => leaf,
        };
        let inside = facts::is_in_cgroup(pid, leaf);
        // The dead are in no group of version 1.
        if !inside && tree::read(pid).is_some_and(|stat| !stat.is_dead()) {
            *self = Self::Looking;
        }
    }

    /// Whether it takes looking to know.
    pub(super) fn needs_looks(&self) -> bool {
        !matches!(self, Self::Own)
    }

    /// Whether the kernel tells, or at least sets a bound.
    pub(super) fn tells(&self) -> bool {
        matches!(self, Self::MemoryV1(_) | Self::MemoryV2(_) | Self::Tasks(_))
    }

    /// Whether memory has passed the point at which the kernel tells.
    pub(super) fn is_near(&self, max: u64) -> bool {
        let usage = match self {
            Self::MemoryV1(memory) => memory.usage.number(),
            Self::MemoryV2(memory) => memory.current.number(),
            _ => None,
        };
        usage.is_none_or(|usage| usage >= near(max))
    }

    /// Readable when there is something to look at.
    pub(super) fn bell(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match self {
            Self::MemoryV1(memory) => Some((memory.bell.as_fd(), PollFlags::IN)),
            Self::MemoryV2(memory) => Some((memory.events.as_fd(), PollFlags::PRI)),
            Self::Tasks(tasks) => Some((tasks.events.as_fd(), PollFlags::PRI)),
            Self::Own | Self::Looking | Self::CpuV2 { .. } => None,
        }
    }

    /// Hears the bell. True where it has rung.
    pub(super) fn hush(&mut self) -> bool {
        match self {
            Self::MemoryV1(memory) => rustix::io::read(&memory.bell, &mut [0; 8]).is_ok(),
            Self::MemoryV2(memory) => {
                let rung = memory.events.sum(&["high", "max", "oom"]);
                std::mem::replace(&mut memory.rung, rung) != rung
            }
            Self::Tasks(tasks) => {
                let rung = tasks.events.sum(&["max"]);
                let news = std::mem::replace(&mut tasks.rung, rung) != rung;
                tasks.refused |= news;
                news
            }
            Self::Own | Self::Looking | Self::CpuV2 { .. } => false,
        }
    }

    /// What is taken now.
    pub(super) fn read(&mut self, limit: LimitKind, facts: &Facts<'_>, max: u64) -> u64 {
        match self {
            Self::MemoryV1(memory) => memory.read(max),
            Self::MemoryV2(memory) => memory.read(max),
            Self::CpuV2 { stat, .. } => stat.sum(&["usage_usec"]) / 1000,
            Self::Tasks(tasks) => tasks.read(max),
            Self::Own | Self::Looking => look(limit, facts, max),
        }
    }

    /// Lets nothing more come to be of what is limited.
    pub(super) fn brake(&mut self) {
        if let Self::Tasks(tasks) = self {
            tasks.braked = tasks.braked.or(Some(tasks.events.sum(&["max"])));
            let _ = fs::write(tasks.leaf.join("pids.max"), "0");
        }
    }

    /// The most that was taken, where the kernel has killed for memory or refused a process.
    pub(super) fn killed_at(&self, max: u64) -> Option<u64> {
        let peak = |leaf: &Path, name| Counter::open(&leaf.join(name)).and_then(|c| c.number());
        match self {
            Self::MemoryV1(MemoryV1 { leaf, .. }) => {
                let kills = Counter::open(&leaf.join("memory.oom_control"))?.sum(&["oom_kill"]);
                (kills > 0).then(|| peak(leaf, "memory.max_usage_in_bytes").unwrap_or(0))
            }
            Self::MemoryV2(MemoryV2 { leaf, events, .. }) => {
                let kills = events.sum(&["oom_kill"]);
                (kills > 0).then(|| peak(leaf, "memory.peak").unwrap_or(0))
            }
            Self::Tasks(tasks) => (tasks.events.sum(&["max"]) > 0).then(|| tasks.most(max))?,
            _ => None,
        }
    }
}

fn look(limit: LimitKind, facts: &Facts<'_>, max: u64) -> u64 {
    let since = |at: Instant| facts.now.saturating_duration_since(at).as_millis() as u64;
    match limit {
        LimitKind::Time => since(facts.started),
        LimitKind::Idle => since(facts.active_at),
        LimitKind::Output => facts.output_bytes,
        LimitKind::Memory => sample::memory(facts.tree, near(max)),
        LimitKind::CpuTime => sample::cpu_ms(facts.tree),
        LimitKind::Processes => {
            // So many that there is no more asking; how many more does not matter.
            let enough = max.saturating_add(margin::processes(max)).saturating_add(1);
            facts.tree.pids(usize::try_from(enough).unwrap_or(usize::MAX)).len() as u64
        }
    }
}

impl MemoryV1 {
    fn new(leaf: &Path, max: u64) -> Option<Self> {
        let bound = max.saturating_add(margin::memory(max)).to_string();
        let usage = Counter::open(&leaf.join("memory.usage_in_bytes"))?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok()?;
        for threshold in [near(max), max.saturating_add(1)] {
            let (bell, usage) = (bell.as_raw_fd(), usage.as_fd().as_raw_fd());
            let order = format!("{bell} {usage} {threshold}");
            fs::write(leaf.join("cgroup.event_control"), order).ok()?;
        }
        fs::write(leaf.join("memory.limit_in_bytes"), &bound).ok()?;
        // Not every kernel counts swap.
        let _ = fs::write(leaf.join("memory.memsw.limit_in_bytes"), &bound);
        let stat = Counter::open(&leaf.join("memory.stat"))?;
        Some(Self { leaf: leaf.to_owned(), usage, stat, bell })
    }

    fn read(&self, max: u64) -> u64 {
        let usage = self.usage.number().unwrap_or(0);
        if usage < near(max) {
            return usage;
        }
        let swap = self.stat.sum(&["total_swap"]);
        usage.saturating_sub(self.stat.sum(&CACHE_V1)).saturating_add(swap)
    }
}

impl MemoryV2 {
    fn new(leaf: &Path, max: u64) -> Option<Self> {
        let bound = max.saturating_add(margin::memory(max)).to_string();
        let current = Counter::open(&leaf.join("memory.current"))?;
        let events = Counter::open(&leaf.join("memory.events"))?;
        let stat = Counter::open(&leaf.join("memory.stat"))?;
        fs::write(leaf.join("memory.max"), bound).ok()?;
        fs::write(leaf.join("memory.high"), near(max).to_string()).ok()?;
        // Where the kernel has to kill, it kills all of it.
        let _ = fs::write(leaf.join("memory.oom.group"), "1");
        Some(Self { leaf: leaf.to_owned(), current, stat, events, rung: 0, raised: false })
    }

    fn read(&mut self, max: u64) -> u64 {
        let current = self.current.number().unwrap_or(0);
        if current < near(max) {
            return current;
        }
        if !self.raised {
            // It has told; who is above it is slowed down.
            self.raised = fs::write(self.leaf.join("memory.high"), max.to_string()).is_ok();
        }
        let swap = Counter::open(&self.leaf.join("memory.swap.current"));
        let swap = swap.and_then(|swap| swap.number()).unwrap_or(0);
        current.saturating_sub(self.stat.sum(&CACHE_V2)).saturating_add(swap)
    }
}

impl Tasks {
    fn new(leaf: &Path, max: u64, mechanism: Mechanism) -> Option<Self> {
        let bound = max.saturating_add(margin::tasks(max));
        let current = Counter::open(&leaf.join("pids.current"))?;
        let events = Counter::open(&leaf.join("pids.events"))?;
        fs::write(leaf.join("pids.max"), bound.to_string()).ok()?;
        let leaf = leaf.to_owned();
        let (rung, refused, braked) = (0, false, None);
        Some(Self { leaf, mechanism, current, events, rung, refused, braked, bound })
    }

    fn read(&mut self, max: u64) -> u64 {
        if let Some(before) = self.braked {
            // What it would be by now: who is held and tries on does not listen.
            let tried = self.events.sum(&["max"]).saturating_sub(before);
            let processes = Leaf::new(&self.leaf).members().len() as u64;
            return if tried == 0 { processes } else { processes.max(max.saturating_add(tried)) };
        }
        let refused = std::mem::take(&mut self.refused);
        let tasks = self.current.number().unwrap_or(0);
        if tasks < near(max) && !refused {
            return tasks;
        }
        let members = Leaf::new(&self.leaf).members();
        let processes = members.len() as u64;
        if processes > max {
            return processes;
        }
        let high = self.bound.saturating_sub(margin::tasks(max) / 2);
        if (refused || tasks > high) && members.iter().map(|pid| threads(*pid)).sum::<u64>() > high
        {
            // They are threads, and those are not limited.
            self.bound = self.bound.saturating_mul(2);
            let _ = fs::write(self.leaf.join("pids.max"), self.bound.to_string());
        } else if refused {
            // It was a bomb, and most of it is dead already.
            return self.most(max).unwrap_or(processes);
        }
        processes
    }

    /// The most that there ever were, where that is above the limit: the bound of a group
    /// around this one refuses, too. Old kernels do not tell.
    fn most(&self, max: u64) -> Option<u64> {
        let peak = Counter::open(&self.leaf.join("pids.peak"))?.number();
        peak.filter(|peak| *peak > max)
    }
}

fn threads(pid: u32) -> u64 {
    fs::read_dir(format!("/proc/{pid}/task")).map_or(0, |tasks| tasks.count() as u64)
}
