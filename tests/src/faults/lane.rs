//! Where one death after another happens: a daemon of its own.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use wk_api::{Why, WhyQuery};

use futures_util::FutureExt;

use super::{Audit, Chaos, Expected, Run, Struck, Way, Who};
use crate::{Session, TestDaemon, within};

/// Marks are unique on this machine, as long as it runs.
static MARKS: AtomicU64 = AtomicU64::new(0);

/// A daemon, and whether the kernel's witness looks on.
#[derive(Debug)]
pub struct Lane {
    pub daemon: TestDaemon,
    pub witnessed: bool,
    misbehave: PathBuf,
    chaos: Option<Chaos>,
}

impl Lane {
    /// `witness`: the folder of the witness's socket; none: nobody looks on.
    pub async fn start(misbehave: &Path, witness: Option<&Path>, chaos: Option<Chaos>) -> Self {
        let mut daemon = TestDaemon::new();
        daemon.expect_trouble();
        if chaos.is_some() {
            daemon.expect_kills();
        }
        daemon.configure("[deaths]\nwindow = \"400ms\"\n[session]\ngrace = \"2s\"\n");
        match witness {
            Some(folder) => {
                daemon.set("WK_WITNESS_START", "auto");
                daemon.set("WK_WITNESS_DIR", &folder.display().to_string());
            }
            None => daemon.set("WK_WITNESS_START", "off"),
        }
        daemon.ok(["daemon", "start"]).await;
        if witness.is_some() {
            daemon.events().await.until(|event| event.kind == "witness_started").await;
        }
        Self { daemon, witnessed: witness.is_some(), misbehave: misbehave.to_owned(), chaos }
    }

    /// A word that no other process has on its command line.
    pub fn mark() -> String {
        let number = MARKS.fetch_add(1, Ordering::Relaxed);
        format!("mark-{}-{number}-", std::process::id())
    }

    /// A session of the program that misbehaves.
    pub async fn misbehaving(&self, words: &[&str]) -> Session {
        self.run(&[], words).await
    }

    /// The same, with options of `wk run`.
    pub async fn run(&self, options: &[&str], words: &[&str]) -> Session {
        let program = self.misbehave.display().to_string();
        let command = ["--", program.as_str()];
        self.daemon.run([options, &command, words].concat()).await
    }

    /// A session that lives until somebody minds, with this word on its command line.
    pub async fn living(&self, mark: &str) -> Session {
        let session = self.misbehaving(&["sleep", mark]).await;
        session.until_shows("ready").await;
        session
    }

    /// A session of a shell script in which `$MISBEHAVE` is the program.
    pub async fn script(&self, text: &str) -> Session {
        let program = format!("MISBEHAVE={}", self.misbehave.display());
        self.daemon.run(["--env", &program, "--", "sh", "-c", text]).await
    }

    /// The process of a session, as the session itself says.
    pub async fn pid(&self, session: &Session) -> u32 {
        session.view().await.pid.expect("the session runs")
    }

    /// Runs a program to its end; its number.
    pub async fn act(&self, program: &str, words: &[&str]) -> u32 {
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = tokio::process::Command::from(command).spawn().expect("it can be run");
        let pid = child.id().expect("it runs");
        within(program, child.wait()).await.expect("it can be waited for");
        pid
    }

    /// Lets one way happen, and compares what is said with what must be.
    pub async fn happen(&self, way: &Way) -> Vec<Run> {
        let begun = Instant::now();
        let (injected, daemon) = match &self.chaos {
            Some(chaos) => tokio::join!(self.inject_anyhow(way), chaos.strike(&self.daemon)),
            None => ((way.inject)(self).await, false),
        };
        let expected = match injected {
            Ok(expected) => expected,
            Err(why) => {
                if self.chaos.is_some() {
                    // What it had begun is not to outlive it.
                    self.daemon.ok(["stop", "--all", "--grace", "0s"]).await;
                }
                self.quieten().await;
                return vec![Run::skipped(way.name, why)];
            }
        };
        let mut runs = Vec::new();
        for expected in expected {
            self.daemon.session(&expected.session).ended().await;
            let said = self.why(&expected.session).await;
            let witness = self.chaos.as_ref().is_some_and(|chaos| chaos.was_blind_since(begun));
            let struck = Struck { daemon, witness };
            runs.push(Run { struck, ..self.compare(way, &expected, said.as_ref(), struck) });
        }
        self.quieten().await;
        runs
    }

    /// The daemon may be killed in the middle of a way: what has died all the same must be told.
    async fn inject_anyhow(&self, way: &Way) -> Result<Vec<Expected>, String> {
        let injected = std::panic::AssertUnwindSafe((way.inject)(self)).catch_unwind().await;
        injected.unwrap_or_else(|_| Err("it was cut in the middle".to_owned()))
    }

    /// Whether all is told once that ended in this lane.
    pub(super) async fn audit(&self) -> Audit {
        Audit::of(&self.daemon.journal().await)
    }

    /// Waits until it is said for good why a session has ended.
    pub async fn settled(&self, session: &str) {
        self.daemon.session(session).ended().await;
        self.why(session).await;
    }

    /// Waits until nothing is open that the next death could be taken to belong to: what a way
    /// has left ends with it, and the window behind that end is over.
    async fn quieten(&self) {
        for session in self.daemon.sessions().await {
            self.settled(&session.session_id).await;
        }
    }

    async fn why(&self, session: &str) -> Option<Why> {
        let path = format!("/sessions/{session}/why");
        let query = WhyQuery { attempt: None, wait_ms: Some(20_000) };
        within("a verdict", self.daemon.session(session).get(&path, &query)).await.ok()
    }

    fn compare(&self, way: &Way, expected: &Expected, said: Option<&Why>, struck: Struck) -> Run {
        let Some(why) = said else { return Run::silent(way.name) };
        let verdict = &why.verdict;
        let witnessed = self.witnessed && !struck.witness;
        let causes = if witnessed { expected.causes } else { expected.blind };
        let named = verdict.culprit.as_ref();
        let right = |pid: u32| {
            named.is_some_and(|culprit| {
                let us = std::process::id();
                let has_us = culprit.ancestry.iter().any(|ancestor| ancestor.pid == us);
                culprit.pid == pid && (!witnessed || has_us && !culprit.argv.is_empty())
            })
        };
        let culprit = match expected.culprit {
            Who::Nobody => named.is_none(),
            Who::Process(pid) if witnessed => right(pid),
            Who::Process(pid) | Who::AtMost(pid) => named.is_none_or(|culprit| culprit.pid == pid),
        };
        let wrong_culprit = named.is_some_and(|culprit| match expected.culprit {
            Who::Nobody => true,
            Who::Process(pid) | Who::AtMost(pid) => culprit.pid != pid,
        });
        let said = verdict.cause.as_str();
        let weaker = struck.witness && (expected.causes.contains(&said) || said == "unknown");
        let cause = causes.contains(&said) || weaker;
        let scope = verdict.scope.kind.as_str() == expected.scope
            || (!witnessed && expected.scope == "systemic");
        Run {
            way: way.name,
            cause,
            culprit,
            scope,
            wrong_culprit,
            skipped: None,
            struck,
            shown: format!("expected {expected:?}\ngot {}", serde_json::json!(why)),
        }
    }
}
