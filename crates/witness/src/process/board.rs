//! Who is watched, on whose behalf.

use std::{
    collections::HashMap as Map,
    fs, io,
    time::{Duration, Instant},
};

use wk_holder::host;
use wk_model::{Liveness, ProcessId};

use super::kernel::{Kernel, RootEntry};

/// How long an ended process is kept in mind for what is below it.
const MOURNING: Duration = Duration::from_secs(120);

/// Between looks at who is still there.
pub(crate) const ROUND: Duration = Duration::from_secs(60);

/// Watched processes, by number, as the kernel's map has them.
#[derive(Debug, Default)]
pub(crate) struct Board {
    roots: Map<u32, Watched>,
    looked: Option<Instant>,
}

#[derive(Debug)]
struct Watched {
    start_time: u64,
    peers: u32,
    ended: Option<Instant>,
}

impl Board {
    /// What an earlier witness left in the kernel.
    pub(crate) fn load(kernel: &Kernel) -> Self {
        let entries = kernel.roots.iter().filter_map(Result::ok);
        let roots = entries
            .map(|(pid, entry)| (pid, Watched { start_time: entry.start, peers: 0, ended: None }));
        Self { roots: roots.collect(), looked: None }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// Watches a process of user `uid`. There may be records about it already. False: it is dead,
    /// and whoever counts for it, this peer does not.
    pub(crate) fn watch(
        &mut self,
        kernel: &mut Kernel,
        process: &ProcessId,
        uid: u32,
    ) -> Result<bool, String> {
        let owner = match owner(process) {
            Ok(Some(owner)) => owner,
            Ok(None) => return Ok(false),
            Err(error) => return Err(format!("cannot look at the process: {error}")),
        };
        if uid != 0 && owner != uid {
            return Err("the process belongs to another user".to_owned());
        }
        if let Some(known) = self.roots.get_mut(&process.pid)
            && known.start_time == process.start_time
        {
            known.peers += 1;
            return Ok(true);
        }
        let entry = RootEntry { start: process.start_time, uid: owner, unused: 0 };
        kernel
            .roots
            .insert(process.pid, entry, 0)
            .map_err(|error| format!("the kernel watches no more processes: {error}"))?;
        let watched = Watched { start_time: process.start_time, peers: 1, ended: None };
        self.roots.insert(process.pid, watched);
        // A holder was known to the kernel by its name, before anybody could ask for it.
        Ok(true)
    }

    /// A peer watches this no longer.
    pub(crate) fn unwatch(&mut self, kernel: &mut Kernel, process: &ProcessId) {
        self.leave(process);
        let unwatched =
            |watched: &&mut Watched| watched.start_time == process.start_time && watched.peers == 0;
        if self.roots.get_mut(&process.pid).filter(unwatched).is_some() {
            self.forget(kernel, process.pid);
        }
    }

    /// A peer has gone, and may come back: the recorder goes on for it.
    pub(crate) fn leave(&mut self, process: &ProcessId) {
        if let Some(watched) = self.roots.get_mut(&process.pid)
            && watched.start_time == process.start_time
        {
            watched.peers = watched.peers.saturating_sub(1);
        }
    }

    /// Forgets those that ended a while ago, and that nobody is here for.
    pub(crate) fn go_round(&mut self, kernel: &mut Kernel) {
        let now = Instant::now();
        if self.looked.is_some_and(|looked| now.duration_since(looked) < ROUND) {
            return;
        }
        self.looked = Some(now);
        for (pid, entry) in kernel.roots.iter().filter_map(Result::ok) {
            // The kernel has found some by itself: they go when they have ended, as all do.
            self.roots.entry(pid).or_insert(Watched {
                start_time: entry.start,
                peers: 0,
                ended: None,
            });
        }
        let mut gone = Vec::new();
        for (pid, watched) in self.roots.iter_mut().filter(|(_, watched)| watched.peers == 0) {
            let process =
                ProcessId { boot: host::boot_id(), pid: *pid, start_time: watched.start_time };
            if host::liveness(&process) != Liveness::Dead {
                continue;
            }
            let ended = *watched.ended.get_or_insert(now);
            if now.duration_since(ended) >= MOURNING {
                gone.push(*pid);
            }
        }
        for pid in gone {
            self.forget(kernel, pid);
        }
    }

    fn forget(&mut self, kernel: &mut Kernel, pid: u32) {
        self.roots.remove(&pid);
        // It may be gone already: that is what is wanted.
        let _ = kernel.roots.remove(&pid);
    }
}

/// The user of a living process, not the one whose rights it has borrowed.
fn owner(process: &ProcessId) -> io::Result<Option<u32>> {
    if host::identify(process.pid)? != Some(*process) {
        return Ok(None);
    }
    let status = fs::read(format!("/proc/{}/status", process.pid))?;
    // It may have ended meanwhile, and the number may mean another one.
    if host::identify(process.pid)? != Some(*process) {
        return Ok(None);
    }
    Ok(real_uid(&status))
}

fn real_uid(status: &[u8]) -> Option<u32> {
    let text = String::from_utf8_lossy(status);
    let line = text.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_user_is_read() {
        assert_eq!(real_uid(b"Name:\tx\nUid:\t1000\t0\t0\t0\nGid:\t5\n"), Some(1000));
        assert_eq!(real_uid(b"Name:\tx\n"), None);
        let me = host::identify(std::process::id()).unwrap().unwrap();
        assert!(owner(&me).unwrap().is_some());
        assert_eq!(owner(&ProcessId { start_time: me.start_time + 1, ..me }).unwrap(), None);
    }
}
