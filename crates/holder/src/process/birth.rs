//! The first moments of a holder: apart from whoever started it.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd, RawFd},
    path::Path,
};

use rustix::{
    fs::{Mode, OFlags},
    io::fcntl_dupfd_cloexec,
    process::{self as rprocess, Pid},
};

use super::signals::Signals;

/// The lowest descriptor that is nobody's standard stream.
const LOWEST: RawFd = 3;

/// What a holder is born with.
#[derive(Debug)]
pub(crate) struct Birth {
    pub(crate) launcher: OwnedFd,
    pub(crate) signals: Signals,
}

/// Takes the launcher's descriptor and leaves its session, its signals and its umask behind.
pub(crate) fn birth() -> io::Result<Birth> {
    let launcher = launcher()?;
    keep_memory_small();
    rprocess::umask(Mode::from_raw_mode(0o077));
    // Fails only for a process that leads its group already, which is apart enough.
    let _ = rprocess::setsid();
    rprocess::set_child_subreaper(Pid::from_raw(1))?;
    let signals = Signals::take()?;
    let _ = rprocess::chdir(Path::new("/"));
    Ok(Birth { launcher, signals })
}

/// Takes the launcher's descriptor out of stdin's place, and keeps nothing else that was
/// inherited.
fn launcher() -> io::Result<OwnedFd> {
    let stdin = rustix::stdio::stdin();
    rustix::net::sockopt::socket_type(stdin)?;
    let launcher = fcntl_dupfd_cloexec(stdin, LOWEST)?;
    close_all_but(launcher.as_raw_fd());
    let nothing = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(&nothing)?;
    rustix::stdio::dup2_stderr(&nothing)?;
    Ok(launcher)
}

/// Lets go of what was inherited by mistake: somebody may wait for a pipe to close.
fn close_all_but(kept: RawFd) {
    let kept = kept.unsigned_abs();
    for (first, last) in [(LOWEST.unsigned_abs(), kept - 1), (kept + 1, u32::MAX)] {
        if first <= last {
            // SAFETY: this process has opened nothing else so far. Kernels without the call
            // keep what there is.
            unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
        }
    }
}

/// One arena, and big buffers go back to the kernel the moment they are freed: thousands of
/// holders sleep at a time.
fn keep_memory_small() {
    #[cfg(target_env = "gnu")]
    // SAFETY: parameters of the allocator, set before there is a second thread.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_THRESHOLD, 32 << 10);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 16 << 10);
        libc::mallopt(libc::M_TOP_PAD, 0);
    }
}
