//! Waiting for children: the leader, and every orphan that the kernel gave to the holder.

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use wk_model::Ending;

/// A child that has ended and is gone.
#[derive(Clone, Debug)]
pub(crate) struct Reaped {
    pub(crate) pid: Pid,
    pub(crate) ending: Ending,
    /// Of it and of the descendants that it waited for.
    pub(crate) cpu_ms: u64,
    pub(crate) max_rss_bytes: u64,
}

/// Takes one child that has ended; none when there is none right now.
pub(crate) fn reap() -> Option<Reaped> {
    wait(-1, libc::WNOHANG)
}

/// Whether a child was stopped or has gone on since the last time.
pub(crate) fn has_halted(pid: Pid) -> bool {
    let options = WaitIdOptions::STOPPED | WaitIdOptions::CONTINUED | WaitIdOptions::NOHANG;
    matches!(waitid(WaitId::Pid(pid), options), Ok(Some(_)))
}

/// Waits for a child that is about to end.
pub(crate) fn wait_for(pid: Pid) {
    wait(pid.as_raw_nonzero().get(), 0);
}

fn wait(pid: i32, flags: i32) -> Option<Reaped> {
    let mut status = 0;
    // SAFETY: an all-zero usage is valid, and both places live on this stack.
    let (pid, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        let pid = loop {
            let pid = libc::wait4(pid, &raw mut status, flags, &raw mut usage);
            let errno = || std::io::Error::last_os_error().raw_os_error();
            if pid != -1 || errno() != Some(libc::EINTR) {
                break pid;
            }
        };
        (pid, usage)
    };
    let pid = (pid > 0).then(|| Pid::from_raw(pid)).flatten()?;
    Some(Reaped {
        pid,
        ending: ending(status),
        cpu_ms: milliseconds(usage.ru_utime).saturating_add(milliseconds(usage.ru_stime)),
        max_rss_bytes: u64::try_from(usage.ru_maxrss).unwrap_or(0).saturating_mul(1024),
    })
}

fn ending(status: i32) -> Ending {
    if libc::WIFSIGNALED(status) {
        let core_dumped = libc::WCOREDUMP(status);
        return Ending::Signaled { signal: libc::WTERMSIG(status), core_dumped };
    }
    Ending::Exited { code: libc::WEXITSTATUS(status) }
}

fn milliseconds(time: libc::timeval) -> u64 {
    let micros = time.tv_sec.saturating_mul(1_000_000).saturating_add(time.tv_usec);
    u64::try_from(micros).unwrap_or(0) / 1000
}
