//! The fork: what happens between it and the command's first instruction.

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    ptr,
};

use rustix::{
    pipe::{PipeFlags, pipe_with},
    process::{Pid, PidfdFlags, pidfd_open},
};

use crate::process::leaf::Leaf;

use super::{
    failure::{Failure, Stage},
    image::Image,
    stdio::ChildEnds,
};

/// The kernel's number; the one in `libc` has a type that is too narrow for it.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// A child that has become its command, or has failed to.
#[derive(Debug)]
pub(crate) struct Spawned {
    pub(crate) pid: Pid,
    /// None on kernels that have none.
    pub(crate) pidfd: Option<OwnedFd>,
    pub(crate) failure: Option<Failure>,
}

/// Forks and executes, in the given cgroup where the kernel lets us.
pub(crate) fn spawn(
    image: &mut Image,
    ends: ChildEnds,
    leaf: Option<&Leaf>,
    legacy: &[Leaf],
) -> io::Result<Spawned> {
    let (words, last_words) = pipe_with(PipeFlags::CLOEXEC)?;
    let door = leaf.and_then(|leaf| leaf.door().ok());
    let legacy: Vec<_> = legacy.iter().filter_map(|leaf| leaf.door().ok()).collect();
    let mut plan = Plan {
        image,
        cgroup_door: door.as_ref().map(AsRawFd::as_raw_fd),
        legacy_doors: legacy.iter().map(AsRawFd::as_raw_fd).collect(),
        descriptors: ends.descriptors.iter().map(AsRawFd::as_raw_fd).collect(),
        terminal: ends.terminal,
        last_words: last_words.as_raw_fd(),
        parent: rustix::process::getpid(),
    };
    let cloned = leaf.and_then(|leaf| clone_into(&leaf.open().ok()?, &mut plan).ok());
    let (pid, pidfd) = cloned.map_or_else(|| fork(&mut plan), Ok)?;
    drop((ends, last_words));
    let failure = Failure::from_bytes(&read_all(&words));
    Ok(Spawned { pid, pidfd, failure })
}

/// What the child does. Nothing in it is allocated after the fork.
struct Plan<'a> {
    image: &'a mut Image,
    /// Where the child enters its cgroup, unless it was born there.
    cgroup_door: Option<RawFd>,
    /// Where it enters those of version 1, in which nobody can be born.
    legacy_doors: Vec<RawFd>,
    descriptors: Vec<RawFd>,
    terminal: bool,
    last_words: RawFd,
    parent: Pid,
}

fn fork(plan: &mut Plan<'_>) -> io::Result<(Pid, Option<OwnedFd>)> {
    // SAFETY: the process has one thread, and the child calls async-signal-safe functions only.
    let pid = match unsafe { libc::fork() } {
        -1 => return Err(io::Error::last_os_error()),
        0 => plan.carry_out(),
        pid => pid,
    };
    let pid = Pid::from_raw(pid).ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?;
    // It cannot have been reaped yet, so the number is still its own.
    Ok((pid, pidfd_open(pid, PidfdFlags::empty()).ok()))
}

/// Forks into a cgroup, so that no instruction of the child runs outside of it.
fn clone_into(leaf: &OwnedFd, plan: &mut Plan<'_>) -> io::Result<(Pid, Option<OwnedFd>)> {
    let mut pidfd: RawFd = -1;
    // SAFETY: all-zero arguments are valid, and ask for a plain fork. As after `fork`, the
    // child has a copy of the memory and calls async-signal-safe functions only.
    let pid = unsafe {
        let mut arguments: libc::clone_args = std::mem::zeroed();
        arguments.flags = libc::CLONE_PIDFD as u64 | CLONE_INTO_CGROUP;
        arguments.pidfd = (&raw mut pidfd) as u64;
        arguments.exit_signal = libc::SIGCHLD as u64;
        arguments.cgroup = leaf.as_raw_fd() as u64;
        libc::syscall(libc::SYS_clone3, &raw mut arguments, size_of::<libc::clone_args>())
    };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            // Born there. Entering costs 10 ms: the kernel stops all forks for it.
            plan.cgroup_door = None;
            plan.carry_out()
        }
        pid => {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            let pid = pid.ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?;
            // SAFETY: the kernel has just made this descriptor for us, close-on-exec.
            Ok((pid, (pidfd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(pidfd) })))
        }
    }
}

