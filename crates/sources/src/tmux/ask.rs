//! One-shot clients: a question, an answer, and no trace of either.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
    time::timeout,
};

/// A server that has not answered by then is one of which nobody can tell.
const PATIENCE: Duration = Duration::from_secs(5);

/// More than a server of thousands of panes says; the rest would be no answer.
const MAX_ANSWER: u64 = 16 << 20;

/// Asks one server.
#[derive(Clone, Debug)]
pub struct Asker {
    pub socket: PathBuf,
}

/// What a client printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub stdout: Vec<u8>,
    /// False: a command of the call failed, the ones before it did not.
    pub complete: bool,
    pub stderr: String,
}

/// Why there is no answer. None of it says that the server is dead.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("cannot run tmux")]
    Run(#[source] std::io::Error),
    #[error("the server does not answer")]
    Silent,
    #[error("{0}")]
    Refused(String),
}

impl Asker {
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// A client's command: no shell reads its words, it starts no server, and its environment
    /// tells the server nothing of us.
    pub(super) fn command<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new("tmux");
        let path =
            std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
        command.env_clear().env("PATH", path).env("LC_ALL", "C.UTF-8").current_dir("/");
        command.args(["-N", "-u", "-S"]).arg(&self.socket).args(words);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        command
    }

    /// Runs a client and waits for its answer.
    pub async fn ask<A: AsRef<OsStr>>(
        &self,
        words: impl IntoIterator<Item = A>,
    ) -> Result<Answer, AskError> {
        let mut client = self.command(words).spawn().map_err(AskError::Run)?;
        let (stdout, stderr) = (client.stdout.take(), client.stderr.take());
        let answered = async {
            let (stdout, stderr) = tokio::join!(read(stdout), read(stderr));
            (stdout, stderr, client.wait().await)
        };
        let (stdout, stderr, status) =
            timeout(PATIENCE, answered).await.map_err(|_| AskError::Silent)?;
        let status = status.map_err(AskError::Run)?;
        let stderr = String::from_utf8_lossy(&stderr).trim().chars().take(200).collect();
        Ok(Answer { stdout, complete: status.success(), stderr })
    }
}

async fn read(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        // What was read before an error is an answer that is not whole, and seen to be that.
        let _ = stream.take(MAX_ANSWER).read_to_end(&mut bytes).await;
    }
    bytes
}
