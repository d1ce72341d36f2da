//! Leaves of the cgroup v2 tree: each attempt's processes in one that can be ended whole.
//!
//! Only the hierarchy is needed, no controllers. Where no leaf can be made, sessions run
//! without one, and leftovers are found by other means. Controllers of memory and processes
//! are made use of where they are delegated to us; where they are those of version 1, a
//! session with such a limit gets a leaf there too.

mod legacy;

pub use legacy::Controller;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The group of the holders themselves.
const HOLDERS: &str = "holders";

/// The group of a daemon that was started from within a session.
const DAEMON: &str = "daemon";

/// The group below which this user's leaves are made.
#[derive(Clone, Debug)]
pub struct Cgroups {
    mount: PathBuf,
    base: PathBuf,
    /// Whether somebody could end or limit the group that we are in.
    in_a_group: bool,
    legacy: Vec<legacy::Hierarchy>,
}

impl Cgroups {
    /// Makes, or finds, a group below our own.
    pub fn open() -> io::Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        let own = fs::read_to_string("/proc/self/cgroup")?;
        let missing = |what| io::Error::new(io::ErrorKind::NotFound, what);
        let mount = mount_point(&mounts).ok_or_else(|| missing("no cgroup v2 is mounted"))?;
        let path = own_path(&own).ok_or_else(|| missing("we are in no cgroup v2"))?;
        let uid = rustix::process::getuid().as_raw();
        let below = path.trim_start_matches('/');
        // A daemon that was started inside a session of ours must not nest below its leaf.
        let outside = below.split("watchkeeper-").next().unwrap_or_default();
        let base = mount.join(outside).join(format!("watchkeeper-{uid}"));
        make(&base)?;
        make(&base.join(HOLDERS))?;
        if outside != below {
            // We were started from within a session, and must not end with it.
            make(&base.join(DAEMON))?;
            fs::write(base.join(DAEMON).join("cgroup.procs"), "0")?;
        }
        delegate(&mount.join(outside), &base);
        let legacy = legacy::open(&mounts, &own);
        Ok(Self { mount, base, in_a_group: !outside.is_empty(), legacy })
    }

    /// Makes the leaf of an attempt in the cgroup v1 hierarchy of a controller; none where that
    /// cannot be, or need not be since version 2 has the controller.
    pub fn make_legacy_leaf(
        &self,
        controller: Controller,
        session_id: &str,
        attempt: u32,
    ) -> Option<PathBuf> {
        let hierarchy = self.legacy.iter().find(|found| found.controller == controller)?;
        let leaf = hierarchy.base.join(format!("{session_id}-{attempt}"));
        make(&leaf).ok()?;
        Some(leaf)
    }

    /// Removes an attempt's leaves, all those that hold no process any more.
    pub fn remove_leaves(&self, session_id: &str, attempt: u32) {
        let bases = self.legacy.iter().map(|hierarchy| &hierarchy.base).chain([&self.base]);
        for base in bases {
            // One that holds processes is kept, by the kernel.
            let _ = remove(&base.join(format!("{session_id}-{attempt}")));
        }
    }

    /// Makes the leaf of an attempt.
    pub fn make_leaf(&self, session_id: &str, attempt: u32) -> io::Result<PathBuf> {
        let leaf = self.base.join(format!("{session_id}-{attempt}"));
        make(&leaf)?;
        Ok(leaf)
    }

    /// The folder of an attempt's leaf, by its recorded place below the mount; none where the
    /// record names a group that is nobody's leaf but perhaps everybody's group.
    pub fn recorded_leaf(&self, place: &str, session_id: &str, attempt: u32) -> Option<PathBuf> {
        let uid = rustix::process::getuid().as_raw();
        let own = format!("/watchkeeper-{uid}/{session_id}-{attempt}");
        let is_own = place.ends_with(&own) && !place.split('/').any(|part| part == "..");
        is_own.then(|| self.mount.join(place.trim_start_matches('/')))
    }

    /// Whether holders should be moved out of the daemon's group: somebody could end or limit
    /// it, as long as it is not the root of all groups.
    pub fn sets_holders_apart(&self) -> bool {
        self.in_a_group
    }

    /// Moves a holder out of the daemon's group. May take 10 ms: the kernel stops all forks.
    pub fn set_apart(&self, holder: u32) -> io::Result<()> {
        fs::write(self.base.join(HOLDERS).join("cgroup.procs"), holder.to_string())
    }

    /// Removes leaves that hold no process any more; those of `keep` stay.
    pub fn sweep(&self, keep: impl Fn(&str) -> bool) -> io::Result<()> {
        for hierarchy in &self.legacy {
            sweep(&hierarchy.base, &keep)?;
        }
        sweep(&self.base, &keep)
    }
}

fn sweep(base: &Path, keep: &impl Fn(&str) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(base)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if ![HOLDERS, DAEMON].contains(&name) && entry.file_type()?.is_dir() && !keep(name) {
            // A leaf with processes refuses: they were asked to be kept.
            let _ = fs::remove_dir(entry.path());
        }
    }
    Ok(())
}

