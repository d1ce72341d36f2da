//! Cleaning up after a measure, however it ends.

use std::process::{Child, Command, Stdio};

use anyhow::Context;

/// Runs a command when it is dropped, and also when this process is killed.
///
/// The command waits in a shell of its own, whose stdin is a pipe from here: that pipe closes
/// in any case, where destructors do not always run.
#[derive(Debug)]
pub struct Sweeper {
    shell: Child,
}

impl Sweeper {
    /// `script` is for `sh`; `command` brings its environment and arguments (`$1`…).
    pub fn new(script: &str, prepare: impl FnOnce(&mut Command)) -> anyhow::Result<Self> {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(format!("cat >/dev/null; {script}"))
            .arg("sweeper")
            // A Ctrl-C is for the measure, not for who cleans up after it.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        prepare(&mut command);
        Ok(Self { shell: command.spawn().context("cannot run sh")? })
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // Nobody is left to be told of a failure.
        let _ = self.shell.wait();
    }
}
