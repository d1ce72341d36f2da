//! A log that is rotated by size, and writes no line twice.

use std::{
    collections::{HashSet, VecDeque},
    fs::{DirBuilder, File},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::DirBuilderExt,
    path::Path,
};

use logroller::{LogRoller, LogRollerBuilder, Rotation as By, RotationSize};
use serde_json::Value;

/// So much of the end of a file is read for what it has told.
const TAIL: u64 = 512 << 10;

/// Lines that are remembered.
const KNOWN: usize = 4096;

/// How large a log may become, and how many older ones are kept.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    pub max_size: u64,
    pub backups: u32,
}

pub(super) struct Log {
    file: LogRoller,
    name: &'static str,
    known: HashSet<String>,
    order: VecDeque<String>,
    failed: bool,
}

impl Log {
    pub(super) fn open(folder: &Path, name: &'static str, rotation: Rotation) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let path = folder.join(name);
        let tail = tail(&path).unwrap_or_default();
        let file = LogRollerBuilder::new(folder, Path::new(name))
            .rotation(By::SizeBased(RotationSize::Bytes(rotation.max_size.max(1))))
            .max_keep_files(u64::from(rotation.backups))
            .file_mode(0o600)
            .build()
            .map_err(io::Error::other)?;
        let (known, order) = (HashSet::new(), VecDeque::new());
        let mut log = Self { file, name, known, order, failed: false };
        // A daemon that was killed in the middle of a line.
        if !tail.is_empty() && !tail.ends_with(b"\n") {
            log.file.write_all(b"\n")?;
        }
        for line in tail.split(|byte| *byte == b'\n') {
            if let Some(key) = key(line) {
                log.remember(key);
            }
        }
        Ok(log)
    }

    /// Writes a line, unless one with its key was written before; true where it was new.
    pub(super) fn write(&mut self, key: &str, text: &str) -> bool {
        if self.known.contains(key) {
            return false;
        }
        self.remember(key.to_owned());
        let written = self.file.write_all(format!("{text}\n").as_bytes());
        // A full disk, most likely: the journal has it all the same.
        if let Err(error) = &written
            && !self.failed
        {
            tracing::warn!(%error, log = self.name, "cannot write a log");
        }
        self.failed = written.is_err();
        true
    }

    fn remember(&mut self, key: String) {
        if self.known.insert(key.clone()) {
            self.order.push_back(key);
        }
        if self.order.len() > KNOWN
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

fn tail(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What tells a line from any other, as it was written by an earlier daemon.
fn key(line: &[u8]) -> Option<String> {
    let line: Value = serde_json::from_slice(line).ok()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let time = text(line.get("timestamp")?)?;
    match (line.get("event").and_then(text), line.get("session_id").and_then(text)) {
        (Some(event), Some(session_id)) => Some(lifecycle_key(&time, &event, &session_id)),
        _ => {
            let pid = line.get("sender")?.get("pid")?.as_u64()?;
            Some(killer_key(&time, pid, line.get("signal").and_then(Value::as_i64)))
        }
    }
}

pub(super) fn lifecycle_key(time: &str, event: &str, session_id: &str) -> String {
    format!("{time} {event} {session_id}")
}

pub(super) fn killer_key(time: &str, pid: u64, signal: Option<i64>) -> String {
    format!("{time} {pid} {}", signal.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const ROTATION: Rotation = Rotation { max_size: 400, backups: 2 };

    #[test]
    fn a_log_is_private_rotated_and_knows_what_it_has_told() {
        let folder = tempfile::tempdir().unwrap();
        let line = |number: u32| {
            let session_id = format!("{number:012}");
            let text = format!(
                "{{\"timestamp\":\"t\",\"event\":\"session_created\",\"session_id\":\"{session_id}\"}}"
            );
            (lifecycle_key("t", "session_created", &session_id), text)
        };
        let mut log = Log::open(folder.path(), "a.log", ROTATION).unwrap();
        let (key, text) = line(1);
        assert!(log.write(&key, &text));
        assert!(!log.write(&key, &text), "told already");
        drop(log);
        let path = folder.path().join("a.log");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"cut").unwrap();
        let mut log = Log::open(folder.path(), "a.log", ROTATION).unwrap();
        assert!(!log.write(&key, &text), "an earlier daemon has told it");
        let (key, text) = line(2);
        assert!(log.write(&key, &text));
        let written = std::fs::read_to_string(&path).unwrap();
        assert_eq!(written.lines().last(), Some(text.as_str()));
        for number in 3..100 {
            let (key, text) = line(number);
            log.write(&key, &text);
        }
        assert!(path.metadata().unwrap().len() <= 400);
        drop(log);
    }
}
