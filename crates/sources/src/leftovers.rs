//! Processes that a session left behind, and what they are.

use std::{fs, io};

use wk_holder::host::ProcessStat;
use wk_mask::mask_arguments;
use wk_model::{Orphan, SessionId};

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

/// Finds processes of this user that carry the session's id in their environment.
///
/// Weaker than a cgroup leaf: a process may have changed its environment.
pub fn with_session_id(session_id: SessionId) -> io::Result<Vec<u32>> {
    let wanted = format!("WK_SESSION_ID={session_id}");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // Gone, or not ours to read.
        let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { continue };
        if environment.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes()) {
            found.push(pid);
        }
    }
    Ok(found)
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
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();

        let found = with_session_id(session_id).unwrap();

        assert_eq!(found, [child.id()]);
        let orphans = describe(&found);
        assert_eq!(orphans[0].comm, "sh");
        assert!(!orphans[0].command.join(" ").contains("horse"), "{:?}", orphans[0]);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(describe(&found).is_empty(), "the dead are not described");
    }
}
