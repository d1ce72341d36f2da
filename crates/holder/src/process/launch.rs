//! The first request: which attempt to run, and the spec that says how.

use std::{
    ffi::OsStr,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::Path,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{FileType, Mode, OFlags},
    net::{RecvFlags, SendFlags},
};
use wk_holder::{
    folder,
    protocol::{self, Reply, Request},
    spec::{Launch, Spec, Stdio},
};
use wk_model::OsText;

/// How long a launcher may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longer specs are refused: no system takes as many arguments.
const MAX_SPEC: u64 = 64 << 20;

/// The most columns or rows of a terminal.
pub(crate) const MAX_SIDE: u16 = 1000;

/// Why there is nothing to run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaunchError {
    #[error("no launch request came from whoever started this holder")]
    NoRequest,
    #[error("the first request must be a launch")]
    Unexpected,
    #[error(transparent)]
    Protocol(#[from] protocol::ProtocolError),
    #[error("cannot read the spec in `{folder}`: {source}")]
    Read { folder: String, source: io::Error },
    #[error("the spec in `{0}` must be a file of this user that nobody else can read (0600)")]
    NotPrivate(String),
    #[error("the spec in `{folder}` has {size} bytes, more than the {MAX_SPEC} that are allowed")]
    TooLong { folder: String, size: u64 },
    #[error("the spec in `{folder}` cannot be understood: {source}")]
    Malformed { folder: String, source: serde_json::Error },
    #[error("the spec in `{0}` names no command")]
    NoCommand(String),
    #[error("a terminal of {cols}x{rows} cannot be; each side has 1 to {MAX_SIDE}")]
    BadSize { cols: u16, rows: u16 },
}

/// Waits for the launch request. Returns what the launcher sent behind it, too.
pub(crate) fn receive(launcher: &OwnedFd) -> Result<(Launch, Vec<u8>), LaunchError> {
    let deadline = Instant::now() + PATIENCE;
    let mut buffer = Vec::new();
    loop {
        if let Some(frame) = protocol::frame(&buffer)? {
            let Some(Request::Launch(launch)) = Request::read(&frame)? else {
                return Err(LaunchError::Unexpected);
            };
            let taken = frame.taken;
            buffer.drain(..taken);
            return Ok((*launch, buffer));
        }
        if !more(launcher, &mut buffer, deadline) {
            return Err(LaunchError::NoRequest);
        }
    }
}

/// Tells a launcher that there will be no attempt.
pub(crate) fn refuse(launcher: &OwnedFd, why: &str) {
    let mut frame = Vec::new();
    Reply::Refused(why.to_owned()).put(&mut frame);
    // A launcher that is gone does not need to know.
    let _ = rustix::net::send(launcher, &frame, SendFlags::NOSIGNAL);
}

/// Reads the session's spec.
pub(crate) fn spec(launch: &Launch) -> Result<Spec, LaunchError> {
    let name = || launch.folder.to_text().into_owned();
    let text = read_private(&path(&launch.folder).join(folder::SPEC), name)?;
    let spec: Spec = serde_json::from_slice(&text)
        .map_err(|source| LaunchError::Malformed { folder: name(), source })?;
    if spec.command.first().is_none_or(|program| program.as_bytes().is_empty()) {
        return Err(LaunchError::NoCommand(name()));
    }
    match spec.stdio {
        Stdio::Terminal { cols, rows } if !is_size(cols, rows) => {
            Err(LaunchError::BadSize { cols, rows })
        }
        Stdio::Terminal { .. } | Stdio::Pipes { .. } => Ok(spec.overlaid(launch)),
    }
}

/// Whether a terminal can have this size.
pub(crate) fn is_size(cols: u16, rows: u16) -> bool {
    (1..=MAX_SIDE).contains(&cols) && (1..=MAX_SIDE).contains(&rows)
}

/// A path as the system has it.
pub(crate) fn path(text: &OsText) -> &Path {
    Path::new(OsStr::from_bytes(text.as_bytes()))
}

fn more(launcher: &OwnedFd, buffer: &mut Vec<u8>, deadline: Instant) -> bool {
    let left = deadline.saturating_duration_since(Instant::now());
    let Ok(timeout) = Timespec::try_from(left) else { return false };
    let mut ready = [PollFd::new(launcher, PollFlags::IN)];
    if !matches!(poll(&mut ready, Some(&timeout)), Ok(1..)) {
        return false;
    }
    buffer.reserve(4096);
    let spare = rustix::buffer::spare_capacity(buffer);
    matches!(rustix::net::recv(launcher, spare, RecvFlags::DONTWAIT), Ok((1.., _)))
}

fn read_private(path: &Path, name: impl Fn() -> String) -> Result<Vec<u8>, LaunchError> {
    let failed = |source: io::Error| LaunchError::Read { folder: name(), source };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| failed(e.into()))?;
    let stat = rustix::fs::fstat(&file).map_err(|e| failed(e.into()))?;
    let own = stat.st_uid == rustix::process::geteuid().as_raw();
    let is_file = FileType::from_raw_mode(stat.st_mode).is_file();
    if !own || !is_file || stat.st_mode & 0o077 != 0 {
        return Err(LaunchError::NotPrivate(name()));
    }
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    if size > MAX_SPEC {
        return Err(LaunchError::TooLong { folder: name(), size });
    }
    let mut text = Vec::with_capacity(size as usize + 1);
    io::Read::read_to_end(&mut io::Read::take(std::fs::File::from(file), MAX_SPEC), &mut text)
        .map_err(failed)?;
    Ok(text)
}
