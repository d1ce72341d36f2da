//! A tmux server of a test's own.

use std::{fs, os::unix::fs::DirBuilderExt, path::PathBuf};

use crate::{Home, Outcome, Watch};

/// A server on a socket that no other test knows; killed with this.
#[derive(Debug)]
pub struct Tmux<'h> {
    home: &'h Home,
    name: &'static str,
    server: Option<Watch>,
}

impl<'h> Tmux<'h> {
    /// None where this machine has no tmux; nothing runs yet.
    pub fn new(home: &'h Home) -> Option<Self> {
        Self::named(home, "wk-test")
    }

    pub fn named(home: &'h Home, name: &'static str) -> Option<Self> {
        let mut version = home.command("tmux");
        version.arg("-V");
        if version.output().is_err() {
            crate::skip("there is no tmux");
            return None;
        }
        let tmux = Self { home, name, server: None };
        if let Some(folder) = tmux.socket().parent()
            && !folder.exists()
        {
            fs::DirBuilder::new().mode(0o700).create(folder).expect("the home can be written");
        }
        Some(tmux)
    }

    pub fn socket(&self) -> PathBuf {
        let uid = rustix::process::geteuid().as_raw();
        self.home.path().join(format!("tmux-{uid}")).join(self.name)
    }

    /// Calls a client, and waits for its end.
    pub async fn call(&self, words: &[&str]) -> Outcome {
        let mut command = self.home.command("tmux");
        command.args(["-u", "-L", self.name, "-f", "/dev/null"]).args(words);
        Outcome::of(command).await
    }

    /// Calls a client, which must succeed; answers its stdout.
    pub async fn ok(&self, words: &[&str]) -> String {
        let outcome = self.call(words).await;
        assert_eq!(outcome.code, 0, "tmux {words:?}: {outcome}");
        outcome.text()
    }

    /// A session in the background, which runs `command`.
    pub async fn session(&mut self, name: &str, command: &str) {
        self.ok(&["new-session", "-d", "-x", "80", "-y", "24", "-s", name, command]).await;
        if self.server.is_none() {
            let pid = self.ok(&["display-message", "-p", "#{pid}"]).await;
            self.server = Some(Watch::new(pid.trim().parse().expect("tmux says its number")));
        }
    }

    /// The server's process.
    pub fn server(&self) -> &Watch {
        self.server.as_ref().expect("a session was started")
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill();
        }
    }
}
