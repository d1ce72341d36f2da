//! The cgroup v2 leaf of the child's tree: nothing that is forked escapes it.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

/// Cgroups below the leaf that are looked into: sessions make few.
const MAX_DEPTH: u32 = 8;

/// A cgroup that holds the session's processes, and nobody else's.
#[derive(Debug)]
pub(crate) struct Leaf(PathBuf);

impl Leaf {
    /// The leaf that the daemon has made at `path`.
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Its folder, for a child to be born into.
    pub(crate) fn open(&self) -> io::Result<OwnedFd> {
        Ok(File::open(&self.0)?.into())
    }

    /// Where a process writes "0" to enter.
    pub(crate) fn door(&self) -> io::Result<OwnedFd> {
        Ok(OpenOptions::new().write(true).open(self.0.join("cgroup.procs"))?.into())
    }

    /// The numbers of all processes in it, the dead left out.
    pub(crate) fn members(&self) -> Vec<u32> {
        let mut members = Vec::new();
        collect(&self.0, MAX_DEPTH, &mut members);
        members
    }

    /// Kills everything in it at once.
    pub(crate) fn kill(&self) -> io::Result<()> {
        fs::write(self.0.join("cgroup.kill"), "1")
    }

    /// Takes it away; it stays while something lives in it.
    pub(crate) fn remove(&self) {
        remove(&self.0, MAX_DEPTH);
    }
}

fn collect(path: &Path, depth: u32, members: &mut Vec<u32>) {
    // A cgroup with threads of its own refuses; its processes are listed above it.
    let text = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
    // Number 0 is a process of a foreign pid namespace.
    let pids = text.lines().filter_map(|line| line.parse::<u32>().ok());
    members.extend(pids.filter(|pid| *pid != 0));
    for below in children(path).filter(|_| depth > 0) {
        collect(&below, depth - 1, members);
    }
}

fn remove(path: &Path, depth: u32) {
    for below in children(path).filter(|_| depth > 0) {
        remove(&below, depth - 1);
    }
    let _ = fs::remove_dir(path);
}

fn children(path: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.filter(|e| e.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path())
}
