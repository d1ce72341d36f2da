//! What a call of a program came to.

use std::{
    fmt,
    os::unix::process::ExitStatusExt,
    process::{Command, ExitStatus, Output, Stdio},
};

use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::within;

/// Exit code and output of a program that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// As a shell has it: 128 + N for signal N.
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
    shown: String,
}

impl Outcome {
    /// Runs a command to its end, with nothing on its stdin.
    pub async fn of(command: Command) -> Self {
        Self::fed(command, b"").await
    }

    /// Runs a command to its end, with `input` on its stdin.
    pub async fn fed(mut command: Command, input: &[u8]) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let shown = format!("{:?} {:?}", command.get_program(), command.get_args());
        let mut command = tokio::process::Command::from(command);
        let mut child = command.kill_on_drop(true).spawn().expect("the program can be run");
        let mut stdin = child.stdin.take().expect("stdin is a pipe");
        let feed = async {
            // Who does not read its input has no use for it.
            let _ = stdin.write_all(input).await;
            drop(stdin);
        };
        let ended = async { tokio::join!(feed, child.wait_with_output()).1 };
        let output = within(&shown, ended).await.expect("the program can be waited for");
        Self::from_output(shown, output)
    }

    pub(crate) fn from_output(shown: String, output: Output) -> Self {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Self { code: shell_code(output.status), stdout: output.stdout, stderr, shown }
    }

    /// Stdout as text, where the program succeeded.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self}");
        self.text()
    }

    /// What was said on stderr, where the program failed with this code.
    #[track_caller]
    pub fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self}");
        self.stderr
    }

    /// Stdout as JSON, where the program succeeded.
    #[track_caller]
    pub fn json(self) -> Value {
        let text = self.ok();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, Self { code, stderr, shown, .. }) = (self.text(), self);
        write!(f, "{shown} exited with {code}\nstdout: {text}\nstderr: {stderr}")
    }
}

/// What a shell has in `$?`.
pub(crate) fn shell_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}
