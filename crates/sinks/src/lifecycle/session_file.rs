//! The same lines, in the folder of the session that they are about.

use std::{fs::OpenOptions, io, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use rustix::fs::OFlags;
use wk_model::SessionId;

use super::SESSION_FILE;

/// A session that never rests must not fill the disk with its life.
const MOST: u64 = 256 << 10;

/// Appends a line; where the folder is gone, or never was, nobody misses it.
pub(super) fn append(sessions: &Path, session_id: SessionId, text: &str) {
    let path = sessions.join(session_id.as_str()).join(SESSION_FILE);
    match write(&path, text) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::debug!(%session_id, %error, "cannot write a session's own log");
        }
        _ => {}
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32);
    let mut file = options.open(path)?;
    let line = format!("{text}\n");
    if file.metadata()?.len() + line.len() as u64 > MOST {
        return Ok(());
    }
    file.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sessions_log_is_bounded_and_needs_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let session_id = SessionId::from_number(7);
        append(folder.path(), session_id, "lost");
        let own = folder.path().join(session_id.as_str());
        std::fs::create_dir(&own).unwrap();
        let line = "x".repeat(1023);
        for _ in 0..2 * MOST / 1024 {
            append(folder.path(), session_id, &line);
        }
        let text = std::fs::read_to_string(own.join(SESSION_FILE)).unwrap();
        assert_eq!(text.len() as u64, MOST);
        assert!(text.starts_with('x'));
    }
}
