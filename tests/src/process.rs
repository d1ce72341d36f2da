//! Processes by identity: a pidfd never means another process.

use std::{
    fs, io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use tokio::io::unix::AsyncFd;

use crate::within;

/// A watch on a process that is no child of ours.
#[derive(Debug)]
pub struct Watch {
    pid: u32,
    pidfd: OwnedFd,
}

impl Watch {
    /// Watches a process that lives now.
    #[track_caller]
    pub fn new(pid: u32) -> Self {
        Self::open(pid).unwrap_or_else(|error| panic!("process {pid}: {error}"))
    }

    pub(crate) fn open(pid: u32) -> io::Result<Self> {
        let raw = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let raw = raw.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self { pid, pidfd: pidfd_open(raw, PidfdFlags::empty())? })
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub fn signal(&self, signal: Signal) {
        // A process that has just ended has what the signal was for.
        let _ = pidfd_send_signal(&self.pidfd, signal);
    }

    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Whether it runs; a zombie does not.
    pub fn is_alive(&self) -> bool {
        !self.ends_within(Duration::ZERO)
    }

    /// Waits for its end, but not for ever.
    pub async fn ended(&self) {
        let duplicate = self.pidfd.try_clone().expect("a descriptor can be copied");
        // SAFETY: the descriptor is owned by the `AsyncFd` and never replaced.
        let watched = unsafe { AsyncFd::register(duplicate) }.expect("a pidfd can be polled");
        let what = format!("the end of process {}", self.pid);
        let _ready = within(&what, watched.readable()).await.expect("a pidfd can be polled");
    }

    /// Blocks until its end, or until time is up.
    pub(crate) fn ends_within(&self, time: Duration) -> bool {
        let mut polled = [PollFd::new(&self.pidfd, PollFlags::IN)];
        let time = Timespec::try_from(time).unwrap_or_default();
        poll(&mut polled, Some(&time)).is_ok_and(|count| count == 1)
    }

    /// Its command line, for messages.
    pub(crate) fn shown(&self) -> String {
        let line = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        format!("{} {}", self.pid, line.trim_end())
    }

    /// Whether job control or a signal has stopped it.
    pub(crate) fn is_stopped(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with(['T', 't']))
    }
}

/// Processes that name `folder` in their environment, or have a file in it open: daemons by
/// both, sessions by their environment, holders (which have none) by their files.
pub fn pids_of(folder: &Path) -> Vec<Watch> {
    let own = std::process::id();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let belongs = |pid: u32| {
        let place = PathBuf::from(format!("/proc/{pid}"));
        has_in_environment(&place, folder) || has_open(&place, folder)
    };
    pids.filter(|pid| *pid != own)
        // Opened first: what is read afterwards is of this very process, or of none.
        .filter_map(|pid| Watch::open(pid).ok())
        .filter(|watch| belongs(watch.pid) && watch.is_alive())
        .collect()
}

fn has_in_environment(process: &Path, folder: &Path) -> bool {
    let environment = fs::read(process.join("environ")).unwrap_or_default();
    let wanted = [b"WK_STATE_DIR=", folder.as_os_str().as_encoded_bytes()].concat();
    environment.split(|byte| *byte == 0).any(|variable| variable == wanted)
}

fn has_open(process: &Path, folder: &Path) -> bool {
    let files = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    let maps = fs::read(process.join("maps")).unwrap_or_default();
    let mapped = String::from_utf8_lossy(&maps).contains(&format!("{}/", folder.display()));
    mapped
        || files.filter_map(|file| fs::read_link(file.path()).ok()).any(|to| to.starts_with(folder))
}
