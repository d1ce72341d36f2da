//! Forbidden system calls, as the audit subsystem tells them: in the kernel's log, or in the
//! file of the audit daemon where there is one.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
};

use wk_judges::autopsy::LogNote;
use wk_model::Time;

/// Where the audit daemon writes.
const FILE: &str = "/var/log/audit/audit.log";

/// The most of its end that is read.
const TAIL: u64 = 256 << 10;

/// A line, and when it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audited {
    pub time: Time,
    pub note: LogNote,
}

/// What the audit daemon has written lately; nothing where it is not there, or not ours to read.
pub fn read_file() -> Vec<Audited> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(FILE)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let text = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines()
        .filter_map(|line| Some(Audited { time: time(line)?, note: read_line(line)? }))
        .collect()
}

/// Understands `type=1326 audit(…): … pid=7 comm="x" … sig=31 … syscall=59 …`, where the call
/// has ended the process.
pub fn read_line(line: &str) -> Option<LogNote> {
    let (kind, rest) = line.split_once(' ')?;
    if !matches!(kind, "type=1326" | "type=SECCOMP") {
        return None;
    }
    let (_, fields) = rest.split_once("): ")?;
    // 0: it was only logged, or answered with an error.
    if !matches!(field(fields, "sig")?, "31" | "9") {
        return None;
    }
    Some(LogNote::Seccomp {
        pid: field(fields, "pid")?.parse().ok()?,
        comm: text(field(fields, "comm")?),
        syscall: field(fields, "syscall")?.parse::<u32>().ok()?.to_string(),
    })
}

/// `audit(1732197600.123:456)`: seconds and milliseconds since the epoch.
fn time(line: &str) -> Option<Time> {
    let (_, rest) = line.split_once("audit(")?;
    let (seconds, rest) = rest.split_once('.')?;
    let (millis, _) = rest.split_once(':')?;
    let (seconds, millis): (i64, i64) = (seconds.parse().ok()?, millis.parse().ok()?);
    Some(Time::from_millis(seconds.checked_mul(1000)?.checked_add(millis)?))
}

/// The first field of that name. Names of programs are quoted, or in hexadecimal where they
/// could pass for fields.
fn field<'a>(fields: &'a str, name: &str) -> Option<&'a str> {
    fields.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
}

fn text(value: &str) -> String {
    if let Some(quoted) = value.strip_prefix('"') {
        return quoted.trim_end_matches('"').to_owned();
    }
    let digits: Vec<u32> = value.chars().map_while(|digit| digit.to_digit(16)).take(512).collect();
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|two| (two[0] << 4 | two[1]) as u8).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "type=1326 audit(1732197600.123:456): auid=1000 uid=1000 gid=1000 ses=3 \
                        subj=unconfined pid=4711 comm=\"node\" exe=\"/usr/bin/node\" sig=31 \
                        arch=c000003e syscall=59 compat=0 ip=0x7f code=0x80000000";

    #[test]
    fn a_forbidden_call_is_told_with_its_number() {
        let want =
            LogNote::Seccomp { pid: 4711, comm: "node".to_owned(), syscall: "59".to_owned() };
        assert_eq!(read_line(LINE), Some(want.clone()));
        let of_the_daemon = LINE.replace("type=1326 audit", "type=SECCOMP msg=audit");
        assert_eq!(read_line(&of_the_daemon), Some(want));
        assert_eq!(time(&of_the_daemon), Some(Time::from_millis(1_732_197_600_123)));
    }

    #[test]
    fn a_line_as_linux_6_18_writes_it_is_read() {
        let line = "type=1326 audit(1795272378.343:4): auid=4294967295 uid=0 gid=0 \
                    ses=4294967295 pid=1417 comm=\"python3\" exe=\"/usr/bin/python3.11\" sig=31 \
                    arch=c000003e syscall=110 compat=0 ip=0x7fa50f0f34f7 code=0x80000000";
        let Some(LogNote::Seccomp { pid, syscall, .. }) = read_line(line) else { panic!() };
        assert_eq!((pid, syscall.as_str()), (1417, "110"));
    }

    #[test]
    fn a_name_in_hexadecimal_is_read() {
        let line = LINE.replace("\"node\"", "6E6F6465207069643D31");
        let Some(LogNote::Seccomp { comm, pid, .. }) = read_line(&line) else { panic!() };
        assert_eq!((pid, comm.as_str()), (4711, "node pid=1"));
    }

    #[test]
    fn a_call_that_was_only_logged_ended_nobody() {
        assert_eq!(read_line(&LINE.replace("sig=31", "sig=0")), None);
        for cut in 0..LINE.find("59").unwrap() {
            assert_eq!(read_line(&LINE[..cut]), None, "{cut}");
        }
        assert_eq!(read_line(&LINE.replace("1326", "1300")), None);
    }
}
