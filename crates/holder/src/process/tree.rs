//! The session's processes: the leader and all its descendants, however they hide.
//!
//! Orphans become the holder's children, since it is their subreaper: the tree below the
//! holder is the session. The cgroup leaf adds those that left the tree.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use wk_holder::host::ProcessStat;
use wk_model::ProcessId;

use super::{facts, leaf::Leaf};

/// Processes that one look takes in; a bomb that forks more is met by the next look.
const MAX_MEMBERS: usize = 20_000;

/// Processes whose groups are stopped before the others are looked for.
const FEW: usize = 64;

/// How often a sweep looks again for what was forked under its eyes.
const MAX_ROUNDS: usize = 16;

/// Where to look for the session's processes.
#[derive(Debug)]
pub(crate) struct Tree {
    holder: u32,
    leaf: Option<Leaf>,
}

impl Tree {
    pub(crate) fn new(holder: ProcessId, leaf: Option<Leaf>) -> Self {
        Self { holder: holder.pid, leaf }
    }

    pub(crate) fn leaf(&self) -> Option<&Leaf> {
        self.leaf.as_ref()
    }

    /// Every process of the session that lives.
    pub(crate) fn living(&self) -> Vec<ProcessId> {
        let mut found = self.walk(MAX_MEMBERS);
        for pid in self.leaf.iter().flat_map(Leaf::members).filter(|pid| *pid != self.holder) {
            found.entry(pid).or_insert_with(|| read(pid));
        }
        let alive = found.into_values().flatten().filter(|stat| !stat.is_dead());
        alive.map(|stat| stat.id()).collect()
    }

    /// The holder's descendants, the dead among them, until `most` that live are found.
    ///
    /// A bomb leaves its dead at the holder's door faster than they are taken away: who counts
    /// them sees nobody behind them.
    fn walk(&self, most: usize) -> BTreeMap<u32, Option<ProcessStat>> {
        let (mut found, mut living) = (BTreeMap::new(), 0);
        let mut parents = vec![self.holder];
        while let Some(parent) = parents.pop() {
            for pid in children(parent) {
                if living >= most || found.len() >= MAX_MEMBERS {
                    return found;
                }
                let known = pid == self.holder || found.contains_key(&pid);
                if !known && !facts::is_ours(pid) {
                    let stat = read(pid);
                    living += usize::from(stat.as_ref().is_some_and(|stat| !stat.is_dead()));
                    found.insert(pid, stat);
                    parents.push(pid);
                }
            }
        }
        found
    }

    /// The numbers of the session's processes, found quickly: by the leaf, which tells in one
    /// read, where there is one. A process that has left it is left out.
    ///
    /// Not more than `most`: who only asks whether there are so many need not find them all,
    /// while each of them fights for the processor.
    pub(crate) fn pids(&self, most: usize) -> Vec<u32> {
        let mut members = self.leaf.iter().flat_map(Leaf::members).collect::<Vec<_>>();
        members.retain(|pid| *pid != self.holder);
        if members.is_empty() {
            let found = self.walk(most).into_values().flatten();
            members = found.filter(|stat| !stat.is_dead()).map(|stat| stat.pid).collect();
        }
        members.truncate(most);
        members
    }

    /// Stops whole process groups, those of some processes at least: quickly, so that a bomb
    /// does not win the race. Nobody forks out of a group that is being stopped.
    ///
    /// A group never reaches beyond the session: the command leads a session of the kernel's
    /// of its own.
    pub(crate) fn stop_groups(&self) {
        let groups = |pids: Vec<u32>| {
            let groups = pids.into_iter().filter_map(|pid| {
                let pid = Pid::from_raw(i32::try_from(pid).ok()?);
                rustix::process::getpgid(pid).ok()
            });
            groups.map(|group| group.as_raw_nonzero().get()).collect::<BTreeSet<_>>()
        };
        let own = rustix::process::getpgrp().as_raw_nonzero().get();
        for group in groups(self.pids(FEW)).into_iter().filter(|group| *group != own) {
            if let Some(group) = Pid::from_raw(group) {
                let _ = rustix::process::kill_process_group(group, Signal::STOP);
            }
        }
    }

