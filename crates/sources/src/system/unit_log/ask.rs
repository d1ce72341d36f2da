//! One question to `journalctl`.

use std::{
    io::{self, Read},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use wk_model::Time;

/// More is not read.
const MOST: usize = 1 << 20;

/// Lines that are asked for: the newest.
const LINES: &str = "500";

/// Prints nothing but JSON lines; what came until `patience` was over is better than nothing.
pub(super) fn ask(
    program: &str,
    since: Time,
    until: Time,
    patience: Duration,
) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + patience;
    let seconds = |time: Time| time.as_millis().div_euclid(1000);
    let mut command = Command::new(program);
    command.args(["--quiet", "--no-pager", "--output=json", "--lines", LINES]);
    command
        .args([format!("--since=@{}", seconds(since)), format!("--until=@{}", seconds(until) + 1)]);
    // Alternatives: any one of these writers.
    command.args(["_COMM=systemd", "+", "_COMM=systemd-oomd", "+", "_COMM=systemd-logind"]);
    command.args(["+", "_COMM=earlyoom"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let read = read(&mut child, deadline);
    // It may have ended by itself.
    let _ = child.kill();
    child.wait()?;
    read
}

fn read(child: &mut Child, deadline: Instant) -> io::Result<Vec<u8>> {
    let Some(mut pipe) = child.stdout.take() else { return Ok(Vec::new()) };
    let (mut bytes, mut buffer) = (Vec::new(), [0; 16 << 10]);
    while bytes.len() < MOST {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(left) = Timespec::try_from(left) else { break };
        if poll(&mut [PollFd::new(&pipe, PollFlags::IN)], Some(&left))? == 0 {
            break;
        }
        match pipe.read(&mut buffer)? {
            0 => break,
            length => bytes.extend_from_slice(&buffer[..length]),
        }
    }
    Ok(bytes)
}
