//! Leaves in the hierarchies of cgroup v1, for sessions with a limit that a controller there
//! can hold. Each hierarchy has its own; where one cannot be written, there is none.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{DAEMON, make, unescape};

/// A controller that limits are held by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controller {
    Memory,
    Pids,
}

/// The group below which leaves of one controller are made.
#[derive(Clone, Debug)]
pub(super) struct Hierarchy {
    pub(super) controller: Controller,
    pub(super) base: PathBuf,
}

impl Controller {
    const ALL: [Self; 2] = [Self::Memory, Self::Pids];

    fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Pids => "pids",
        }
    }
}

/// The hierarchies that this process may make groups in.
pub(super) fn open(mountinfo: &str, own: &str) -> Vec<Hierarchy> {
    let found = Controller::ALL.into_iter().filter_map(|controller| {
        let mount = mount_point(mountinfo, controller.as_str())?;
        let below = own_path(own, controller.as_str())?.trim_start_matches('/');
        // As in version 2: what a session has started must not nest below its leaf.
        let outside = below.split("watchkeeper-").next().unwrap_or_default();
        let uid = rustix::process::getuid().as_raw();
        let base = mount.join(outside).join(format!("watchkeeper-{uid}"));
        make(&base).ok()?;
        if outside != below {
            let daemon = base.join(DAEMON);
            make(&daemon).ok()?;
            fs::write(daemon.join("cgroup.procs"), "0").ok()?;
        }
        is_writable(&base).then_some(Hierarchy { controller, base })
    });
    found.collect()
}

/// Where a process is in the hierarchy of a controller: the mount, and its place below.
pub(super) fn place<'a>(
    mountinfo: &str,
    cgroup: &'a str,
    controller: Controller,
) -> Option<(PathBuf, &'a str)> {
    Some((mount_point(mountinfo, controller.as_str())?, own_path(cgroup, controller.as_str())?))
}

/// A folder that can be made in, but whose groups cannot be entered, helps nobody.
fn is_writable(base: &Path) -> bool {
    use rustix::fs::{Access, access};
    access(base.join("cgroup.procs"), Access::WRITE_OK).is_ok()
}

/// Where the hierarchy of a controller is mounted whole.
fn mount_point(mountinfo: &str, controller: &str) -> Option<PathBuf> {
    mountinfo.lines().find_map(|line| {
        let (head, tail) = line.split_once(" - ")?;
        let mut fields = head.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        let mut tail = tail.split(' ');
        let (kind, options) = (tail.next()?, tail.nth(1)?);
        let fits = kind == "cgroup" && root == "/" && options.split(',').any(|o| o == controller);
        fits.then(|| PathBuf::from(unescape(point)))
    })
}

/// Our place in the hierarchy of a controller.
fn own_path<'a>(cgroup: &'a str, controller: &str) -> Option<&'a str> {
    cgroup.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let controllers = fields.nth(1)?;
        controllers.split(',').any(|name| name == controller).then(|| fields.next())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
        31 22 0:9 / /sys/fs/cgroup/cpu,cpuacct rw shared:3 - cgroup cgroup rw,cpu,cpuacct\n\
        32 22 0:9 /part /mnt/part rw shared:3 - cgroup cgroup rw,memory\n\
        33 22 0:9 / /sys/fs/my\\040memory rw shared:3 - cgroup cgroup rw,memory\n\
        34 22 0:9 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,pids\n";

    #[test]
    fn a_hierarchy_is_found_by_its_controller() {
        assert_eq!(mount_point(MOUNTS, "memory"), Some("/sys/fs/my memory".into()));
        assert_eq!(mount_point(MOUNTS, "cpuacct"), Some("/sys/fs/cgroup/cpu,cpuacct".into()));
        assert_eq!(mount_point(MOUNTS, "pids"), None);
    }

    #[test]
    fn our_place_is_that_of_the_controller() {
        let own = "8:pids:/a:b\n4:cpu,cpuacct:/c\n0::/u\n";
        assert_eq!(own_path(own, "pids"), Some("/a:b"));
        assert_eq!(own_path(own, "cpuacct"), Some("/c"));
        assert_eq!(own_path(own, "memory"), None);
    }
}
