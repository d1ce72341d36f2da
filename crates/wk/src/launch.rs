//! Starting a daemon that outlives us: its own session, a clean environment, no terminal.

use std::{
    fs,
    io::{self, Read, Seek, SeekFrom, Write},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::{fs::OpenOptionsExt, process::CommandExt},
    },
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, FdFlags},
    pipe::PipeFlags,
};
use wk_client::Places;

use crate::{
    code::Code,
    daemon::{LOG_FILE, LOG_FOLDER, daemon_environment, own_program},
    text::visible::visible_lines,
};

/// How long a daemon may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts a daemon and waits until it listens.
///
/// Where another one has the lock already, that one will do.
pub(crate) fn start(places: &Places) -> anyhow::Result<()> {
    places.make()?;
    let log_path = places.state.join("daemon-start.log");
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .read(true)
        .mode(0o600)
        .open(&log_path)
        .with_context(|| format!("cannot open `{}`", log_path.display()))?;
    if log.metadata().is_ok_and(|log| log.len() > 1 << 20) {
        log.set_len(0).with_context(|| format!("cannot empty `{}`", log_path.display()))?;
    }
    let begin = (&log).seek(SeekFrom::End(0)).unwrap_or(0);
    let (ready, told) =
        rustix::pipe::pipe_with(PipeFlags::CLOEXEC).context("cannot make a pipe")?;
    let child = spawn(&own_program()?, places, &log, told).context("cannot start the daemon")?;
    let answer = wait_ready(&ready);
    match answer {
        Ok(true) => {}
        Ok(false) => return explain(child, places, &log_path, begin),
        Err(error) => {
            reap(child);
            let tail = tail(places, &log_path, begin);
            return Err(error).with_context(|| format!("the daemon does not come up{tail}"));
        }
    }
    reap(child);
    Ok(())
}

fn spawn(program: &Path, places: &Places, log: &fs::File, told: OwnedFd) -> io::Result<Child> {
    let told_number = told.as_raw_fd();
    let mut command = Command::new(program);
    command
        .args(["daemon", "start", "--foreground", "--ready-fd", &told_number.to_string()])
        .env_clear()
        .envs(daemon_environment())
        .envs(secrets())
        .env("WK_CONFIG", &places.config)
        .env("WK_STATE_DIR", &places.state)
        .env("WK_RUNTIME_DIR", &places.runtime)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log.try_clone()?);
    // SAFETY: both calls are plain system calls, allowed between fork and exec.
    unsafe {
        command.pre_exec(move || {
            rustix::process::setsid()?;
            // A caller's pipe that a daemon held open would never end for its reader.
            libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
            // The pipe is ours to give: the child's copy alone survives its exec.
            let told = BorrowedFd::borrow_raw(told_number);
            Ok(rustix::io::fcntl_setfd(told, FdFlags::empty())?)
        });
    }
    let child = command.spawn();
    drop(told);
    child
}

/// Secrets that only the daemon is given: no holder, which may start the next one, keeps them.
fn secrets() -> impl Iterator<Item = (&'static str, std::ffi::OsString)> {
    let variables = wk_server::auth::SECRET_VARIABLES.into_iter();
    variables.filter_map(|name| Some((name, std::env::var_os(name)?)))
}

/// Waits for the byte that says it listens; false: the daemon ended without it.
fn wait_ready(ready: &OwnedFd) -> io::Result<bool> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout =
            Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        let mut fds = [PollFd::from_borrowed_fd(ready.as_fd(), PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Err(Errno::INTR) => continue,
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            result => result?,
        };
        match rustix::io::read(ready, &mut [0; 1]) {
            Err(Errno::INTR) => {}
            length => return Ok(length? > 0),
        }
    }
}

/// Says why a daemon ended before it listened; fine where another one runs.
fn explain(mut child: Child, places: &Places, log_path: &Path, begin: u64) -> anyhow::Result<()> {
    let status: ExitStatus = child.wait().context("cannot wait for the daemon")?;
    if status.code() == Some(Code::ANOTHER.0.into()) {
        return Ok(());
    }
    bail!("the daemon did not start ({status}){}", tail(places, log_path, begin))
}

/// What the daemon had to say since `begin`, most of it.
fn tail(places: &Places, log_path: &Path, begin: u64) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut log = fs::File::open(log_path)?;
        let end = log.metadata()?.len();
        log.seek(SeekFrom::Start(begin.max(end.saturating_sub(4096))))?;
        let mut text = Vec::new();
        log.take(4096).read_to_end(&mut text)?;
        Ok(text)
    };
    let text = read().unwrap_or_default();
    let text = visible_lines(String::from_utf8_lossy(&text).trim());
    let log = places.state.join(LOG_FOLDER).join(LOG_FILE);
    let place = format!("; its log is `{}`", log.display());
    if text.is_empty() { place } else { format!(":\n{text}") }
}

/// A child that ends while we live must not stay as a zombie, which would look alive.
fn reap(mut child: Child) {
    let waiter = thread::Builder::new().name("reaper".into()).spawn(move || child.wait());
    if let Err(error) = waiter {
        let _ = writeln!(io::stderr(), "wk: cannot start a thread: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_a_byte_and_an_end_is_none() {
        let (ready, told) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).unwrap();
        rustix::io::write(&told, b"\n").unwrap();
        assert!(wait_ready(&ready).unwrap());
        drop(told);
        assert!(!wait_ready(&ready).unwrap());
    }
}
