//! Looks at a session's process tree through `/proc`.
//!
//! Orphans become children of the session's holder, since it is their subreaper: the tree below
//! the holder is the session, and the cgroup leaf adds those that left it. A look is no moment:
//! processes come and go while it is taken.

mod stat;

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
};

use wk_holder::host;
use wk_judges::health::{Blocked, Largest, Look};
use wk_model::{Liveness, ProcessId};

pub use stat::{ProcessUse, read_io};

use crate::cgroup;

/// Processes that one look takes in. A larger tree is seen in part.
const MAX_PROCESSES: usize = 4096;

/// Blocked processes that a look names.
const MAX_BLOCKED: usize = 8;

/// How a kernel's thread is marked (`PF_KTHREAD`).
const KERNEL_THREAD: u64 = 0x0020_0000;

/// Whose tree to look at.
#[derive(Clone, Debug)]
pub struct Target {
    pub holder: ProcessId,
    /// The session's own command.
    pub leader: ProcessId,
    /// The attempt's cgroup leaf.
    pub leaf: Option<PathBuf>,
}

/// Looks at trees, one after another.
#[derive(Debug)]
pub struct Sampler {
    page_bytes: u64,
    tick_ms: u64,
    /// Made once where the kernel keeps no lists of children.
    by_parent: Option<HashMap<u32, Vec<u32>>>,
}

impl Default for Sampler {
    fn default() -> Self {
        Self::new()
    }
}

impl Sampler {
    pub fn new() -> Self {
        let ticks = rustix::param::clock_ticks_per_second().max(1);
        Self {
            page_bytes: rustix::param::page_size() as u64,
            tick_ms: (1000 / ticks).max(1),
            by_parent: None,
        }
    }

    /// Looks at one tree; none where its holder is gone.
    pub fn look(&mut self, target: &Target) -> io::Result<Option<Look>> {
        let Target { holder, leader, leaf } = target;
        if holder.boot != host::boot_id() {
            return Ok(None);
        }
        let found = ProcessUse::read(holder.pid)?;
        let Some(found) = found.filter(|found| found.start_time == holder.start_time) else {
            return Ok(None);
        };
        // What the holder has waited for is the session's; what it uses itself is not.
        let mut look = Look {
            alive: Liveness::Dead,
            cpu_ms: found.waited_ticks.saturating_mul(self.tick_ms),
            ..Look::default()
        };
        let mut waiting = self.children(&found);
        if let Some(leaf) = leaf {
            waiting.extend(cgroup::processes(leaf).unwrap_or_default());
        }
        let seen = HashSet::from([holder.pid, std::process::id()]);
        self.walk(&mut look, waiting, seen, leader);
        Ok(Some(look))
    }

    /// Looks at processes that nobody of ours holds, and all below them. `leader` says whether
    /// that lives and runs.
    pub fn look_below(&mut self, roots: &[ProcessId], leader: &ProcessId) -> io::Result<Look> {
        let mut look = Look { alive: Liveness::Dead, ..Look::default() };
        let mut waiting = Vec::new();
        for root in roots {
            let found = ProcessUse::read(root.pid)?;
            if root.boot == host::boot_id()
                && found.is_some_and(|found| found.start_time == root.start_time)
            {
                waiting.push(root.pid);
            }
        }
        self.walk(&mut look, waiting, HashSet::from([std::process::id()]), leader);
        Ok(look)
    }

    /// Begins anew: what was remembered of all processes may be old by now.
    pub fn forget(&mut self) {
        self.by_parent = None;
    }

    /// Adds what waits to be looked at and all below it, but nothing that was seen.
    fn walk(
        &mut self,
        look: &mut Look,
        mut waiting: Vec<u32>,
        mut seen: HashSet<u32>,
        leader: &ProcessId,
    ) {
        while let Some(pid) = waiting.pop() {
            if seen.len() > MAX_PROCESSES || !seen.insert(pid) {
                continue;
            }
            // Gone in between, or none that may be looked at.
            let Ok(Some(process)) = ProcessUse::read(pid) else { continue };
            if process.flags & KERNEL_THREAD != 0 || is_holder(&process) {
                continue;
            }
            waiting.extend(self.children(&process));
            self.add(look, &process, leader);
        }
    }

