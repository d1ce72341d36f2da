//! A tmux server of its own, the peer of most measures.

use std::{
    fmt::Write,
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};

use crate::sweeper::Sweeper;

/// One server, with a session `keep` that keeps it up.
#[derive(Debug)]
pub struct Tmux {
    _sweeper: Sweeper,
    name: String,
}

impl Tmux {
    /// Starts it; its name is of this process and `part` alone.
    pub fn start(part: &str) -> anyhow::Result<Self> {
        let name = format!("wk-bench-{part}-{}", std::process::id());
        let sweeper = Sweeper::new("tmux -L \"$1\" kill-server", |command| {
            command.arg(&name).env_remove("TMUX");
        })?;
        let server = Self { _sweeper: sweeper, name };
        server.run(&["new-session", "-d", "-s", "keep", "-x", "80", "-y", "24", "sleep 3600"])?;
        Ok(server)
    }

    /// `tmux` with arguments, without any settings of the user.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command
            .args(["-L", &self.name, "-f", "/dev/null"])
            .args(arguments)
            .env_remove("TMUX")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    /// What it prints.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = self.command(arguments);
        let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output();
        let output = output.context("cannot run tmux: `apt install tmux`")?;
        let why = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`tmux {}` failed: {why}", arguments.join(" "));
        Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
    }

    /// Starts `count` sessions of 80×24, named after their number.
    pub fn fill(&self, count: usize, command: impl Fn(usize) -> String) -> anyhow::Result<()> {
        for number in 0..count {
            let mut name = String::new();
            write!(name, "s{number}")?;
            let command = command(number);
            self.run(&["new-session", "-d", "-s", &name, "-x", "80", "-y", "24", &command])?;
        }
        Ok(())
    }

    /// The server's process.
    pub fn pid(&self) -> anyhow::Result<u32> {
        Ok(self.run(&["display-message", "-p", "#{pid}"])?.parse()?)
    }

    /// The name for `tmux -L`.
    pub fn name(&self) -> &str {
        &self.name
    }
}
