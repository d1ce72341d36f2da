//! How a process ended that was nobody of ours: the kernel remembers while a pidfd is open.

use std::os::fd::AsFd;

use rustix::ioctl::{self, Updater, opcode};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal { signal: i32, core_dumped: bool },
}

/// `PIDFD_INFO_EXIT`.
const EXIT: u64 = 1 << 3;

/// `struct pidfd_info`, as its first version has it.
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    cgroup: u64,
    ids: [u32; 11],
    exit_code: i32,
}

/// The kernel's record; none before the process was waited for, and before Linux 6.15.
pub(crate) fn exit_of(pidfd: impl AsFd) -> Option<Exit> {
    const GET_INFO: ioctl::Opcode = opcode::read_write::<PidfdInfo>(0xff, 11);
    let mut info = PidfdInfo { mask: EXIT, ..PidfdInfo::default() };
    // SAFETY: the kernel writes at most the size that the opcode says, which is the struct's.
    #[expect(unsafe_code, reason = "an ioctl that rustix does not know")]
    unsafe { ioctl::ioctl(pidfd, Updater::<GET_INFO, PidfdInfo>::new(&mut info)) }.ok()?;
    (info.mask & EXIT != 0).then(|| of_status(info.exit_code))
}

/// Reads a wait status.
fn of_status(status: i32) -> Exit {
    match status & 0x7f {
        0 => Exit::Code(status >> 8 & 0xff),
        signal => Exit::Signal { signal, core_dumped: status & 0x80 != 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_statuses_are_read() {
        assert_eq!(of_status(0x300), Exit::Code(3));
        assert_eq!(of_status(9), Exit::Signal { signal: 9, core_dumped: false });
        assert_eq!(of_status(0x8b), Exit::Signal { signal: 11, core_dumped: true });
    }

    #[test]
    fn the_record_has_the_kernels_size() {
        assert_eq!(size_of::<PidfdInfo>(), 64);
    }
}