impl Plan<'_> {
    /// The child's whole life before its command. Async-signal-safe.
    fn carry_out(&mut self) -> ! {
        let failure = self
            .prepare()
            .err()
            .unwrap_or_else(|| Failure { stage: Stage::Execute, errno: self.image.execute() });
        let words = failure.to_bytes();
        // SAFETY: a plain write and the end of this process, without the parent's exit handlers.
        unsafe {
            libc::write(self.last_words, words.as_ptr().cast(), words.len());
            libc::_exit(127)
        }
    }

    fn prepare(&self) -> Result<(), Failure> {
        let failed = |stage| move || Failure { stage, errno: errno() };
        // SAFETY: plain system calls on descriptors and memory of this process.
        unsafe {
            libc::setsid();
            // The end of the holder is the end of the session; it may have come already.
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            if libc::getppid() != self.parent.as_raw_nonzero().get() {
                libc::_exit(127);
            }
            for door in self.cgroup_door.iter().chain(&self.legacy_doors) {
                // Without the first, the tree is found by its ancestry; without the others,
                // the holder measures what they limit.
                libc::write(*door, c"0".as_ptr().cast(), 1);
            }
            if !self.take_descriptors() {
                return Err(failed(Stage::Terminal)());
            }
            self.take_limits();
            libc::umask(self.image.umask & 0o777);
            if libc::chdir(self.image.directory.as_ptr()) == -1 {
                return Err(failed(Stage::Directory)());
            }
            reset_signals();
        }
        Ok(())
    }

    /// Puts the terminal or pipes at 0, 1 and 2, and lets nothing else pass the exec.
    unsafe fn take_descriptors(&self) -> bool {
        let last = self.descriptors.last().copied().unwrap_or(-1);
        // SAFETY: as the caller has it.
        unsafe {
            if self.terminal && libc::ioctl(last, libc::TIOCSCTTY, 0) == -1 {
                return false;
            }
            for target in 0..3 {
                let source = self.descriptors.get(target as usize).copied().unwrap_or(last);
                // Ours lie above 2, as the holder was born with all three of them open.
                if libc::dup2(source, target) == -1 {
                    return false;
                }
            }
            let flags = libc::CLOSE_RANGE_CLOEXEC as i32;
            // Everything that the holder opens is close-on-exec anyway.
            libc::syscall(libc::SYS_close_range, 3, u32::MAX, flags);
        }
        true
    }

    /// Sets the caller's limits as far as this process may.
    unsafe fn take_limits(&self) {
        for (resource, limit) in &self.image.limits {
            let resource = *resource as libc::__rlimit_resource_t;
            // SAFETY: as the caller has it.
            unsafe {
                if libc::setrlimit(resource, &raw const *limit) == 0 {
                    continue;
                }
                // Nobody but root raises a hard limit: come as near as possible.
                let mut now: libc::rlimit = std::mem::zeroed();
                if libc::getrlimit(resource, &raw mut now) == 0 {
                    let hard = limit.rlim_max.min(now.rlim_max);
                    let nearest =
                        libc::rlimit { rlim_cur: limit.rlim_cur.min(hard), rlim_max: hard };
                    libc::setrlimit(resource, &raw const nearest);
                }
            }
        }
    }
}

/// Default dispositions and an empty mask, as a command expects them.
unsafe fn reset_signals() {
    // The kernel's own call and structure, since the library refuses the signals that it uses
    // itself; all zero is the default action.
    let default = [0_u64; 4];
    // SAFETY: as the caller has it; KILL and STOP are refused, harmlessly.
    unsafe {
        for signal in 1..=libc::SIGRTMAX() {
            let old = ptr::null_mut::<u64>();
            libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), old, 8_usize);
        }
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
    }
}

fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

fn read_all(words: &OwnedFd) -> Vec<u8> {
    let mut all = Vec::new();
    let mut piece = [0; Failure::SIZE];
    loop {
        match rustix::io::read(words, &mut piece) {
            Ok(0) => return all,
            Ok(count) => all.extend_from_slice(&piece[..count]),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return all,
        }
    }
}
