//! How a process ended that somebody else has waited for: the kernel keeps it for whoever holds
//! a pidfd that was opened before (Linux 6.15 and later).

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    ioctl::{Updater, ioctl, opcode},
    process::{Pid, PidfdFlags, pidfd_open},
};
use wk_holder::host;
use wk_model::{Liveness, ProcessId};

/// `struct pidfd_info` of `linux/pidfd.h`, in its first version of 64 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct PidfdInfo {
    /// What is asked for, and then what was answered.
    mask: u64,
    cgroup_id: u64,
    pid: u32,
    tgid: u32,
    parent: u32,
    /// Real, effective, saved and file system's, each of user and group.
    ids: [u32; 8],
    /// As `wait` gives it.
    exit_code: i32,
}

const _: () = assert!(size_of::<PidfdInfo>() == 64);

const PIDFD_INFO_EXIT: u64 = 1 << 3;

const PIDFD_GET_INFO: rustix::ioctl::Opcode = opcode::read_write::<PidfdInfo>(0xff, 11);

/// Whether this kernel tells how processes end that others waited for: since Linux 6.15.
pub fn tells_exits() -> bool {
    super::release() >= (6, 15)
}

/// How the process of a pidfd ended, as `wait` encodes it; none while it lives, before its parent
/// has waited for it, or where the kernel is too old to say.
pub(crate) fn exit_status(pidfd: impl AsFd) -> Option<i32> {
    let mut info = PidfdInfo { mask: PIDFD_INFO_EXIT, ..PidfdInfo::default() };
    #[expect(unsafe_code, reason = "the ioctl has no safe name")]
    // SAFETY: the opcode carries the size of exactly this structure of plain numbers, and the
    // kernel writes no more than that.
    let asked = unsafe { ioctl(pidfd, Updater::<PIDFD_GET_INFO, _>::new(&mut info)) };
    asked.ok()?;
    (info.mask & PIDFD_INFO_EXIT != 0).then_some(info.exit_code)
}

/// A hold on one process that outlives it.
#[derive(Debug)]
pub struct KeptPidfd {
    pub process: ProcessId,
    pidfd: OwnedFd,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    pub code: Option<i32>,
    pub signal: Option<i32>,
}

impl KeptPidfd {
    /// Takes hold of a process that lives; none where it does not.
    pub fn open(process: &ProcessId) -> io::Result<Option<Self>> {
        let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(io::ErrorKind::InvalidInput)?;
        let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            opened => opened?,
        };
        // The number may have passed to another process before the pidfd was opened.
        let same = host::liveness(process) != Liveness::Dead;
        Ok(same.then_some(Self { process: *process, pidfd }))
    }

    /// How it ended; none while it lives, before its parent has waited for it, or where the
    /// kernel is too old to say.
    pub fn exit(&self) -> Option<Exit> {
        exit_status(&self.pidfd).map(Exit::of_status)
    }

    /// Whether it has ended, waited for or not.
    pub fn has_ended(&self) -> bool {
        let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
    }
}

impl Exit {
    /// As `wait` encodes it.
    pub fn of_status(status: i32) -> Self {
        match status & 0x7f {
            0 => Self { code: Some(status >> 8 & 0xff), signal: None },
            signal => Self { code: None, signal: Some(signal) },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        process::{Command, Stdio},
    };

    use super::*;

    /// Starts a process whose parent is another than us, which waits for it.
    fn grandchild(script: &str) -> (std::process::Child, KeptPidfd) {
        let text = format!("sh -c 'echo $$; read line; {script}' <&3 & wait");
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec 3<&0; {text}")]);
        let mut shell =
            shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell starts");
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let process = host::identify(line.trim().parse().unwrap()).unwrap().unwrap();
        let kept = KeptPidfd::open(&process).unwrap().unwrap();
        (shell, kept)
    }

    #[test]
    fn the_end_of_somebody_elses_child_is_told_after_it_was_waited_for() {
        for (script, want) in [
            ("exit 7", Exit { code: Some(7), signal: None }),
            ("kill -9 $$", Exit { code: None, signal: Some(9) }),
        ] {
            let (mut shell, kept) = grandchild(script);
            assert_eq!((kept.exit(), kept.has_ended()), (None, false), "it lives");
            drop(shell.stdin.take());
            shell.wait().unwrap();
            assert!(kept.has_ended());
            assert_eq!(kept.exit(), tells_exits().then_some(want), "{script}");
        }
    }

    #[test]
    fn a_namesake_is_not_held() {
        let me = host::identify(std::process::id()).unwrap().unwrap();
        let earlier = ProcessId { start_time: me.start_time - 1, ..me };
        assert!(KeptPidfd::open(&earlier).unwrap().is_none());
    }
}
