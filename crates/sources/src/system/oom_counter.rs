//! How often the kernel has ended a process of a cgroup for want of memory.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::cgroup;

/// Groups above one that are asked.
const DEPTH: usize = 32;

/// The counter of one process's cgroup, and where it stood.
#[derive(Debug)]
pub struct OomCounter {
    /// As `/proc/PID/cgroup` names it, or a group above it: the nearest that counts.
    pub cgroup: String,
    file: PathBuf,
    kills: AtomicU64,
}

impl OomCounter {
    /// Looks up the counter of the cgroup that a process is in; none where nothing counts.
    pub fn of(pid: u32) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let own = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        places(&mounts, &own).into_iter().find_map(|Place { cgroup, file }| {
            let kills = AtomicU64::new(read(&file)?);
            Some(Self { cgroup, file, kills })
        })
    }

    /// From now on it counts from here: what happened before did not end the process.
    pub fn refresh(&self) {
        if let Some(kills) = read(&self.file) {
            self.kills.store(kills, Ordering::Relaxed);
        }
    }

    /// How much it has risen since; none where the cgroup is gone.
    pub fn risen(&self) -> Option<u64> {
        Some(read(&self.file)?.saturating_sub(self.kills.load(Ordering::Relaxed)))
    }
}

/// Where a counter may be.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    cgroup: String,
    file: PathBuf,
}

/// Version 1 where its controller is, since version 2 then counts nothing. A group of version 2
/// counts for those below it, and only where it has the controller: the nearest one first.
fn places(mounts: &str, own: &str) -> Vec<Place> {
    let at = |mount: &Path, cgroup: &Path, name: &str| Place {
        cgroup: cgroup.display().to_string(),
        file: mount.join(cgroup.strip_prefix("/").unwrap_or(cgroup)).join(name),
    };
    // A place outside of our own namespace cannot be found below the mount.
    let inside = |path: &str| !path.split('/').any(|part| part == "..");
    if let Some((mount, path)) = cgroup::memory_place_v1(mounts, own) {
        let place = inside(path).then(|| at(&mount, Path::new(path), "memory.oom_control"));
        return place.into_iter().collect();
    }
    match cgroup::place_v2(mounts, own) {
        Some((mount, path)) if inside(path) => {
            let groups = Path::new(path).ancestors().take(DEPTH);
            groups.map(|group| at(&mount, group, "memory.events")).collect()
        }
        _ => Vec::new(),
    }
}

fn read(file: &Path) -> Option<u64> {
    kills(&fs::read_to_string(file).ok()?)
}

/// The line `oom_kill N` of either version's file.
pub fn kills(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_read_in_both_versions() {
        assert_eq!(kills("low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\noom_group_kill 0\n"), Some(2));
        assert_eq!(kills("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n"), Some(7));
        assert_eq!(kills("oom_kill_disable 0\nunder_oom 0\n"), None);
        assert_eq!(kills("oom_kill -1\n"), None);
    }

    #[test]
    fn version_one_is_asked_where_it_has_the_controller() {
        let v1 = "31 22 0:9 / /cg/memory rw - cgroup cgroup rw,memory\n";
        let v2 = "41 22 0:27 / /cg/unified rw - cgroup2 cgroup2 rw\n";
        let own = "4:memory:/a/b\n0::/c\n";
        let files = |mounts: &str, own: &str| -> Vec<(String, PathBuf)> {
            places(mounts, own).into_iter().map(|place| (place.cgroup, place.file)).collect()
        };
        let place = |cgroup: &str, file: &str| (cgroup.to_owned(), PathBuf::from(file));
        let want = [place("/a/b", "/cg/memory/a/b/memory.oom_control")];
        assert_eq!(files(&format!("{v1}{v2}"), own), want);
        let want =
            [place("/c", "/cg/unified/c/memory.events"), place("/", "/cg/unified/memory.events")];
        assert_eq!(files(v2, own), want);
        assert_eq!(files(v2, "0::/../../x\n"), []);
        assert_eq!(files("", own), []);
    }
}
