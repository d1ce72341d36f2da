//! Keeps a witness running, where the daemon has the right to.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use rustix::process::geteuid;
use tokio_util::sync::CancellationToken;

use wk_witness::protocol::TAKEN;

use super::{Core, witness_program};
use crate::config::WitnessStart;

/// A witness loads its programs within this time.
const BIRTH: Duration = Duration::from_secs(5);
/// A witness that runs is heard by then.
const SOON: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How long a new daemon is not ready for the witness's sake.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a witness says goes here, in its folder.
pub(crate) const WITNESS_LOG: &str = "witness.log";

/// Starts a witness whenever none is heard; for ever.
pub(super) async fn keep(core: Arc<Core>, ending: CancellationToken) {
    let mut pause = SOON;
    loop {
        let settings = core.settings();
        let folder = &settings.witness.dir;
        // One may be there already, or come back by itself.
        if !core.witness.link.until_heard(pause).await
            && settings.witness.start == WitnessStart::Auto
            && geteuid().is_root()
            && !ending.is_cancelled()
        {
            start(&core, folder).await;
            core.witness.tried.send_replace(true);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        if core.witness.link.coverage().is_ok() {
            core.witness.tried.send_replace(true);
            *core.witness.trouble() = None;
            pause = SOON;
            core.witness.link.until_lost().await;
        }
    }
}

/// Waits until a witness looks on, where this daemon is to see to that, or cannot be had: the
/// first session is to be seen from its start.
pub(in super::super) async fn first_try(core: &Core) {
    if core.settings().witness.start == WitnessStart::Auto && geteuid().is_root() {
        let mut tried = core.witness.tried.subscribe();
        // The sender is ours: it does not go away.
        let _ = tokio::time::timeout(PATIENCE, tried.wait_for(|tried| *tried)).await;
    }
}

/// Starts one, and waits until it is heard or has left.
async fn start(core: &Core, folder: &Path) {
    let failed = |why: String| {
        tracing::warn!(why, "the kernel's witness cannot be started: verdicts will be weaker");
        *core.witness.trouble() = Some(why);
    };
    let child = witness_program().map_err(|error| error.to_string()).and_then(|program| {
        witness_command(&program, folder)
            .and_then(|command| tokio::process::Command::from(command).spawn())
            .map_err(|error| format!("cannot start `{}`: {error}", program.display()))
    });
    let mut child = match child {
        Ok(child) => child,
        Err(why) => return failed(why),
    };
    let heard = core.witness.link.until_heard(BIRTH);
    tokio::select! {
        _ = heard => {
            // Reaped by whoever lives when it ends: us, or init after us.
            tokio::spawn(async move { child.wait().await });
        }
        left = child.wait() => {
            let code = left.ok().and_then(|status| status.code());
            if code == Some(i32::from(TAKEN)) {
                // Somebody else has started one, which is not ready yet.
                core.witness.link.until_heard(BIRTH).await;
            } else {
                failed(last_words(folder));
            }
        }
    }
}

/// What starts a witness. It has nothing of ours: it serves everybody on this machine, and
/// outlives us.
pub(crate) fn witness_command(program: &Path, folder: &Path) -> io::Result<Command> {
    std::fs::create_dir_all(folder)?;
    let log = log(&folder.join(WITNESS_LOG))?;
    let mut command = Command::new(program);
    command.arg("--dir").arg(folder).env_clear().current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    Ok(command)
}

fn log(path: &Path) -> io::Result<File> {
    const LONG: u64 = 1 << 20;
    let is_long = std::fs::metadata(path).is_ok_and(|found| found.len() > LONG);
    let mut options = OpenOptions::new();
    options.create(true).append(!is_long).write(true).truncate(is_long).mode(0o644);
    options.open(path)
}

/// The last line of its log.
pub(crate) fn last_words(folder: &Path) -> String {
    let log = std::fs::read(folder.join(WITNESS_LOG)).unwrap_or_default();
    let from = log.len().saturating_sub(4096);
    let text = String::from_utf8_lossy(&log[from..]).into_owned();
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    line.map_or_else(|| "it said nothing".to_owned(), str::to_owned)
}
