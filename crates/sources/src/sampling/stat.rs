//! What `/proc/PID` says of what one process uses.

use std::{fs, io};

/// What `/proc/PID/stat` says of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessUse {
    pub pid: u32,
    pub comm: String,
    /// `R`, `S`, `D`, `T`, `Z`, …
    pub state: char,
    pub parent: u32,
    pub flags: u64,
    /// Clock ticks on a core.
    pub ticks: u64,
    /// Those of the children that it has waited for, and of all that they had waited for.
    pub waited_ticks: u64,
    pub threads: u64,
    /// Clock ticks after boot.
    pub start_time: u64,
    pub resident_pages: u64,
}

impl ProcessUse {
    /// Reads what a process uses; none where there is no such process.
    pub fn read(pid: u32) -> io::Result<Option<Self>> {
        match fs::read(format!("/proc/{pid}/stat")) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A command may hold any bytes, parentheses and line breaks too: the last `)` ends it.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(text);
        let (head, tail) = text.rsplit_once(") ")?;
        let (pid, comm) = head.split_once(" (")?;
        let fields: Vec<&str> = tail.split_ascii_whitespace().take(22).collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        // What it waited for is signed in the kernel's words, though never negative.
        let sum = |one: usize, other: usize| Some(number(one)?.saturating_add(number(other)?));
        Some(Self {
            pid: pid.parse().ok()?,
            comm: comm.to_owned(),
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            flags: number(6)?,
            ticks: sum(11, 12)?,
            waited_ticks: sum(13, 14)?,
            threads: number(17)?,
            start_time: number(19)?,
            resident_pages: number(21)?,
        })
    }

    /// Gone in all but name. A main thread that has ended before the others looks like a
    /// zombie, but its process lives.
    pub fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x') && self.threads <= 1
    }

    /// Bytes that it, and whoever it has waited for, had fetched from storage and sent there;
    /// none where the kernel does not let it be seen.
    pub fn io(&self) -> Option<(u64, u64)> {
        read_io(&fs::read(format!("/proc/{}/io", self.pid)).ok()?)
    }

    /// How many files it has open; none where the kernel does not let it be seen.
    pub fn open_files(&self) -> Option<u32> {
        let folder = format!("/proc/{}/fd", self.pid);
        // Since Linux 6.2 the folder's size is their number.
        let count = match fs::metadata(&folder).ok()?.len() {
            0 => fs::read_dir(&folder).ok()?.count() as u64,
            size => size,
        };
        u32::try_from(count).ok()
    }
}

/// Reads `/proc/PID/io`: `read_bytes` and `write_bytes`.
pub fn read_io(text: &[u8]) -> Option<(u64, u64)> {
    let text = std::str::from_utf8(text).ok()?;
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().parse().ok()
    };
    Some((number("read_bytes:")?, number("write_bytes:")?))
}

fn is_gone(error: &io::Error) -> bool {
    let gone = Some(rustix::io::Errno::SRCH.raw_os_error());
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == gone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_may_try_to_look_like_fields() {
        let text =
            b"42 (a) R 1 (b) S 7 42 42 0 -1 4194304 90 0 0 0 11 12 13 14 20 0 3 0 991 1 55 0\n";
        let process = ProcessUse::parse(text).unwrap();
        assert_eq!((process.pid, process.comm.as_str(), process.state), (42, "a) R 1 (b", 'S'));
        assert_eq!((process.parent, process.flags, process.threads), (7, 4_194_304, 3));
        assert_eq!((process.ticks, process.waited_ticks), (23, 27));
        assert_eq!((process.start_time, process.resident_pages), (991, 55));
        for cut in 0..text.len() - b"55 0\n".len() {
            assert_eq!(ProcessUse::parse(&text[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn io_is_read_by_name() {
        let text = b"rchar: 9\nwchar: 8\nread_bytes: 7\nwrite_bytes: 6\ncancelled_write_bytes: 5\n";
        assert_eq!(read_io(text), Some((7, 6)));
        assert_eq!(read_io(b"read_bytes: 7\n"), None);
        assert_eq!(read_io(b"read_bytes: -7\nwrite_bytes: 6\n"), None);
    }
}
