//! Supervisors that start a command again when it ends: supervisord, pm2 and runit, each with
//! a folder of its own, and as it comes.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{house::find, sweeper::Sweeper};

/// A peer's name, and how it is started.
pub const ALL: [(&str, Start); 3] = [("supervisord", supervisord), ("pm2", pm2), ("runsv", runit)];

/// Keeps a command running; ends it and itself when it is dropped.
pub type Start = fn(&[&str]) -> anyhow::Result<Supervisor>;

/// One supervisor with one command.
#[derive(Debug)]
pub struct Supervisor {
    // Dropped in this order: what runs must end before its folder goes.
    _sweeper: Sweeper,
    _home: TempDir,
}

fn supervisord(command: &[&str]) -> anyhow::Result<Supervisor> {
    let home = tempfile::tempdir()?;
    let settings = home.path().join("supervisord.conf");
    let (folder, command) = (home.path().display(), command.join(" "));
    let text = format!(
        "[supervisord]\nnodaemon=true\nlogfile={folder}/log\npidfile={folder}/pid\n\
         childlogdir={folder}\n[program:p]\ncommand={command}\n"
    );
    fs::write(&settings, text)?;
    let mut peer = Command::new("supervisord");
    peer.arg("-c").arg(&settings);
    attached(home, &mut peer)
}

/// `runsv` looks after one service.
fn runit(command: &[&str]) -> anyhow::Result<Supervisor> {
    let home = tempfile::tempdir()?;
    let run = home.path().join("run");
    fs::write(&run, format!("#!/bin/sh\nexec {}\n", command.join(" ")))?;
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755))?;
    let mut peer = Command::new("runsv");
    peer.arg(home.path());
    attached(home, &mut peer)
}

/// A supervisor that stays in the foreground, and ends its command with itself at SIGTERM.
fn attached(home: TempDir, command: &mut Command) -> anyhow::Result<Supervisor> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.env("HOME", home.path()).spawn().context("cannot run a peer")?;
    let (pid, process) = (child.id().to_string(), Pid::from_child(&child));
    // Waited for: the number stays its own until it was reaped, below or with this process.
    std::thread::spawn(move || child.wait());
    let folder = home.path().to_owned();
    let script = "[ \"$(tr '\\0' '\\n' < /proc/$1/environ | grep ^HOME=)\" = \"HOME=$2\" ] \
                  && kill -TERM \"$1\"; \
                  for try in 1 2 3 4 5 6 7 8 9 10; do [ -e /proc/$1 ] || break; sleep 0.3; done";
    let sweeper = Sweeper::new(script, |command| {
        command.arg(&pid).arg(&folder);
    });
    if sweeper.is_err() {
        let _ = kill_process(process, Signal::TERM);
    }
    Ok(Supervisor { _sweeper: sweeper?, _home: home })
}

/// Its daemon goes into the background by itself.
fn pm2(command: &[&str]) -> anyhow::Result<Supervisor> {
    let home = tempfile::tempdir()?;
    let program = find("pm2").context("no pm2")?;
    let sweeper = Sweeper::new("\"$1\" kill", |command| {
        command.arg(&program);
        at_home(command, home.path());
    })?;
    let (first, rest) = command.split_first().context("no command")?;
    let mut start = Command::new(&program);
    start.args(["start", first, "--name", "p", "--interpreter", "none", "--"]).args(rest);
    at_home(&mut start, home.path());
    start.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    ensure!(start.status()?.success(), "pm2 does not start the command");
    Ok(Supervisor { _sweeper: sweeper, _home: home })
}

fn at_home(command: &mut Command, home: &Path) {
    let state: PathBuf = home.join(".pm2");
    command.env("HOME", home).env("PM2_HOME", state);
}
