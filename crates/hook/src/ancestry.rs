//! Who called: the processes above this one.

use std::fs;

use serde::{Deserialize, Serialize};

use crate::small;

/// Nobody is looked for further up.
const MOST: usize = 24;

/// A process above, as it can be told from later ones with its number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ancestor {
    pub pid: u32,
    /// Clock ticks after boot.
    pub start_time: u64,
    /// Its name, of 15 bytes at most.
    pub comm: String,
}

/// Programs that stand between an agent and its hook.
const SHELLS: [&str; 14] = [
    "sh", "bash", "zsh", "fish", "dash", "ash", "ksh", "tcsh", "csh", "nu", "busybox", "env",
    "timeout", "wk-hook",
];

/// Programs that agents are run by.
const RUNTIMES: [&str; 6] = ["node", "nodejs", "bun", "deno", "MainThread", "node-MainThread"];

/// Which process above is the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller<'a> {
    pub process: &'a Ancestor,
    /// It is an agent by name, or says so itself: what it is once, it stays. Any other may be
    /// a program that calls for several.
    pub is_agent: bool,
}

/// Finds the agent: the process that the call names, else the nearest that is no shell.
///
/// A name that was inherited from an agent further up does not count: whoever stands between
/// is no shell, and has another id than the one that was inherited with it.
pub fn caller<'a>(
    ancestors: &'a [Ancestor],
    agent: &str,
    named: Option<u32>,
    ids_agree: bool,
) -> Option<Caller<'a>> {
    let nearest = ancestors.iter().find(|one| !is_shell(&one.comm)).filter(|one| one.pid > 1);
    let named = named.and_then(|pid| ancestors.iter().find(|one| one.pid == pid));
    match (named, nearest) {
        // A shell that says that it is the agent is one, too.
        (Some(named), nearest)
            if ids_agree || nearest.is_none_or(|one| !is_below(ancestors, one, named)) =>
        {
            Some(Caller { process: named, is_agent: true })
        }
        (_, Some(process)) => Some(Caller { process, is_agent: is_named(&process.comm, agent) }),
        (_, None) => None,
    }
}

/// Whether `one` stands between the hook and `other`.
fn is_below(ancestors: &[Ancestor], one: &Ancestor, other: &Ancestor) -> bool {
    let place = |wanted: &Ancestor| ancestors.iter().position(|found| found == wanted);
    place(one) < place(other)
}

fn is_shell(comm: &str) -> bool {
    SHELLS.contains(&comm.trim_start_matches('-'))
}

/// Whether a program is one that agents are run by.
pub fn is_runtime(comm: &str) -> bool {
    RUNTIMES.contains(&comm)
}

fn is_named(comm: &str, agent: &str) -> bool {
    comm.eq_ignore_ascii_case(agent) || is_runtime(comm)
}

/// The processes above this one, its parent first; those outside of its view are missing.
pub fn ancestors() -> Vec<Ancestor> {
    let parent = rustix::process::getppid();
    lineage(parent.map_or(0, |pid| pid.as_raw_nonzero().get().unsigned_abs()))
}

/// A process and those above it.
pub fn lineage(pid: u32) -> Vec<Ancestor> {
    let mut found: Vec<Ancestor> = Vec::new();
    let mut pid = pid;
    while pid > 0 && found.len() < MOST {
        let Ok(text) = small::read(format!("/proc/{pid}/stat")) else { break };
        let Some((ancestor, above)) = parse(&text) else { break };
        // A number that was given anew in between would lead in a circle.
        if found.iter().any(|known| known.pid == ancestor.pid) {
            break;
        }
        found.push(ancestor);
        pid = above;
    }
    found
}

/// Which view of processes this one has: numbers of another one mean other processes.
pub fn pid_namespace() -> u64 {
    let link = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let digits: String = link.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

/// A process and its parent's number. A name may hold any bytes: the last `)` ends it.
fn parse(stat: &[u8]) -> Option<(Ancestor, u32)> {
    let text = String::from_utf8_lossy(stat);
    let (head, tail) = text.rsplit_once(") ")?;
    let (pid, comm) = head.split_once(" (")?;
    let mut fields = tail.split_ascii_whitespace();
    let parent = fields.nth(1)?.parse().ok()?;
    let start_time = fields.nth(17)?.parse().ok()?;
    Some((Ancestor { pid: pid.parse().ok()?, start_time, comm: comm.to_owned() }, parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_is_read_whole() {
        let text = b"42 (a) R 1 (b) S 7 42 42 0 -1 0 0 0 0 0 3 4 50 60 20 0 1 0 991 0 0\n";
        let (ancestor, parent) = parse(text).unwrap();
        assert_eq!((ancestor.pid, ancestor.comm.as_str()), (42, "a) R 1 (b"));
        assert_eq!((ancestor.start_time, parent), (991, 7));
        assert_eq!(parse(b"garbage"), None);
    }

    fn line(names: &str) -> Vec<Ancestor> {
        let one = |(index, comm): (usize, &str)| {
            let pid = u32::try_from(index).unwrap() + 10;
            Ancestor { pid, start_time: 1, comm: comm.to_owned() }
        };
        names.split(' ').enumerate().map(one).collect()
    }

    #[test]
    fn the_agent_is_the_one_that_is_named_else_the_nearest_that_is_no_shell() {
        for (case, names, named, ids_agree, want) in [
            ("directly", "claude bash", None, false, Some((10, true))),
            ("through a shell", "sh claude -bash", None, false, Some((11, true))),
            ("by a runtime", "node bash", None, false, Some((10, true))),
            ("another program", "python3 bash", None, false, Some((10, false))),
            ("it says so itself", "sh python3 bash", Some(11), false, Some((11, true))),
            ("a shell says so", "sh bash tmux:", Some(11), false, Some((11, true))),
            ("a wrapper of the agent", "python3 claude", Some(11), true, Some((11, true))),
            ("inherited", "python3 bash claude", Some(12), false, Some((10, false))),
            ("of another view", "sh claude", Some(999), true, Some((11, true))),
            ("only shells", "sh bash", None, false, None),
        ] {
            let ancestors = line(names);
            let found = caller(&ancestors, "claude", named, ids_agree);
            assert_eq!(found.map(|found| (found.process.pid, found.is_agent)), want, "{case}");
        }
    }

    #[test]
    fn the_parent_comes_first_and_nobody_twice() {
        let found = ancestors();
        assert!(!found.is_empty());
        let parent = rustix::process::getppid().unwrap().as_raw_nonzero().get();
        assert_eq!(found[0].pid, parent.unsigned_abs());
        for (index, ancestor) in found.iter().enumerate() {
            assert!(found[index + 1..].iter().all(|other| other.pid != ancestor.pid));
        }
        assert_ne!(pid_namespace(), 0);
    }
}
