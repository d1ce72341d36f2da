//! What `/proc` says of a pane's process and of what runs in front of it.
//!
//! Asked of the kernel and not of tmux, whose server would have to look there itself.

use std::{fs, io::Read, os::unix::ffi::OsStrExt, path::Path};

use wk_holder::host::{self, ProcessStat};
use wk_mask::mask_arguments;
use wk_model::ProcessId;

/// Longer command lines are cut.
const MAX_COMMAND: u64 = 4096;

/// More arguments are cut.
const MAX_ARGUMENTS: usize = 64;

/// A pane's process, and what runs in front.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct InFront {
    /// The pane's own process.
    pub(super) process: Option<ProcessId>,
    /// Its terminal's device number.
    pub(super) tty: u32,
    pub(super) comm: String,
    /// With secrets masked.
    pub(super) argv: Vec<String>,
    pub(super) working_directory: String,
}

/// Looks at a pane; what cannot be seen is empty.
pub(super) fn look(pid: u32) -> InFront {
    let Some((stat, tty, group)) = terminal_of(pid) else { return InFront::default() };
    // The leader of the group in front may have ended before the others.
    let front = match ProcessStat::read(group) {
        Ok(Some(front)) if group != 0 && !front.is_dead() => front,
        _ => stat.clone(),
    };
    if front.comm == "tmux: server" {
        // Forked, and about to become what the pane runs.
        let process = Some(stat.id());
        return InFront { process, tty, ..InFront::default() };
    }
    let directory = fs::read_link(format!("/proc/{}/cwd", front.pid)).unwrap_or_default();
    InFront {
        process: (!stat.is_dead()).then(|| stat.id()),
        tty,
        argv: mask_arguments(&arguments(front.pid)),
        comm: front.comm,
        working_directory: shown(&directory),
    }
}

/// A child of the server that it knows nothing of yet, and which has a terminal of its own: a
/// pane. What the server runs for its status line has none.
pub(super) fn is_pane(pid: u32) -> bool {
    terminal_of(pid).is_some_and(|(_, tty, _)| tty != 0)
}

fn shown(path: &Path) -> String {
    String::from_utf8_lossy(path.as_os_str().as_bytes()).into_owned()
}

/// The arguments of a process, as it shows them.
pub fn arguments(pid: u32) -> Vec<String> {
    let mut line = Vec::new();
    if let Ok(file) = fs::File::open(format!("/proc/{pid}/cmdline")) {
        // What was read before an error is what there is.
        let _ = file.take(MAX_COMMAND).read_to_end(&mut line);
    }
    let line = line.strip_suffix(b"\0").unwrap_or(&line);
    if line.is_empty() {
        return Vec::new();
    }
    let arguments = line.split(|byte| *byte == 0).take(MAX_ARGUMENTS);
    arguments.map(|argument| String::from_utf8_lossy(argument).into_owned()).collect()
}

/// A process, the device of its terminal, and the process group in front there.
fn terminal_of(pid: u32) -> Option<(ProcessStat, u32, u32)> {
    let stat = ProcessStat::read(pid).ok()??;
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let (tty, group) = terminal(&text)?;
    Some((stat, tty, group))
}

/// Fields 7 and 8 of a stat.
fn terminal(stat: &[u8]) -> Option<(u32, u32)> {
    let text = String::from_utf8_lossy(stat);
    let (_, tail) = text.rsplit_once(") ")?;
    let mut fields = tail.split_ascii_whitespace().skip(4);
    let tty: i64 = fields.next()?.parse().ok()?;
    let group: i64 = fields.next()?.parse().ok()?;
    Some((u32::try_from(tty).unwrap_or(0), u32::try_from(group).unwrap_or(0)))
}

/// The children of a process; none where the kernel keeps no such list.
pub(super) fn children(pid: u32) -> Option<Vec<u32>> {
    let mut found = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        let text = fs::read_to_string(task.path().join("children")).ok()?;
        found.extend(text.split_ascii_whitespace().flat_map(str::parse::<u32>));
    }
    Some(found)
}

/// How long a process has run on a CPU, in nanoseconds; none where the kernel does not count it.
pub(super) fn ran_ns(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// Whether a process is stopped by a signal: it can answer nobody.
pub(super) fn is_stopped(process: &ProcessId) -> bool {
    let stat = ProcessStat::read(process.pid).ok().flatten();
    process.boot == host::boot_id()
        && stat.is_some_and(|stat| {
            stat.start_time == process.start_time && matches!(stat.state, 'T' | 't')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_read_behind_a_name_of_any_bytes() {
        let text = b"42 (a) R 1 (b) S 7 42 42 34816 77 0 0 0 0 0 3 4 50 60 20 0 1 0 991 0 0\n";
        assert_eq!(terminal(text), Some((34816, 77)));
        assert_eq!(terminal(b"42 (a) S 7 42 42 0 -1 0"), Some((0, 0)));
        assert_eq!(terminal(b"garbage"), None);
    }

    #[test]
    fn this_process_is_seen() {
        let seen = look(std::process::id());
        assert_eq!(seen.process.map(|process| process.pid), Some(std::process::id()));
        assert!(!seen.argv.is_empty() && seen.working_directory.starts_with('/'), "{seen:?}");
        assert_eq!(look(u32::MAX), InFront::default());
        assert!(ran_ns(std::process::id()) > Some(0));
        assert_eq!(ran_ns(u32::MAX), None);
    }
}
