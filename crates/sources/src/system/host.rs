//! How the machine is: memory, CPU, what waits, room on a disk.

use std::{fs::File, io::Read, path::Path};

use wk_model::HostState;

/// Files of `/proc` that are read here are short; `/proc/stat` may be long, and its first line
/// is enough.
const MOST: u64 = 8 << 10;

/// Looks at the machine, one time after another.
#[derive(Debug, Default)]
pub struct HostLooker {
    before: Option<CpuTimes>,
}

/// Ticks of all CPUs since the machine was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuTimes {
    pub busy: u64,
    pub all: u64,
}

impl HostLooker {
    /// All but the disk's room, which may have to be waited for.
    pub fn look(&mut self) -> HostState {
        let memory = read("/proc/meminfo").as_deref().and_then(memory);
        let times = read("/proc/stat").as_deref().and_then(cpu_times);
        let cpu_percent = self.before.zip(times).and_then(|(before, now)| percent(before, now));
        self.before = times.or(self.before);
        let pressure = |name: &str| pressure(&read(&format!("/proc/pressure/{name}"))?);
        HostState {
            memory_used_bytes: memory.map(|(used, _)| used),
            memory_total_bytes: memory.map(|(_, total)| total),
            cpu_percent,
            memory_pressure: pressure("memory"),
            io_pressure: pressure("io"),
            cpu_pressure: pressure("cpu"),
            disk_free_bytes: None,
        }
    }
}

/// What is left where a path is, for those who are not the superuser. May hang where a network's
/// file system does.
pub fn disk_free(path: &Path) -> Option<u64> {
    let room = rustix::fs::statvfs(path).ok()?;
    Some(room.f_bavail.saturating_mul(room.f_frsize))
}

fn read(path: &str) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MOST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// `/proc/meminfo`: what is used, and what there is, in bytes.
pub fn memory(text: &str) -> Option<(u64, u64)> {
    let bytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    };
    let total = bytes("MemTotal")?;
    Some((total.saturating_sub(bytes("MemAvailable")?), total))
}

/// The first line of `/proc/stat`. Waiting for a disk is idle; guests are counted in user time.
pub fn cpu_times(text: &str) -> Option<CpuTimes> {
    let line = text.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line.split_ascii_whitespace().take(8).flat_map(str::parse).collect();
    let all = ticks.iter().fold(0_u64, |sum, ticks| sum.saturating_add(*ticks));
    let idle = ticks.get(3)?.saturating_add(*ticks.get(4)?);
    Some(CpuTimes { busy: all.saturating_sub(idle), all })
}

/// None where no time has passed.
pub fn percent(before: CpuTimes, now: CpuTimes) -> Option<u32> {
    let all = now.all.checked_sub(before.all).filter(|all| *all > 0)?;
    let busy = now.busy.saturating_sub(before.busy).min(all);
    u32::try_from(u128::from(busy) * 100 / u128::from(all)).ok()
}

/// `some avg10=1.23 …`: in hundredths of a percent.
pub fn pressure(text: &str) -> Option<u32> {
    let line = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let (whole, part) = line.strip_prefix("avg10=")?.split(' ').next()?.split_once('.')?;
    let part = (part.len() == 2).then(|| part.parse::<u32>().ok())??;
    whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_what_nobody_else_could_have() {
        let text = "MemTotal:        8000 kB\nMemFree: 1 kB\nMemAvailable:    3000 kB\n";
        assert_eq!(memory(text), Some((5000 * 1024, 8000 * 1024)));
        assert_eq!(memory("MemTotal: 8 kB\n"), None);
        assert_eq!(memory("MemTotal: 99999999999999999999 kB\nMemAvailable: 1 kB\n"), None);
    }

    #[test]
    fn cpu_is_what_was_busy_between_two_looks() {
        let before = cpu_times("cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 1 2\n").unwrap();
        let now = cpu_times("cpu  150 0 125 770 105 0 0 0 50 0\n").unwrap();
        assert_eq!(percent(before, now), Some(50));
        assert_eq!(percent(now, now), None);
        assert_eq!(percent(now, before), None);
        assert_eq!(cpu_times("cpu  1 2\n"), None);
    }

    #[test]
    fn pressure_is_told_in_hundredths() {
        let text = "some avg10=12.34 avg60=0.02 avg300=0.24 total=11550715\nfull avg10=0.00\n";
        assert_eq!(pressure(text), Some(1234));
        for bad in
            ["", "some avg10=1", "some avg10=1.2 x", "full avg10=1.22", "some avg10=9999999999.00"]
        {
            assert_eq!(pressure(bad), None, "{bad}");
        }
    }

    #[test]
    fn this_machine_has_memory_cpus_and_a_disk() {
        let mut looker = HostLooker::default();
        let first = looker.look();
        assert_eq!(first.cpu_percent, None, "nothing to compare with");
        assert!(first.memory_used_bytes.unwrap() < first.memory_total_bytes.unwrap());
        assert!(disk_free(Path::new("/")).is_some());
    }
}
