//! What the kernel counts of processes, from `/proc`.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::Context;

/// Memory of one process, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// What it has alone, and its share of what it has with others.
    pub pss: u64,
    pub private_dirty: u64,
    pub rss: u64,
}

pub fn memory(pid: u32) -> anyhow::Result<Memory> {
    let text = read(pid, "smaps_rollup")?;
    let bytes = |name: &str| Ok::<_, anyhow::Error>(number(&text, name)? * 1024);
    Ok(Memory { pss: bytes("Pss:")?, private_dirty: bytes("Private_Dirty:")?, rss: bytes("Rss:")? })
}

/// How often a process has gone to sleep by itself: once for every time that it woke up.
///
/// All its threads together.
pub fn sleeps(pid: u32) -> anyhow::Result<u64> {
    let mut sum = 0;
    let tasks = format!("/proc/{pid}/task");
    for task in fs::read_dir(&tasks).with_context(|| format!("cannot read {tasks}"))? {
        let text = fs::read_to_string(task?.path().join("status"))?;
        sum += number(&text, "voluntary_ctxt_switches:")?;
    }
    Ok(sum)
}

/// Time on a core so far, of all its threads that are or were, the kernel's part included.
pub fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    times(pid, &[11, 12])
}

/// The same, with that of the children that it has waited for.
pub fn cpu_time_with_children(pid: u32) -> anyhow::Result<Duration> {
    times(pid, &[11, 12, 13, 14])
}

fn times(pid: u32, indexes: &[usize]) -> anyhow::Result<Duration> {
    let text = read(pid, "stat")?;
    let (_, fields) = text.rsplit_once(") ").context("a stat is not as expected")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |index: &usize| fields.get(*index)?.parse::<u64>().ok();
    let sum: Option<u64> = indexes.iter().map(ticks).sum();
    // Ticks are hundredths of a second wherever Linux has a `/proc`.
    Ok(Duration::from_millis(sum.context("a stat is not as expected")? * 10))
}

/// Waits until a process has hardly used a core for two seconds; how long that took.
pub fn until_idle(pid: u32, patience: Duration) -> anyhow::Result<Duration> {
    let (begun, span) = (Instant::now(), Duration::from_secs(2));
    loop {
        let before = cpu_time(pid)?;
        thread::sleep(span);
        if cpu_time(pid)? - before <= span / 50 {
            return Ok(begun.elapsed() - span);
        }
        anyhow::ensure!(begun.elapsed() < patience, "process {pid} is still at work");
    }
}

/// How many cores were busy in a short moment just now.
pub fn busy_cores() -> anyhow::Result<f64> {
    let span = Duration::from_millis(500);
    let before = busy_ticks()?;
    thread::sleep(span);
    let ticks = busy_ticks()? - before;
    Ok(ticks as f64 / 100.0 / span.as_secs_f64())
}

/// Hundredths of a second that any core has worked.
fn busy_ticks() -> anyhow::Result<u64> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().context("/proc/stat is empty")?;
    let fields = line.split_whitespace().skip(1).map(str::parse::<u64>);
    let fields = fields.collect::<Result<Vec<_>, _>>().context("/proc/stat is not as expected")?;
    // user, nice, system; then idle and waiting; then interrupts, soft ones, stolen.
    Ok([0, 1, 2, 5, 6, 7].iter().filter_map(|index| fields.get(*index)).sum())
}

fn read(pid: u32, file: &str) -> anyhow::Result<String> {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
}

fn number(text: &str, name: &str) -> anyhow::Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    value.with_context(|| format!("no `{name}` where it was expected"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_of_this_process() {
        let me = std::process::id();
        let memory = memory(me).unwrap();
        assert!(memory.pss > 0 && memory.pss <= memory.rss);
        let work = || cpu_time(me).unwrap();
        let begun = work();
        while work() == begun {}
        let before = sleeps(me).unwrap();
        thread::sleep(Duration::from_millis(2));
        assert!(sleeps(me).unwrap() > before);
    }
}
