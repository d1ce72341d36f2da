//! Processes that a session left behind, and what they are.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt,
};

use wk_holder::host::ProcessStat;
use wk_mask::mask_arguments;
use wk_model::{Orphan, ProcessId, SessionId};

/// Longer command lines are cut.
const MAX_COMMAND: usize = 4096;

/// Describes living processes; those that are gone by now are left out.
pub fn describe(pids: &[u32]) -> Vec<Orphan> {
    pids.iter().filter_map(|pid| describe_one(*pid)).collect()
}

fn describe_one(pid: u32) -> Option<Orphan> {
    let stat = ProcessStat::read(pid).ok()??;
    if stat.is_dead() {
        return None;
    }
    let mut line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.truncate(MAX_COMMAND);
    let command: Vec<String> = line
        .split(|byte| *byte == 0)
        .filter(|argument| !argument.is_empty())
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect();
    let (process, command) = (stat.id(), mask_arguments(&command));
    Some(Orphan { process, comm: stat.comm, command, signal: None })
}

/// Finds processes of this user that carry the session's id in their environment, and name no
/// attempt behind `last`: an earlier daemon may just have started the next one.
///
/// Weaker than a cgroup leaf: a process may have changed its environment.
pub fn of_attempts(session_id: SessionId, last: u32) -> io::Result<Vec<u32>> {
    let wanted = format!("WK_SESSION_ID={session_id}");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // Gone, or not ours to read.
        let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { continue };
        let mut entries = environment.split(|byte| *byte == 0);
        let is_its = entries.clone().any(|entry| entry == wanted.as_bytes());
        let attempt = entries.find_map(|entry| entry.strip_prefix(b"WK_ATTEMPT="));
        let attempt = attempt.and_then(|text| std::str::from_utf8(text).ok()?.parse::<u32>().ok());
        if is_its && attempt.is_none_or(|attempt| attempt <= last) {
            found.push(pid);
        }
    }
    Ok(found)
}

/// The most of an environment that is read; the kernel lets few be larger.
const MAX_ENVIRONMENT: u64 = 4 << 20;

/// A process that says to which session it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carrier {
    pub session_id: SessionId,
    pub process: ProcessId,
}

/// Every process of this user that carries any session's id in its environment.
pub fn carriers() -> io::Result<Vec<Carrier>> {
    let user = rustix::process::geteuid().as_raw();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // The superuser could read everybody's.
        if entry.metadata().is_ok_and(|metadata| metadata.uid() == user) {
            found.extend(carrier(pid));
        }
    }
    Ok(found)
}

fn carrier(pid: u32) -> Option<Carrier> {
    let process = || ProcessStat::read(pid).ok()?.filter(|stat| !stat.is_dead());
    let before = process()?.id();
    let mut environment = Vec::new();
    let file = File::open(format!("/proc/{pid}/environ")).ok()?;
    file.take(MAX_ENVIRONMENT).read_to_end(&mut environment).ok()?;
    let mut entries = environment.split(|byte| *byte == 0);
    let value = entries.find_map(|entry| entry.strip_prefix(b"WK_SESSION_ID="))?;
    let session_id = std::str::from_utf8(value).ok()?.parse().ok()?;
    // What was read is of this very process, and not of a later one with its number.
    (process()?.id() == before).then_some(Carrier { session_id, process: before })
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        process::{Command, Stdio},
    };

    use super::*;

    #[test]
    fn a_process_is_found_by_the_session_it_belongs_to() {
        let session_id = SessionId::from_random(u64::from(std::process::id()));
        let mut child = Command::new("sh")
            .args(["-c", "echo ready; read line", "sh", "--password=correct-horse-battery"])
            .env("WK_SESSION_ID", session_id.as_str())
            .env("WK_ATTEMPT", "2")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();

        assert!(of_attempts(session_id, 1).unwrap().is_empty(), "a later attempt's");
        let found = of_attempts(session_id, 2).unwrap();

        assert_eq!(found, [child.id()]);
        let carriers = carriers().unwrap();
        let of_it: Vec<_> = carriers.iter().filter(|c| c.session_id == session_id).collect();
        assert_eq!(of_it.len(), 1);
        assert_eq!(of_it[0].process, wk_holder::host::identify(child.id()).unwrap().unwrap());
        let orphans = describe(&found);
        assert_eq!(orphans[0].comm, "sh");
        assert!(!orphans[0].command.join(" ").contains("horse"), "{:?}", orphans[0]);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(describe(&found).is_empty(), "the dead are not described");
    }
}
