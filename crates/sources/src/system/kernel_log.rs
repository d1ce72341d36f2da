//! The kernel's own log: OOM kills, faults, forbidden system calls.
//!
//! Read through `/dev/kmsg`, one record for each read, from where the last look ended. Only what
//! the kernel wrote itself is believed: it marks the lines of others.

mod line;
mod record;

use std::{
    collections::VecDeque,
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    time::Instant,
};

use rustix::{fs::OFlags, io::Errno};
use wk_judges::autopsy::LogNote;

pub use self::{
    line::read_line,
    record::{Record, read_record},
};

/// Notes that are kept; older ones are forgotten.
const KEPT: usize = 512;

/// The kernel refuses to give a longer record, and none is.
const RECORD: usize = 8192;

/// Two lines within this time are about the same kill.
const SAME_NS: u64 = 1_000_000_000;

/// Something that the kernel wrote down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// `CLOCK_BOOTTIME`, as near as the log tells it.
    pub boot_ns: u64,
    pub note: LogNote,
}

/// An open kernel log, and what it has told so far.
#[derive(Debug)]
pub struct KernelLog {
    file: File,
    notes: VecDeque<Noted>,
}

impl KernelLog {
    /// Needs `CAP_SYSLOG`, or `kernel.dmesg_restrict = 0` and a readable device.
    pub fn open() -> Result<Self, String> {
        // Elsewhere it names other processes than those that we know by the same numbers.
        let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        if namespace.as_os_str() != "pid:[4026531836]" {
            return Err(
                "the kernel's log counts processes by the host's numbers, and we are in a \
                        pid namespace of our own"
                    .into(),
            );
        }
        let mut options = OpenOptions::new();
        let flags = OFlags::NONBLOCK.bits() as i32;
        let file = options.read(true).custom_flags(flags).open("/dev/kmsg");
        let file = file.map_err(|error| {
            format!(
                "the kernel's log cannot be read ({error}): it takes CAP_SYSLOG, or \
                 kernel.dmesg_restrict=0 and a readable /dev/kmsg"
            )
        })?;
        Ok(Self { file, notes: VecDeque::new() })
    }

    /// Takes in what was written since the last look, until `deadline`.
    pub fn catch_up(&mut self, deadline: Instant) -> io::Result<()> {
        let suspended = super::suspended_ns();
        let mut buffer = [0; RECORD];
        while Instant::now() < deadline {
            let length = match self.file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // The log has run over us: the next read goes on with the oldest that is left.
                Err(error) if is(&error, Errno::PIPE) || is(&error, Errno::INVAL) => continue,
                Err(error) => return Err(error),
            };
            self.take(&buffer[..length], suspended);
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8], suspended: u64) {
        let Some(record) = read_record(bytes).filter(Record::is_kernels) else { return };
        let Some(note) = read_line(&record.text) else { return };
        let boot_ns = record.monotonic_us.saturating_mul(1000).saturating_add(suspended);
        if self.is_told_already(&note, boot_ns) {
            return;
        }
        if self.notes.len() == KEPT {
            self.notes.pop_front();
        }
        self.notes.push_back(Noted { boot_ns, note });
    }

    /// The kernel writes two lines for an OOM kill, the first of which says more.
    fn is_told_already(&self, note: &LogNote, boot_ns: u64) -> bool {
        let LogNote::KernelOom { pid, .. } = note else { return false };
        let of_same = |noted: &&Noted| {
            let LogNote::KernelOom { pid: other, .. } = &noted.note else { return false };
            other == pid && boot_ns.saturating_sub(noted.boot_ns) < SAME_NS
        };
        self.notes.iter().rev().take(8).any(|noted| of_same(&noted))
    }

    /// What was written between two moments of the boot-time clock, oldest first.
    pub fn between(&self, since_ns: u64, until_ns: u64) -> impl Iterator<Item = &Noted> {
        self.notes.iter().filter(move |noted| (since_ns..=until_ns).contains(&noted.boot_ns))
    }
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_so_many_notes_are_kept_and_lines_of_others_are_none() {
        let Ok(file) = File::open("/dev/null") else { return };
        let mut log = KernelLog { file, notes: VecDeque::new() };
        for number in 0..2 * KEPT {
            let line =
                format!("3,{number},{number},-;Out of memory: Killed process {number} (a) t");
            log.take(line.as_bytes(), 0);
        }
        log.take(b"12,9,9999999,-;Out of memory: Killed process 77 (forged) total-vm:1kB", 0);
        let again = format!("3,9,{0},-;Out of memory: Killed process {0} (a) t", 2 * KEPT - 1);
        log.take(again.as_bytes(), 0);
        assert_eq!(log.notes.len(), KEPT);
        let first = KEPT as u64 * 1000;
        assert_eq!(log.between(0, u64::MAX).next().map(|noted| noted.boot_ns), Some(first));
        assert_eq!(log.between(0, first).count(), 1);
    }

    #[test]
    fn the_log_of_this_machine_is_read_to_its_end_or_says_why_not() {
        match KernelLog::open() {
            Ok(mut log) => {
                let began = Instant::now();
                log.catch_up(began + Duration::from_secs(5)).unwrap();
                assert!(began.elapsed() < Duration::from_secs(5), "it was not read to its end");
                log.catch_up(Instant::now() + Duration::from_secs(5)).unwrap();
            }
            Err(why) => assert!(why.contains("kernel's log"), "{why}"),
        }
    }
}
