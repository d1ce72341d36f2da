//! The programs around: our own `wk-hook`, and which version an agent has.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use wk_agents::{
    agent::{Agent, Version},
    settings::PROGRAM,
};

/// An agent that has not said its version by then is left alone.
const PATIENCE: Duration = Duration::from_secs(10);

/// What agents are to call: the one that is named, or the one beside `wk`.
pub(super) fn find(named: Option<&Path>) -> anyhow::Result<String> {
    let path: PathBuf = match named {
        Some(path) => std::path::absolute(path).context("cannot find the program")?,
        None => {
            let own = env::current_exe().context("cannot tell where wk is")?;
            own.with_file_name(PROGRAM)
        }
    };
    let shown = path.display();
    ensure!(path.is_file(), "`{shown}` is missing: install wk-hook beside wk, or use --program");
    ensure!(
        path.file_name().is_some_and(|name| name == PROGRAM),
        "`{shown}` must be called {PROGRAM}: that is how its entries are known again"
    );
    let text = path.to_str().filter(|text| !text.contains(['\n', '\0']));
    Ok(text.with_context(|| format!("`{shown}` cannot be written into settings"))?.to_owned())
}

/// The version of an agent, where it is installed and says so.
pub(super) fn version(agent: Agent) -> Option<Version> {
    let mut command = Command::new(agent.program());
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().ok()?.is_none() {
        if Instant::now() > deadline {
            // It may have ended just now.
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().ok()?;
    Version::find(&String::from_utf8_lossy(&output.stdout))
}