    fn add(&self, look: &mut Look, process: &ProcessUse, leader: &ProcessId) {
        let cpu_ms = process.ticks.saturating_mul(self.tick_ms);
        let waited_ms = process.waited_ticks.saturating_mul(self.tick_ms);
        look.cpu_ms = look.cpu_ms.saturating_add(cpu_ms).saturating_add(waited_ms);
        if let Some((read, written)) = process.io() {
            look.read_bytes = Some(look.read_bytes.unwrap_or(0).saturating_add(read));
            look.write_bytes = Some(look.write_bytes.unwrap_or(0).saturating_add(written));
        }
        // A zombie has no memory and no files; its times are counted until it is waited for.
        if process.is_dead() {
            return;
        }
        let memory_bytes = process.resident_pages.saturating_mul(self.page_bytes);
        look.memory_bytes = look.memory_bytes.saturating_add(memory_bytes);
        look.processes += 1;
        if let Some(files) = process.open_files() {
            look.open_files = Some(look.open_files.unwrap_or(0).saturating_add(files));
        }
        if look.largest.as_ref().is_none_or(|largest| memory_bytes > largest.memory_bytes) {
            let comm = process.comm.clone();
            look.largest = Some(Largest { pid: process.pid, comm, memory_bytes });
        }
        if process.state == 'D' && look.blocked.len() < MAX_BLOCKED {
            let ProcessUse { pid, start_time, .. } = *process;
            look.blocked.push(Blocked { pid, start_time, comm: process.comm.clone(), cpu_ms });
        }
        if (process.pid, process.start_time) == (leader.pid, leader.start_time) {
            look.alive = Liveness::Alive;
            look.stopped = process.state == 'T';
        }
    }

    fn children(&mut self, parent: &ProcessUse) -> Vec<u32> {
        if self.by_parent.is_none() {
            match listed_children(parent) {
                Some(children) => return children,
                None => self.by_parent = Some(search()),
            }
        }
        let by_parent = self.by_parent.as_ref();
        by_parent.and_then(|found| found.get(&parent.pid)).cloned().unwrap_or_default()
    }
}

/// A holder that was started from within a session is no part of it, nor is what it holds.
fn is_holder(process: &ProcessUse) -> bool {
    // The name is quick to compare and says nothing; the program does.
    process.comm == "wk-holder"
        && fs::read_link(format!("/proc/{}/exe", process.pid)).is_ok_and(|program| {
            let name = program.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.trim_end_matches(" (deleted)") == "wk-holder"
        })
}

/// The children of a process, of all its threads; none where the kernel keeps no such lists.
fn listed_children(parent: &ProcessUse) -> Option<Vec<u32>> {
    let folder = format!("/proc/{}/task", parent.pid);
    if parent.threads <= 1 {
        return children_of(&Path::new(&folder).join(parent.pid.to_string()));
    }
    let mut children = Vec::new();
    for task in fs::read_dir(folder).into_iter().flatten().flatten() {
        children.extend(children_of(&task.path())?);
    }
    Some(children)
}

fn children_of(task: &Path) -> Option<Vec<u32>> {
    match fs::read_to_string(task.join("children")) {
        Ok(text) => Some(text.split_ascii_whitespace().flat_map(str::parse).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && task.exists() => None,
        // The task has ended.
        Err(_) => Some(Vec::new()),
    }
}

/// All processes, by their parents.
fn search() -> HashMap<u32, Vec<u32>> {
    let mut found: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let Some(process) = pid.and_then(|pid| ProcessUse::read(pid).ok().flatten()) {
            found.entry(process.parent).or_default().push(process.pid);
        }
    }
    found
}

#[cfg(test)]
mod tests;
