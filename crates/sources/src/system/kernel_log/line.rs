//! What a line of the kernel's log means.
//!
//! A process may have any name: `a) total-vm`, `x[1]: segfault`. Whatever the kernel writes
//! after the name is looked for from the end, since a name has at most 15 bytes and none of the
//! words that follow it come later again.

use wk_judges::autopsy::LogNote;

use crate::system::audit_log;

/// Longer texts are cut.
const TEXT: usize = 256;

/// Understands a line; none where it tells of nothing that ends a process.
pub fn read_line(line: &str) -> Option<LogNote> {
    if let Some(rest) = line.strip_prefix("oom-kill:") {
        return oom_kill(rest);
    }
    if let Some(rest) = line.strip_prefix("audit: ") {
        return audit_log::read_line(rest);
    }
    killed(line).or_else(|| fault(line))
}

/// `oom-kill:constraint=CONSTRAINT_MEMCG,…,oom_memcg=/a,task_memcg=/a/b,task=tail,pid=7,uid=0`
fn oom_kill(rest: &str) -> Option<LogNote> {
    let (rest, uid) = rest.rsplit_once(",uid=")?;
    uid.parse::<u32>().ok()?;
    let (rest, pid) = rest.rsplit_once(",pid=")?;
    let (rest, comm) = split_at_task(rest)?;
    let (_, constraint) = rest.split_once("constraint=")?;
    let memcg = constraint.starts_with("CONSTRAINT_MEMCG").then(|| group(rest)).flatten();
    Some(LogNote::KernelOom { pid: pid.parse().ok()?, comm: comm.to_owned(), memcg })
}

/// The name of a task has at most 15 bytes, whatever they are; cgroups before it any number.
fn split_at_task(text: &str) -> Option<(&str, &str)> {
    let places = text.match_indices(",task=").map(|(place, _)| place);
    // The first that leaves no more than a name: one in the name itself comes later.
    let fits = |place: &usize| text.len() - (place + ",task=".len()) <= 4 * 15;
    let place = places.into_iter().find(fits)?;
    Some((&text[..place], &text[place + ",task=".len()..]))
}

/// The cgroup whose limit was reached.
fn group(text: &str) -> Option<String> {
    let (_, rest) = text.split_once(",oom_memcg=")?;
    let group = rest.rsplit_once(",task_memcg=").map_or(rest, |(group, _)| group);
    Some(cut(group))
}

/// `Memory cgroup out of memory: Killed process 7 (tail) total-vm:118840kB, …`
fn killed(line: &str) -> Option<LogNote> {
    let (reason, rest) = line.split_once("Killed process ")?;
    let memcg = match reason.trim_end() {
        "Memory cgroup out of memory:" => Some("(not named)".to_owned()),
        "Out of memory:" | "Out of memory (oom_kill_allocating_task):" => None,
        _ => return None,
    };
    let (pid, rest) = rest.split_once(' ')?;
    let (comm, _) = rest.strip_prefix('(')?.rsplit_once(") ")?;
    Some(LogNote::KernelOom { pid: pid.parse().ok()?, comm: cut(comm), memcg })
}

/// `node[7]: segfault at 0 ip …`, `traps: node[7] trap invalid opcode ip:…`.
fn fault(line: &str) -> Option<LogNote> {
    const AFTER: [&str; 7] = [
        "]: segfault at ",
        "]: unhandled ",
        "]: bus error",
        "]: illegal instruction",
        "] general protection fault",
        "] trap ",
        "]: bad frame in ",
    ];
    let head = AFTER.iter().find_map(|after| line.rfind(after).map(|place| &line[..place]))?;
    let (comm, pid) = head.rsplit_once('[')?;
    let comm = comm.strip_prefix("traps: ").unwrap_or(comm);
    Some(LogNote::KernelFault { pid: pid.parse().ok()?, comm: cut(comm), text: cut(line) })
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oom(pid: u32, comm: &str, memcg: Option<&str>) -> Option<LogNote> {
        let memcg = memcg.map(str::to_owned);
        Some(LogNote::KernelOom { pid, comm: comm.to_owned(), memcg })
    }

    #[test]
    fn oom_kills_are_told_with_their_reason() {
        for (line, want) in [
            (
                "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,\
                 oom_memcg=/a/b-1,task_memcg=/a/b-1/c,task=tail,pid=31764,uid=0",
                oom(31764, "tail", Some("/a/b-1")),
            ),
            (
                "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,\
                 global_oom,task_memcg=/user.slice,task=node,pid=7,uid=1000",
                oom(7, "node", None),
            ),
            (
                "Memory cgroup out of memory: Killed process 31764 (tail) total-vm:118840kB, \
                 anon-rss:116352kB, file-rss:1208kB, shmem-rss:0kB, UID:0 pgtables:264kB \
                 oom_score_adj:0",
                oom(31764, "tail", Some("(not named)")),
            ),
            (
                "Out of memory: Killed process 8 (a b) (c) total-vm:1kB, anon-rss:1kB",
                oom(8, "a b) (c", None),
            ),
        ] {
            assert_eq!(read_line(line), want, "{line}");
        }
    }

    #[test]
    fn a_name_cannot_pass_for_the_fields_around_it() {
        let line = "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,global_oom,\
                    task_memcg=/,task=,pid=1,uid=0,pid=4711,uid=1000";
        assert_eq!(read_line(line), oom(4711, ",pid=1,uid=0", None));
        let line =
            "oom-kill:constraint=CONSTRAINT_NONE,cpuset=/,task_memcg=/,task=a,task=b,pid=5,uid=1";
        assert_eq!(read_line(line), oom(5, "a,task=b", None));
        let line = "x[1]: segfault [4711]: segfault at 0 ip 00 sp 00 error 4 in x[1000]";
        let Some(LogNote::KernelFault { pid, comm, .. }) = read_line(line) else { panic!() };
        assert_eq!((pid, comm.as_str()), (4711, "x[1]: segfault "));
    }

    #[test]
    fn faults_are_told_with_the_kernels_words() {
        for (line, who) in [
            (
                "node[7]: segfault at 0 ip 0055 sp 007f error 4 in node[55+1000] likely on CPU 1",
                (7, "node"),
            ),
            (
                "python3[1375]: segfault at 0 ip 00007f908af74219 sp 00007ffdb4ab3cc8 error 4 in \
                 libc.so.6[156219,7f908ae44000+156000] likely on CPU 0 (core 0, socket 0)",
                (1375, "python3"),
            ),
            (
                "traps: python3[9] general protection fault ip:7f sp:7f error:0 in libc.so.6",
                (9, "python3"),
            ),
            ("traps: a[b[12] trap invalid opcode ip:55 sp:7f error:0 in a[55+1000]", (12, "a[b")),
            ("sh[3]: unhandled exception: DABT (lower EL), ESR 0x92, in sh[aaaa+1000]", (3, "sh")),
        ] {
            match read_line(line) {
                Some(LogNote::KernelFault { pid, comm, text }) => {
                    assert_eq!((pid, comm.as_str()), who);
                    assert_eq!(text, line);
                }
                other => panic!("{line}: {other:?}"),
            }
        }
    }

    #[test]
    fn other_lines_say_nothing() {
        for line in [
            "",
            "oom-kill:",
            "oom_reaper: reaped process 7 (tail), now anon-rss:0kB",
            "process 7 (a) says: Killed process 8 (b) total-vm",
            "cgroup: fork rejected by pids controller in /x",
            "Out of memory: Killed process x (a) total-vm:1kB",
            "a[]: segfault at 0",
        ] {
            assert_eq!(read_line(line), None, "{line}");
        }
    }
}
