//! The kernel's word that a process has ended.

use std::{io, os::fd::OwnedFd, time::Duration};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::{
    io::{Interest, unix::AsyncFd},
    time::sleep,
};
use wk_holder::host;
use wk_model::{Liveness, ProcessId};

use crate::tmux::{Exit, exit_of, exit_of_zombie};

/// Watches exactly one process, whatever becomes of its number.
#[derive(Debug)]
pub struct ProcessWatch {
    pidfd: AsyncFd<OwnedFd>,
    process: ProcessId,
}

impl ProcessWatch {
    /// Begins to watch; none where the process is dead already.
    #[expect(unsafe_code, reason = "tokio asks for it")]
    pub fn new(process: &ProcessId) -> io::Result<Option<Self>> {
        let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(io::ErrorKind::InvalidInput)?;
        let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            opened => opened?,
        };
        // The number may have passed to another process before the pidfd was opened.
        if host::liveness(process) == Liveness::Dead {
            return Ok(None);
        }
        // SAFETY: the descriptor is owned by the `AsyncFd` and never replaced.
        let pidfd = unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE)? };
        Ok(Some(Self { pidfd, process: *process }))
    }

    /// Waits for the end. A zombie has ended.
    pub async fn ended(&self) -> io::Result<()> {
        self.pidfd.readable().await.map(drop)
    }

    /// How it ended, as the kernel knows it: of a process that was waited for since Linux 6.15,
    /// of a zombie before, too.
    pub fn exit(&self) -> Option<Exit> {
        exit_of(self.pidfd.get_ref()).or_else(|| exit_of_zombie(&self.process))
    }

    /// How an ended process ended; that may be told a moment later.
    pub async fn recorded_exit(&self) -> Option<Exit> {
        for pause in [0, 1, 2, 4, 8, 16, 32, 64, 128] {
            sleep(Duration::from_millis(pause)).await;
            if let Some(exit) = self.exit() {
                return Some(exit);
            }
        }
        None
    }

    /// Ends this very process; one that has ended already is none the worse for it.
    pub fn kill(&self) -> io::Result<()> {
        match self.signal(Signal::KILL) {
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => {
                Ok(())
            }
            sent => sent,
        }
    }

    /// Sends a signal to this very process.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(pidfd_send_signal(self.pidfd.get_ref(), signal)?)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[tokio::test]
    async fn an_end_is_told_before_anybody_has_reaped() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let id = host::identify(child.id()).unwrap().unwrap();
        let watch = ProcessWatch::new(&id).unwrap().unwrap();
        watch.signal(Signal::KILL).unwrap();
        watch.ended().await.unwrap();
        assert_eq!(host::liveness(&id), Liveness::Dead);
        assert!(ProcessWatch::new(&id).unwrap().is_none());
        child.wait().unwrap();
    }

    #[tokio::test]
    async fn a_namesake_is_not_watched() {
        let me = host::identify(std::process::id()).unwrap().unwrap();
        let earlier = ProcessId { start_time: me.start_time - 1, ..me };
        assert!(ProcessWatch::new(&earlier).unwrap().is_none());
    }
}
