//! A Watchkeeper of its own for each measure: release binaries, own state, own daemon.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::OwnedFd,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use tempfile::TempDir;
use wk_api::DaemonStatus;
use wk_client::{Client, Places};

use crate::sweeper::Sweeper;

/// What remains in the end is stopped; a daemon that was to come back may take a moment.
const SWEEP: &str = r#"
"$1" stop --all --grace 0s
for try in 1 2 3 4 5 6 7 8 9 10; do
    [ "$("$1" ls --active --format csv | wc -l)" -le 1 ] && break
    sleep 0.3
done
"$1" daemon stop"#;

/// One daemon with its sessions.
///
/// All of it ends with this value, or with this process.
#[derive(Debug)]
pub struct House {
    // Dropped in this order: what runs must end before its folders go.
    _sweeper: Sweeper,
    places: Places,
    surroundings: Vec<(&'static str, PathBuf)>,
    wk: PathBuf,
    _state: TempDir,
    _runtime: TempDir,
}

impl House {
    /// Lays the places out, with the state in `folder`. The daemon starts when it is needed.
    pub fn new(folder: &Path) -> anyhow::Result<Self> {
        Self::with(folder, Vec::new())
    }

    /// As [`Self::new`], with these in the environment.
    pub fn with(folder: &Path, surroundings: Vec<(&'static str, PathBuf)>) -> anyhow::Result<Self> {
        let wk = program("wk")?;
        program("wk-holder")?;
        let state = tempfile::tempdir_in(folder).context("cannot make a folder for the state")?;
        // Socket paths are short.
        let runtime = tempfile::Builder::new()
            .prefix("wkb")
            .tempdir_in("/tmp")
            .context("cannot make a folder for sockets")?;
        let places = Places {
            state: state.path().join("state"),
            runtime: runtime.path().join("r"),
            config: state.path().join("config.toml"),
        };
        places.make()?;
        fs::write(&places.config, "")?;
        let sweeper = Sweeper::new(SWEEP, |command| {
            command.arg(&wk);
            surround(command, &places, &surroundings);
        })?;
        Ok(Self { _sweeper: sweeper, places, surroundings, wk, _state: state, _runtime: runtime })
    }

    pub fn places(&self) -> &Places {
        &self.places
    }

    /// The folder of a session.
    pub fn folder(&self, session_id: &str) -> PathBuf {
        self.places.sessions().join(session_id)
    }

    /// `wk` with arguments, quiet and without a terminal.
    pub fn wk<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = Command::new(&self.wk);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
        surround(&mut command, &self.places, &self.surroundings);
        command
    }

    /// Another program, to which `wk` and its helpers are here.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        surround(&mut command, &self.places, &self.surroundings);
        command
    }

    /// What `wk` prints.
    pub fn ask<const N: usize>(&self, arguments: [&str; N]) -> anyhow::Result<String> {
        let mut command = self.wk(arguments);
        let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output()?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            bail!("`wk {}` failed ({}): {why}", arguments.join(" "), output.status);
        }
        Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
    }

    /// Another program, in the places of this house.
    pub fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        surround(&mut command, &self.places, &self.surroundings);
        command
    }

    pub fn client(&self) -> Client {
        Client::new(self.places.socket(), "wk-bench")
    }

    /// Starts the daemon and says who it is.
    pub fn start(&self) -> anyhow::Result<Daemon> {
        self.ask(["daemon", "start"])?;
        self.daemon()
    }

    /// The daemon that runs now.
    pub fn daemon(&self) -> anyhow::Result<Daemon> {
        let status = || -> anyhow::Result<DaemonStatus> {
            Ok(serde_json::from_str(&self.ask(["daemon", "status", "--format", "json"])?)?)
        };
        let before = status()?;
        let pid = i32::try_from(before.pid).ok().and_then(Pid::from_raw);
        let process = pidfd_open(pid.context("the daemon has no pid")?, PidfdFlags::empty())?;
        // It still answers, so the descriptor is of no later process with its number.
        ensure!(status()?.pid == before.pid, "the daemon ended by itself");
        Ok(Daemon { process, pid: before.pid, last_seq: before.last_seq })
    }
}

/// A daemon, by its process and not by its number.
#[derive(Debug)]
pub struct Daemon {
    process: OwnedFd,
    pub pid: u32,
    /// The last event that it had on disk.
    pub last_seq: u64,
}

impl Daemon {
    /// `kill -9`; returns when it is gone.
    pub fn kill(self) -> anyhow::Result<()> {
        pidfd_send_signal(&self.process, Signal::KILL).context("cannot kill the daemon")?;
        let timeout = Timespec { tv_sec: 10, tv_nsec: 0 };
        let mut ended = [PollFd::new(&self.process, PollFlags::IN)];
        ensure!(poll(&mut ended, Some(&timeout))? == 1, "the killed daemon does not end");
        Ok(())
    }
}

/// Runs a command to its end and says how long that took.
pub fn time(command: &mut Command) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    let took = start.elapsed();
    ensure!(status.success(), "{command:?} failed ({status})");
    Ok(took)
}

/// A program that was built with this one.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let program = env::current_exe()?.with_file_name(name);
    ensure!(program.is_file(), "`{}` is missing: `cargo xtask bench` builds it", program.display());
    Ok(program)
}

/// Whether a peer is installed.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn surround(command: &mut Command, places: &Places, more: &[(&'static str, PathBuf)]) {
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("WK_")) {
            command.env_remove(name);
        }
    }
    command
        .env("WK_STATE_DIR", &places.state)
        .env("WK_RUNTIME_DIR", &places.runtime)
        .env("WK_CONFIG", &places.config)
        // The peers' tmux servers are not a measure's own to watch.
        .env("TMUX_TMPDIR", &places.runtime)
        // Nor is anybody's real session in the way.
        .env("WK_HOOKS_SESSION_FILE_DIR", &places.state)
        .env("WK_SERVER_LISTEN", "none")
        .envs(more.iter().map(|(name, value)| (name, value)));
}
