//! How a process ended that was nobody of ours: the kernel remembers while a pidfd is open.

use std::{fs, os::fd::AsFd};

use wk_model::ProcessId;

use crate::system::pidfd::exit_status;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal { signal: i32, core_dumped: bool },
}

/// The kernel's record; none before the process was waited for, and before Linux 6.15.
pub(crate) fn exit_of(pidfd: impl AsFd) -> Option<Exit> {
    exit_status(pidfd).map(of_status)
}

/// What `/proc` says of one that nobody has waited for yet.
pub(crate) fn exit_of_zombie(process: &ProcessId) -> Option<Exit> {
    let text = fs::read(format!("/proc/{}/stat", process.pid)).ok()?;
    zombie_status(&text, process.start_time).map(of_status)
}

/// Field 52 of the stat of a zombie that started then.
fn zombie_status(stat: &[u8], start_time: u64) -> Option<i32> {
    let text = String::from_utf8_lossy(stat);
    let (_, tail) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
    let threads: u64 = fields.get(17)?.parse().ok()?;
    let started: u64 = fields.get(19)?.parse().ok()?;
    let is_it = matches!(*fields.first()?, "Z" | "X") && threads <= 1 && started == start_time;
    fields.get(49)?.parse().ok().filter(|_| is_it)
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
    fn a_zombie_tells_how_it_ended_before_anybody_has_waited() {
        let mut child = std::process::Command::new("sh").args(["-c", "exit 3"]).spawn().unwrap();
        let stat = || wk_holder::host::ProcessStat::read(child.id()).unwrap().unwrap();
        while !stat().is_dead() {
            std::thread::yield_now();
        }
        let process = stat().id();
        assert_eq!(exit_of_zombie(&process), Some(Exit::Code(3)));
        let earlier = ProcessId { start_time: process.start_time - 1, ..process };
        assert_eq!(exit_of_zombie(&earlier), None);
        child.wait().unwrap();
        assert_eq!(exit_of_zombie(&process), None);
        assert_eq!(zombie_status(b"7 (a) Z 1 2", 0), None);
    }
}
