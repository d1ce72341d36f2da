//! A daemon of a test's own, with whatever it has started.

use std::{
    ffi::OsStr,
    fs,
    ops::Deref,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;
use tokio::time::timeout;
use wk_api::{DaemonStatus, SessionView};
use wk_client::Client;
use wk_sources::folder_watch::FolderWatch;

use crate::{Events, Home, Outcome, Session, Watch, pids_of, within};

/// A user's places, the daemon that serves them, and its sessions.
///
/// The daemon starts when the first call needs it. When this goes, so do all processes.
#[derive(Debug)]
pub struct TestDaemon {
    home: Home,
    client: Client,
    troubled: bool,
    patient: bool,
}

impl Default for TestDaemon {
    fn default() -> Self {
        Self::new()
    }
}

impl TestDaemon {
    /// Places only; nothing runs yet.
    pub fn new() -> Self {
        let home = Home::new();
        let client = Client::new(home.socket(), "test");
        Self { home, client, troubled: false, patient: false }
    }

    /// A daemon that listens.
    pub async fn start() -> Self {
        let daemon = Self::new();
        daemon.ok(["daemon", "start"]).await;
        daemon
    }

    /// From now on the daemon may log errors: the test makes trouble.
    pub fn expect_trouble(&mut self) {
        self.troubled = true;
    }

    /// From now on somebody may kill the daemon and start another: what was cut is tried again.
    pub fn expect_kills(&mut self) {
        self.expect_trouble();
        self.patient = true;
    }

    /// The API, without starting a daemon.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Calls `wk` and waits for its end.
    pub async fn wk<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Outcome {
        Outcome::of(self.home.call(words)).await
    }

    /// Calls `wk`, which must succeed; answers its stdout.
    #[track_caller]
    pub fn ok<A: AsRef<OsStr>>(
        &self,
        words: impl IntoIterator<Item = A>,
    ) -> impl Future<Output = String> {
        let words: Vec<_> = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
        let caller = std::panic::Location::caller();
        async move {
            let mut tries = if self.patient { 20 } else { 1 };
            loop {
                let outcome = Outcome::of(self.home.call(&words)).await;
                tries -= 1;
                if outcome.code == 0 || tries == 0 {
                    assert_eq!(outcome.code, 0, "at {caller}: {outcome}");
                    return outcome.text();
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// `wk run -d` with these words; answers the session.
    pub async fn run<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Session {
        let mut command = self.home.call(["run", "-d"]);
        command.args(words);
        self.session(Outcome::of(command).await.ok().trim())
    }

    /// Runs a shell script in a terminal of its own.
    pub async fn script(&self, text: &str) -> Session {
        self.run(["--", "sh", "-c", text]).await
    }

    pub fn session(&self, id: &str) -> Session {
        Session::new(id.to_owned(), self.client.clone(), self.patient)
    }

    pub async fn status(&self) -> DaemonStatus {
        let status = within("the daemon's status", self.client.get("/daemon", &())).await;
        status.expect("the daemon answers")
    }

    /// All sessions, newest first.
    pub async fn sessions(&self) -> Vec<SessionView> {
        let text = self.ok(["ls", "--all", "--limit", "0", "--format", "json"]).await;
        serde_json::from_str(&text).expect("ls prints JSON")
    }

    /// All events from the first one on.
    pub async fn events(&self) -> Events {
        match self.patient {
            true => Events::of_any_daemon(&self.client).await,
            false => Events::subscribe(&self.client).await,
        }
    }

    /// Everything in the journal now.
    pub async fn journal(&self) -> Vec<Value> {
        let text = self.ok(["events"]).await;
        text.lines().map(|line| serde_json::from_str(line).expect("events are JSON")).collect()
    }

    /// The daemon's process.
    pub async fn process(&self) -> Watch {
        let watch = Watch::new(self.status().await.pid);
        let ours = pids_of(&self.state()).iter().any(|ours| ours.pid() == watch.pid());
        assert!(ours, "process {} is not this test's daemon", watch.pid());
        watch
    }

    /// Kills the daemon with -9, and waits until it is gone.
    pub async fn kill(&self) {
        let process = self.process().await;
        process.kill();
        process.ended().await;
    }

    /// Waits for a daemon that somebody else starts.
    pub async fn comes_up(&self) {
        let answers = async {
            while self.client.get::<DaemonStatus>("/daemon", &()).await.is_err() {
                // A socket is made first and answers then: a moment that nothing tells of.
                let folder =
                    if self.runtime().is_dir() { self.runtime() } else { self.path().into() };
                if let Ok(mut sockets) = FolderWatch::new(&folder) {
                    let _ = timeout(Duration::from_millis(20), sockets.changed()).await;
                }
            }
        };
        within("a daemon", answers).await;
    }

    /// The daemon's own log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.state().join("log/daemon.log")).unwrap_or_default()
    }

    fn clear(&self) {
        for stopped in pids_of(&self.state()).iter().filter(|process| process.is_stopped()) {
            stopped.signal(Signal::CONT);
        }
        quietly(self.home.call(["stop", "--all", "--grace", "0s"]));
        // Holders go by themselves; the daemon, which keeps an eye on them, goes last.
        let daemon = fs::read_to_string(self.state().join("daemon.lock")).unwrap_or_default();
        let daemon: u32 = daemon.trim().parse().unwrap_or(0);
        let deadline = Instant::now() + Duration::from_secs(10);
        for process in pids_of(&self.state()).iter().filter(|process| process.pid() != daemon) {
            process.ends_within(deadline.saturating_duration_since(Instant::now()));
        }
        quietly(self.home.call(["daemon", "stop"]));
    }
}

impl Deref for TestDaemon {
    type Target = Home;

    fn deref(&self) -> &Home {
        &self.home
    }
}

impl std::ops::DerefMut for TestDaemon {
    fn deref_mut(&mut self) -> &mut Home {
        &mut self.home
    }
}

impl Drop for TestDaemon {
    fn drop(&mut self) {
        self.clear();
        let left: Vec<String> = pids_of(&self.state())
            .iter()
            .map(|process| {
                process.kill();
                process.shown()
            })
            .collect();
        let log = self.log();
        let errors: Vec<&str> = log.lines().filter(|line| is_error(line)).collect();
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{log}");
            return;
        }
        assert!(left.is_empty(), "processes are left: {left:#?}");
        assert!(self.troubled || errors.is_empty(), "the daemon logged errors: {errors:#?}");
    }
}

fn is_error(line: &str) -> bool {
    line.contains("\"level\":\"ERROR\"") || line.contains("panicked")
}

/// Runs a command whose result does not matter, and not for longer than a while.
fn quietly(mut command: Command) {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else { return };
    let watch = Watch::new(child.id());
    if !watch.ends_within(Duration::from_secs(20)) {
        watch.kill();
    }
    let _ = child.wait();
}
