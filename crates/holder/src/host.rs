//! Facts of the host that holder and daemon must read alike: clocks and who a process is.

use std::{fs, io, sync::OnceLock};

use rustix::time::{ClockId, clock_gettime};
use wk_model::{BootId, Liveness, Moment, ProcessId, Time};

/// This boot. All zeros where the kernel does not say.
pub fn boot_id() -> BootId {
    static BOOT: OnceLock<BootId> = OnceLock::new();
    *BOOT.get_or_init(|| {
        let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        text.parse().unwrap_or_default()
    })
}

/// Now, by both clocks.
pub fn now() -> Moment {
    let wall = clock_gettime(ClockId::Realtime);
    let boot = clock_gettime(ClockId::Boottime);
    Moment {
        time: Time::from_millis(wall.tv_sec * 1000 + wall.tv_nsec / 1_000_000),
        boot: boot_id(),
        boot_ns: (boot.tv_sec as u64) * 1_000_000_000 + boot.tv_nsec as u64,
    }
}

/// What `/proc/PID/stat` says of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessStat {
    pub pid: u32,
    pub comm: String,
    /// `R`, `S`, `D`, `T`, `Z`, …
    pub state: char,
    pub parent: u32,
    pub threads: u64,
    /// Clock ticks after boot.
    pub start_time: u64,
    /// Clock ticks of CPU that it has used, in all its threads.
    pub cpu_ticks: u64,
    /// Clock ticks of CPU of descendants whose end was waited for.
    pub waited_ticks: u64,
}

impl ProcessStat {
    /// Reads the stat of a process; none where there is no such process.
    pub fn read(pid: u32) -> io::Result<Option<Self>> {
        match fs::read(format!("/proc/{pid}/stat")) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            // The process went away between open and read.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// A command may hold any bytes, parentheses and line breaks too: the last `)` ends it.
    fn parse(text: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(text);
        let (head, tail) = text.rsplit_once(") ")?;
        let (pid, comm) = head.split_once(" (")?;
        let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
        let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            pid: pid.parse().ok()?,
            comm: comm.to_owned(),
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            threads: fields.get(17)?.parse().ok()?,
            start_time: fields.get(19)?.parse().ok()?,
            cpu_ticks: ticks(11)?.saturating_add(ticks(12)?),
            waited_ticks: ticks(13)?.saturating_add(ticks(14)?),
        })
    }

    /// Gone in all but name. A main thread that has ended before the others looks like a
    /// zombie, but its process lives.
    pub fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x') && self.threads <= 1
    }

    /// The process, as it can be told from later ones.
    pub fn id(&self) -> ProcessId {
        ProcessId { boot: boot_id(), pid: self.pid, start_time: self.start_time }
    }
}

/// Who the process with number `pid` is now; none where nobody lives under it.
pub fn identify(pid: u32) -> io::Result<Option<ProcessId>> {
    let stat = ProcessStat::read(pid)?;
    Ok(stat.filter(|stat| !stat.is_dead()).map(|stat| stat.id()))
}

/// Whether exactly this process lives. A zombie is dead.
pub fn liveness(process: &ProcessId) -> Liveness {
    if process.boot != boot_id() {
        return Liveness::Dead;
    }
    match identify(process.pid) {
        Ok(Some(found)) if found == *process => Liveness::Alive,
        Ok(_) => Liveness::Dead,
        Err(_) => Liveness::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_parentheses_is_read_whole() {
        let text = b"42 (a) R 1 (b) S 7 42 42 0 -1 0 0 0 0 0 3 4 50 60 20 0 1 0 991 0 0\n";
        let stat = ProcessStat::parse(text).unwrap();
        assert_eq!((stat.pid, stat.comm.as_str(), stat.state), (42, "a) R 1 (b", 'S'));
        assert_eq!((stat.parent, stat.start_time), (7, 991));
        assert_eq!((stat.cpu_ticks, stat.waited_ticks), (7, 110));
        assert_eq!(ProcessStat::parse(b"garbage"), None);
    }

    #[test]
    fn threads_live_on_without_the_first_one() {
        let text = |threads: u32| {
            format!("42 (a) Z 7 42 42 0 -1 0 0 0 0 0 0 0 0 0 20 0 {threads} 0 991 0 0\n")
        };
        assert!(ProcessStat::parse(text(1).as_bytes()).unwrap().is_dead());
        assert!(!ProcessStat::parse(text(2).as_bytes()).unwrap().is_dead());
    }

    #[test]
    fn this_process_lives_and_its_namesakes_do_not() {
        let me = identify(std::process::id()).unwrap().unwrap();
        assert_eq!(liveness(&me), Liveness::Alive);
        assert_eq!(liveness(&ProcessId { start_time: me.start_time + 1, ..me }), Liveness::Dead);
        assert_eq!(liveness(&ProcessId { boot: BootId::default(), ..me }), Liveness::Dead);
    }

    #[test]
    fn a_zombie_is_dead() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = || ProcessStat::read(child.id()).unwrap().unwrap().is_dead();
        while !dead() {
            std::thread::yield_now();
        }
        assert_eq!(identify(child.id()).unwrap(), None);
        child.wait().unwrap();
    }
}
