//! What processes take, as `/proc` tells.

use std::fs;

use wk_model::ProcessUse;

use crate::process::tree::{self, Tree};

/// What one process takes; none where it is gone.
pub(super) fn process(pid: u32) -> Option<ProcessUse> {
    let stat = tree::read(pid).filter(|stat| !stat.is_dead())?;
    let cpu_ms = milliseconds(stat.cpu_ticks);
    Some(ProcessUse { pid, comm: stat.comm, memory_bytes: memory_of(pid), cpu_ms })
}

/// Memory of the tree. Counted quickly, that may be too much: what is shared counts for each
/// who shares it. Near the limit it is therefore counted by shares.
pub(super) fn memory(tree: &Tree, near: u64) -> u64 {
    let pids = tree.pids(usize::MAX);
    let sum =
        |count: fn(u32) -> u64| pids.iter().map(|pid| count(*pid)).fold(0, u64::saturating_add);
    let most = sum(memory_of);
    if most < near || pids.len() == 1 { most } else { sum(share_of).min(most) }
}

/// Milliseconds of CPU of the tree: of those who live, and of those whose end was waited for,
/// be it by them or by us.
pub(super) fn cpu_ms(tree: &Tree) -> u64 {
    let stats = tree.pids(usize::MAX).into_iter().filter_map(tree::read);
    let of_living = stats.map(|stat| stat.cpu_ticks.saturating_add(stat.waited_ticks));
    let of_ours = tree::read(std::process::id()).map_or(0, |stat| stat.waited_ticks);
    milliseconds(of_living.fold(of_ours, u64::saturating_add))
}

fn milliseconds(ticks: u64) -> u64 {
    // SAFETY: a plain call.
    let each_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    ticks.saturating_mul(1000) / u64::try_from(each_second).unwrap_or(100).max(1)
}

fn memory_of(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    kilobytes(&text, &["RssAnon:", "RssShmem:", "VmSwap:"])
}

fn share_of(pid: u32) -> u64 {
    match fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        // Older kernels do not tell what of the share is of files.
        Ok(text) if text.contains("Pss_Anon:") => {
            kilobytes(&text, &["Pss_Anon:", "Pss_Shmem:", "SwapPss:"])
        }
        _ => memory_of(pid),
    }
}

/// The sum of some lines like `Name:   12 kB`, in bytes.
fn kilobytes(text: &str, names: &[&str]) -> u64 {
    let wanted = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        words.next().filter(|name| names.contains(name))?;
        words.next()?.parse::<u64>().ok()
    });
    wanted.fold(0, u64::saturating_add).saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_something() {
        let own = process(std::process::id()).unwrap();
        assert!(own.memory_bytes > 0 && !own.comm.is_empty());
        assert_eq!(process(0), None);
        assert!(share_of(std::process::id()) <= memory_of(std::process::id()) + (1 << 20));
    }

    #[test]
    fn lines_are_added_by_their_names() {
        let text =
            "Name:\tRssAnon: 7 kB\nRssAnon:\t  12 kB\nRssFile: 5 kB\nVmSwap: 1 kB\nRssShmem:";
        assert_eq!(kilobytes(text, &["RssAnon:", "RssShmem:", "VmSwap:"]), 13 << 10);
    }
}
