//! Signals: all blocked, the two that matter read from a descriptor.
//!
//! Nothing but its session's end ends a holder: TERM, INT and HUP wait for ever.

use std::{
    io, mem,
    os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd},
    ptr,
};

/// Where the signals of the holder arrive.
#[derive(Debug)]
pub(crate) struct Signals(OwnedFd);

/// What has arrived.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Arrived {
    /// A child has ended, was stopped, or goes on.
    pub(crate) child: bool,
    /// Somebody misses the socket.
    pub(crate) socket_missed: bool,
}

impl Signals {
    /// Blocks every signal of this process, and takes those that the holder acts on.
    pub(crate) fn take() -> io::Result<Self> {
        // SAFETY: plain calls on sets that live on this stack.
        unsafe {
            let mut all = mem::zeroed();
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, ptr::null_mut());
            let mut ours = mem::zeroed();
            libc::sigemptyset(&raw mut ours);
            libc::sigaddset(&raw mut ours, libc::SIGCHLD);
            libc::sigaddset(&raw mut ours, libc::SIGUSR1);
            let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
            match libc::signalfd(-1, &raw const ours, flags) {
                -1 => Err(io::Error::last_os_error()),
                fd => Ok(Self(OwnedFd::from_raw_fd(fd))),
            }
        }
    }

    /// Reads what has arrived, without waiting.
    pub(crate) fn read(&self) -> Arrived {
        const SIZE: usize = size_of::<libc::signalfd_siginfo>();
        let mut arrived = Arrived::default();
        let mut buffer = [0; 4 * SIZE];
        while let Ok(count @ 1..) = rustix::io::read(&self.0, &mut buffer) {
            let (infos, _) = buffer[..count].as_chunks::<SIZE>();
            for [a, b, c, d, ..] in infos {
                // `ssi_signo` is the structure's first word.
                match u32::from_ne_bytes([*a, *b, *c, *d]) as i32 {
                    libc::SIGCHLD => arrived.child = true,
                    libc::SIGUSR1 => arrived.socket_missed = true,
                    _ => {}
                }
            }
        }
        arrived
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
