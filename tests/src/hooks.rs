//! Agents that call `wk-hook`.

use std::{
    fs,
    io::{BufRead, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use wk_api::SessionView;
use wk_model::Kind;
use wk_sources::folder_watch::FolderWatch;

use crate::{TestDaemon, hook_program, within};

/// A call of the hook by `agent`, with the environment of a test's places.
pub fn call(wk: &TestDaemon, agent: &str) -> Command {
    let mut command = wk.command(hook_program());
    command.arg(agent).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Calls the hook, which must be silent and end well.
pub fn hook_in(wk: &TestDaemon, folder: &Path, payload: &[u8]) {
    let mut command = call(wk, "claude");
    command.current_dir(folder);
    feed(command, payload);
}

/// The same, where tests work.
pub fn hook(wk: &TestDaemon, payload: &Value) {
    hook_in(wk, &wk.work(), payload.to_string().as_bytes());
}

/// Hands the payload to a hook, which must be silent and end well.
pub fn feed(mut command: Command, payload: &[u8]) {
    let mut child = command.spawn().expect("the hook starts");
    child.stdin.take().expect("it has a stdin").write_all(payload).expect("the hook reads");
    let output = child.wait_with_output().expect("the hook ends");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// A program that lives until its stdin is closed, and calls the hook with what comes there:
/// one call per line. Its name is `claude`.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    answers: std::io::BufReader<std::process::ChildStdout>,
}

impl Agent {
    /// The program, which is made when it is asked for first.
    pub fn program(wk: &TestDaemon) -> PathBuf {
        let program = wk.path().join("claude");
        if !program.exists() {
            let hook = hook_program();
            let text = format!(
                "#!/bin/sh\nwhile read -r line; do printf '%s' \"$line\" | {} claude; echo ok; done\n",
                hook.display()
            );
            fs::write(&program, text).expect("the home can be written");
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755))
                .expect("the program can be run");
        }
        program
    }

    pub fn start(wk: &TestDaemon, folder: &Path) -> Self {
        let mut command = wk.command(Self::program(wk));
        command.current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the agent starts");
        let answers = std::io::BufReader::new(child.stdout.take().expect("it has a stdout"));
        Self { child, answers }
    }

    pub fn tell(&mut self, payload: &Value) {
        let stdin = self.child.stdin.as_mut().expect("it has a stdin");
        stdin.write_all(format!("{payload}\n").as_bytes()).expect("the agent reads");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the agent answers");
        assert_eq!(line, "ok\n");
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn kill(mut self) {
        self.child.kill().expect("the agent can be killed");
        self.child.wait().expect("the agent ends");
    }

    pub fn leave(mut self) {
        drop(self.child.stdin.take());
        self.child.wait().expect("the agent ends");
    }
}

/// What an agent tells of a tool.
pub fn tool(event: &str, id: Option<&str>, use_id: &str) -> Value {
    let mut payload = json!({"hook_event_name": event, "tool_name": "Bash",
        "tool_input": {"command": "ls"}, "tool_use_id": use_id});
    if let Some(id) = id {
        payload["session_id"] = json!(id);
    }
    payload
}

/// What an agent tells when it starts.
pub fn start(id: &str) -> Value {
    json!({"hook_event_name": "SessionStart", "session_id": id, "source": "startup"})
}

/// Waits until every record is in the journal.
pub async fn until_taken(wk: &TestDaemon) {
    let folder = wk.state().join("hooks");
    let taken = async {
        let mut watch = FolderWatch::new(&folder).expect("the folder is there");
        while records(wk) > 0 {
            watch.changed().await.expect("the folder stays");
        }
    };
    within("all records in the journal", taken).await;
}

/// Records that wait.
pub fn records(wk: &TestDaemon) -> usize {
    let entries = fs::read_dir(wk.state().join("hooks")).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(".hook")).count()
}

/// The sessions that are agents.
pub async fn agents(wk: &TestDaemon) -> Vec<SessionView> {
    let sessions = wk.sessions().await;
    sessions.into_iter().filter(|session| session.kind == Kind::Agent).collect()
}

/// Events of a kind, as `wk events` prints them.
pub fn of_kind<'a>(journal: &'a [Value], kind: &str) -> Vec<&'a Value> {
    journal.iter().filter(|event| event["kind"] == kind).collect()
}
