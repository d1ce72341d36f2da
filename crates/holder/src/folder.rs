//! Names inside a session's folder, `sessions/<id>/` (0700, files 0600).

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use rustix::fs::{FileType, Mode, OFlags, fstat, open};

/// The session's spec, environment included. Never journalled.
pub const SPEC: &str = "spec.json";

/// The recording's segments.
pub const RECORDING: &str = "recording";

/// Gauges of the running attempt, see [`crate::gauge`].
pub const GAUGES: &str = "gauges";

/// The holder's outbox of an attempt. Creating it claims the attempt.
pub fn record(folder: &Path, attempt: u32) -> PathBuf {
    folder.join(format!("attempt-{attempt}.record"))
}

/// How an attempt ended; there only once it has.
pub fn exit(folder: &Path, attempt: u32) -> PathBuf {
    folder.join(format!("attempt-{attempt}.exit"))
}

/// The space that is kept for [`exit`], so that a full disk cannot lose it.
pub fn exit_reserved(folder: &Path, attempt: u32) -> PathBuf {
    folder.join(format!("attempt-{attempt}.exit.reserved"))
}

/// Opens one of these files to read it; none where it is not there.
///
/// The session's own command may have put anything in its place: what is no plain file is
/// refused, and never waited for.
pub fn open_file(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = match open(path, flags, Mode::empty()) {
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        opened => opened?,
    };
    if !FileType::from_raw_mode(fstat(&file)?.st_mode).is_file() {
        let why = format!("`{}` is no plain file", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(Some(file.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_plain_file_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, Mode::RWXU).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        assert!(open_file(&pipe).is_err());
        assert!(open_file(&link).is_err());
        assert!(open_file(&dir.path().join("nothing")).unwrap().is_none());
    }
}