/// Hands the controllers of memory and processes down to our leaves, where they come as far as
/// our own group. The kernel refuses where other processes share that group.
fn delegate(own: &Path, base: &Path) {
    const WANTED: [&str; 2] = ["memory", "pids"];
    for group in [own, base] {
        let text = fs::read_to_string(group.join("cgroup.controllers")).unwrap_or_default();
        for name in text.split_ascii_whitespace().filter(|name| WANTED.contains(name)) {
            let order = format!("+{name}");
            let control = group.join("cgroup.subtree_control");
            let busy = |error: &io::Error| error.kind() == io::ErrorKind::ResourceBusy;
            if fs::write(&control, &order).is_err_and(|error| busy(&error)) && is_alone_in(group) {
                // A group either has processes or hands controllers down.
                let apart = base.join(DAEMON);
                if make(&apart).is_ok() && fs::write(apart.join("cgroup.procs"), "0").is_ok() {
                    let _ = fs::write(&control, &order);
                }
            }
        }
    }
}

fn is_alone_in(group: &Path) -> bool {
    let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    text.trim() == std::process::id().to_string()
}

/// The processes in a leaf and below it; none where it is gone.
pub fn processes(leaf: &Path) -> io::Result<Vec<u32>> {
    let mut pids = match fs::read_to_string(leaf.join("cgroup.procs")) {
        Ok(text) => text.lines().filter_map(|line| line.parse().ok()).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        // A threaded group lists no processes.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Vec::new(),
        Err(error) => return Err(error),
    };
    for entry in fs::read_dir(leaf)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            pids.extend(processes(&entry.path())?);
        }
    }
    Ok(pids)
}

/// Removes a leaf and the groups in it, which must hold no process any more.
pub fn remove(leaf: &Path) -> io::Result<()> {
    for entry in fs::read_dir(leaf)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    fs::remove_dir(leaf)
}

/// Ends every process in a leaf and below it, those included that are just being forked.
pub fn kill(leaf: &Path) -> io::Result<()> {
    match fs::write(leaf.join("cgroup.kill"), "1") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        written => written,
    }
}

fn make(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Where a process is in version 2: the mount, and its place below, by `/proc/PID/cgroup`.
pub(crate) fn place_v2<'a>(mounts: &str, cgroup: &'a str) -> Option<(PathBuf, &'a str)> {
    Some((mount_point(mounts)?, own_path(cgroup)?))
}

/// The same in the hierarchy of version 1 that has the memory controller.
pub(crate) fn memory_place_v1<'a>(mounts: &str, cgroup: &'a str) -> Option<(PathBuf, &'a str)> {
    legacy::place(mounts, cgroup, Controller::Memory)
}

/// Where cgroup v2 is mounted, by `/proc/self/mountinfo` (see proc(5)).
fn mount_point(mountinfo: &str) -> Option<PathBuf> {
    mountinfo.lines().find_map(|line| {
        let (head, tail) = line.split_once(" - ")?;
        let mut fields = head.split(' ').skip(3);
        // A mount of a part of the tree would need its root taken off our path.
        let (root, point) = (fields.next()?, fields.next()?);
        (tail.starts_with("cgroup2 ") && root == "/").then(|| PathBuf::from(unescape(point)))
    })
}

/// mountinfo writes blanks, tabs, line breaks and backslashes as three octal digits.
fn unescape(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (code, plain)| text.replace(code, plain))
}

/// Our place in the v2 hierarchy, by `/proc/self/cgroup`.
fn own_path(cgroup: &str) -> Option<&str> {
    cgroup.lines().find_map(|line| line.strip_prefix("0::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_is_found_among_others() {
        let text = "\
            22 1 0:5 / /proc rw - proc proc rw\n\
            31 22 0:9 / /sys/fs/cgroup/cpu rw shared:3 - cgroup cgroup rw,cpu\n\
            40 22 0:27 /part /mnt/part rw - cgroup2 cgroup2 rw\n\
            41 22 0:27 / /sys/fs/a\\040b rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";
        assert_eq!(mount_point(text), Some("/sys/fs/a b".into()));
        assert_eq!(mount_point(""), None);
    }

    #[test]
    fn a_record_that_names_another_group_is_not_believed() {
        let uid = rustix::process::getuid().as_raw();
        let cgroups = Cgroups {
            mount: "/cg".into(),
            base: "/cg/x".into(),
            in_a_group: false,
            legacy: Vec::new(),
        };
        let leaf = |place: &str| cgroups.recorded_leaf(place, "k7f3q2m9x1ab", 2);
        let own = format!("/user.slice/watchkeeper-{uid}/k7f3q2m9x1ab-2");
        assert_eq!(leaf(&own), Some(format!("/cg{own}").into()));
        let up = format!("/../watchkeeper-{uid}/k7f3q2m9x1ab-2");
        for other in ["/", "/user.slice", "/watchkeeper-x/k7f3q2m9x1ab-2", &up] {
            assert_eq!(leaf(other), None, "{other}");
        }
    }

    #[test]
    fn our_place_is_the_one_of_version_two() {
        assert_eq!(own_path("4:memory:/x\n0::/user.slice\n"), Some("/user.slice"));
        assert_eq!(own_path("4:memory:/x\n"), None);
    }
}