    /// Sends a signal to every process of the session.
    pub(crate) fn signal(&self, signal: Signal) {
        for process in self.living() {
            // Gone already, or another user's by now: nothing that could be done.
            let _ = send(process, signal);
        }
    }

    /// Asks every process to end.
    pub(crate) fn terminate(&self, has_terminal: bool) {
        for process in self.living() {
            let deaf = facts::ignores(process.pid, libc::SIGTERM);
            let _ = send(process, Signal::TERM);
            if has_terminal && deaf {
                // Interactive shells ignore TERM, but go when their terminal does.
                let _ = send(process, Signal::HUP);
            }
            // A stopped process hears nothing until it goes on.
            let _ = send(process, Signal::CONT);
        }
    }

    /// Kills all of it. What has been missed is met by the next call.
    pub(crate) fn kill(&self) {
        if let Some(leaf) = &self.leaf {
            // Old kernels have no such file; the sweep does without.
            let _ = leaf.kill();
        }
        self.stop_groups();
        // Stopped processes fork no more: once nobody new is found, all are stopped.
        let mut stopped: Vec<ProcessId> = Vec::new();
        for _ in 0..MAX_ROUNDS {
            let mut found = self.living();
            found.retain(|process| !stopped.contains(process));
            if found.is_empty() {
                break;
            }
            for process in found {
                let _ = send(process, Signal::STOP);
                stopped.push(process);
            }
        }
        for process in stopped {
            let _ = send(process, Signal::KILL);
        }
    }
}

/// Signals a process, and never a later one of the same number.
pub(crate) fn send(process: ProcessId, signal: Signal) -> io::Result<()> {
    let gone = || io::Error::from_raw_os_error(libc::ESRCH);
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw).ok_or_else(gone)?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty());
    // The descriptor is of whoever has the number now: look who that is before using it.
    if read(process.pid).map(|stat| stat.id()) != Some(process) {
        return Err(gone());
    }
    match pidfd {
        Ok(pidfd) => Ok(pidfd_send_signal(pidfd, signal)?),
        // A kernel without descriptors for processes.
        Err(rustix::io::Errno::NOSYS) => Ok(rustix::process::kill_process(pid, signal)?),
        Err(error) => Err(error.into()),
    }
}

/// A process that cannot be looked at is as good as none.
pub(crate) fn read(pid: u32) -> Option<ProcessStat> {
    ProcessStat::read(pid).ok().flatten()
}

/// The process group of a process that lives.
pub(crate) fn group_of(process: ProcessId) -> Option<u32> {
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw)?;
    let group = rustix::process::getpgid(Some(pid)).ok()?;
    Some(group.as_raw_nonzero().get().unsigned_abs())
}

fn children(parent: u32) -> Vec<u32> {
    let mut children = Vec::new();
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    for task in tasks {
        match fs::read_to_string(task.path().join("children")) {
            Ok(text) => children.extend(text.split_ascii_whitespace().flat_map(str::parse::<u32>)),
            // Not every kernel keeps these lists.
            Err(error) if error.kind() == io::ErrorKind::NotFound && task.path().exists() => {
                return children_by_search(parent);
            }
            Err(_) => {}
        }
    }
    children
}

fn children_by_search(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| read(*pid).is_some_and(|stat| stat.parent == parent)).collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use wk_holder::host;

    use super::*;

    #[test]
    fn descendants_are_found_both_ways_and_signalled_by_identity() {
        let me = host::identify(std::process::id()).unwrap().unwrap();
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let process = host::identify(child.id()).unwrap().unwrap();
        assert!(Tree::new(me, None).living().contains(&process));
        assert!(children_by_search(me.pid).contains(&child.id()));

        let later = ProcessId { start_time: process.start_time + 1, ..process };
        assert!(send(later, Signal::KILL).is_err());
        assert!(child.try_wait().unwrap().is_none());

        send(process, Signal::KILL).unwrap();
        child.wait().unwrap();
        assert!(!Tree::new(me, None).living().contains(&process));
    }
}
