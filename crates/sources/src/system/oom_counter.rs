//! How often the kernel has ended a process of a cgroup for want of memory.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::cgroup;

/// The counter of one process's cgroup, and where it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OomCounter {
    /// As `/proc/PID/cgroup` names it.
    pub cgroup: String,
    file: PathBuf,
    kills: u64,
}

impl OomCounter {
    /// Looks up the counter of the cgroup that a process is in; none where nothing counts.
    pub fn of(pid: u32) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let own = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        let found = place(&mounts, &own)?;
        let kills = read(&found.file)?;
        Some(Self { kills, ..found })
    }

    /// How much it has risen since; none where the cgroup is gone.
    pub fn risen(&self) -> Option<u64> {
        Some(read(&self.file)?.saturating_sub(self.kills))
    }
}

/// Version 1 where its controller is, since version 2 then counts nothing.
fn place(mounts: &str, own: &str) -> Option<OomCounter> {
    let at = |(mount, path): (PathBuf, &str), name: &str| {
        let below = path.trim_start_matches('/');
        // A place outside of our own namespace cannot be found below the mount.
        let inside = !below.split('/').any(|part| part == "..");
        inside.then(|| OomCounter {
            cgroup: path.to_owned(),
            file: mount.join(below).join(name),
            kills: 0,
        })
    };
    match cgroup::memory_place_v1(mounts, own) {
        Some(found) => at(found, "memory.oom_control"),
        None => at(cgroup::place_v2(mounts, own)?, "memory.events"),
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
        let found = place(&format!("{v1}{v2}"), own).unwrap();
        assert_eq!(found.file, Path::new("/cg/memory/a/b/memory.oom_control"));
        let found = place(v2, own).unwrap();
        assert_eq!(
            (found.cgroup.as_str(), found.file.as_path()),
            ("/c", Path::new("/cg/unified/c/memory.events"))
        );
        assert_eq!(place(v2, "0::/../../x\n"), None);
        assert_eq!(place("", own), None);
    }
}
