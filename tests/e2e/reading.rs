//! `wk logs`, `wk screen`, `wk events`, `wk play`: what a session printed and did.

use std::{
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStdout, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use wk_tests::{Home, Outcome, TestDaemon, Watch};

/// A call of `wk` that goes on, and its lines.
struct Following {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Following {
    fn start(home: &Home, words: &[&str]) -> Self {
        let mut call = home.call(words);
        let mut child = call.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next line. Blocks: a stuck test is ended by whoever runs it.
    fn line(&mut self) -> Option<String> {
        self.lines.next().map(Result::unwrap)
    }

    fn event(&mut self) -> Value {
        serde_json::from_str(&self.line().expect("events go on")).unwrap()
    }

    async fn code(&mut self) -> Option<i32> {
        Watch::new(self.child.id()).ended().await;
        self.child.wait().unwrap().code()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn logs_are_lines_to_read_and_raw_is_every_byte() {
    let wk = TestDaemon::start().await;
    let script = "printf '\\033[31mred\\033[0m\\n50%%\\r100%%\\n'; printf '\\377\\n'";
    let session = wk.script(script).await;
    session.ended().await;
    let clean = wk.ok(["logs", &session.id]).await;
    assert!(clean.starts_with("red\n") && !clean.contains('\u{1b}'), "{clean:?}");
    assert!(clean.contains("100%") && clean.ends_with("\u{fffd}\n"), "{clean:?}");
    let raw = wk.ok(["logs", "--raw", &session.id]).await;
    assert!(raw.starts_with("\u{1b}[31mred\u{1b}[0m\r\n50%\r100%\r\n"), "{raw:?}");
}

#[tokio::test]
async fn following_logs_end_with_the_session_and_outlive_the_daemon() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let script = "echo one; read x; echo two; read x; echo three";
    let session = wk.run(["--name", "talks", "--", "sh", "-c", script]).await;
    session.until_shows("one").await;
    let mut logs = Following::start(&wk, &["logs", "-f", "talks"]);
    assert_eq!(logs.line().as_deref(), Some("one"));
    wk.ok(["send", "talks", "--enter"]).await;
    let mut seen = vec![logs.line().unwrap()];
    while seen.last().is_some_and(|line| line != "two") {
        seen.push(logs.line().unwrap());
    }
    wk.kill().await;
    wk.ok(["send", "talks", "--enter"]).await;
    while let Some(line) = logs.line() {
        seen.push(line);
    }
    seen.retain(|line| !line.is_empty());
    assert_eq!(seen, ["two", "three"], "nothing is missing, and nothing comes twice");
    assert_eq!(logs.code().await, Some(0));
}

#[tokio::test]
async fn logs_since_leave_out_what_was_before() {
    let wk = TestDaemon::start().await;
    let session = wk
        .run(["--name", "talks", "--", "sh", "-c", "echo early; read x; echo late; read x"])
        .await;
    session.until_shows("early").await;
    // Output is stamped in milliseconds: the next one begins after it.
    let stamp = |text: &str| wk_model::Time::parse(text).unwrap().as_millis();
    let early = session.view().await.last_activity.unwrap().as_millis();
    let now = || wk_model::Time::from_millis(early + 1).to_string();
    assert!(stamp(&now()) > early);
    wk.ok(["send", "talks", "--enter"]).await;
    session.until_shows("late").await;
    let since = wk.ok(["logs", "--since", &now(), "talks"]).await;
    assert!(since.contains("late") && !since.contains("early"), "{since}");
    assert!(wk.ok(["logs", "--since", "1h", "talks"]).await.contains("early"));
    let bad = wk.wk(["logs", "--since", "whenever", "talks"]).await.failed(2);
    assert!(bad.contains("whenever"), "{bad}");
}

#[tokio::test]
async fn a_screen_is_what_the_terminal_shows() {
    let wk = TestDaemon::start().await;
    let script = "seq -f 'line %.0f' 1 100; printf '\\033[1;32mgreen\\033[0m'; exec cat";
    let session = wk.run(["--name", "shown", "--", "sh", "-c", script]).await;
    session.until_shows("green").await;
    let plain = wk.ok(["screen", "shown"]).await;
    assert_eq!(plain.lines().next(), Some("line 78"));
    assert_eq!(plain.lines().last(), Some("green"));
    let ansi = wk.ok(["screen", "shown", "--ansi"]).await;
    assert!(
        ansi.contains('\u{1b}') && ansi.contains("green") && !plain.contains('\u{1b}'),
        "{ansi:?}"
    );
    let history = wk.ok(["screen", "shown", "--history"]).await;
    assert_eq!(history.lines().next(), Some("line 1"));
    let ended = wk.run(["--", "true"]).await;
    ended.ended().await;
    // For a moment its holder still answers; the next daemon asks nobody.
    wk.ok(["daemon", "restart"]).await;
    assert!(wk.wk(["screen", &ended.id]).await.failed(1).contains("has ended"));
}

#[tokio::test]
async fn events_are_json_lines_of_one_session_or_all() {
    let wk = TestDaemon::start().await;
    let one = wk.run(["--name", "one", "--", "sh", "-c", "exit 3"]).await;
    let two = wk.run(["--", "cat"]).await;
    wk.events().await.until_kind(&one.id, "verdict_reached").await;
    let of = |text: String| -> Vec<Value> {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let events = of(wk.ok(["events", "one"]).await);
    let kinds: Vec<&str> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    let life = ["session_created", "attempt_started", "attempt_exited", "session_closed"];
    assert_eq!(kinds, [&life[..], &["verdict_reached"]].concat());
    assert!(events.iter().all(|event| event["session_id"] == one.id.as_str()));
    assert_eq!(events[2]["data"]["ending"], serde_json::json!({ "how": "exited", "code": 3 }));
    let all = of(wk.ok(["events"]).await);
    assert!(all.iter().any(|event| event["session_id"] == two.id.as_str()));
    assert_eq!(all[0]["kind"], "daemon_started");
    let seqs: Vec<u64> = all.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
    let after = of(wk.ok(["events", "--after", &seqs[2].to_string()]).await);
    assert_eq!(after[0]["seq"].as_u64(), Some(seqs[3]));
}

#[tokio::test]
async fn following_events_go_on_after_the_daemon_has_died() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let session = wk.run(["--name", "seen", "--", "cat"]).await;
    let mut events = Following::start(&wk, &["events", "-f"]);
    let mut seqs = Vec::new();
    let mut until = |kind: &str, seqs: &mut Vec<u64>| loop {
        let event = events.event();
        seqs.push(event["seq"].as_u64().unwrap());
        if event["kind"] == kind {
            return;
        }
    };
    until("attempt_started", &mut seqs);
    wk.kill().await;
    wk.ok(["stop", "seen"]).await;
    session.ended().await;
    until("session_closed", &mut seqs);
    assert!(seqs.is_sorted_by(|a, b| a < b), "in order, none twice: {seqs:?}");
    let journal = wk.journal().await;
    let all = journal.iter().map(|event| event["seq"].as_u64().unwrap());
    let last = *seqs.last().unwrap();
    assert!(all.take_while(|seq| *seq <= last).eq(seqs.iter().copied()), "none is missing");
}

#[tokio::test]
async fn a_recording_is_played_as_fast_as_one_likes() {
    let wk = TestDaemon::start().await;
    let session = wk.script("echo first; sleep 0.3; printf '\\033[1mlast\\033[0m\\n'").await;
    session.ended().await;
    let begin = Instant::now();
    let played = wk.ok(["play", &session.id, "--speed", "1000", "--idle-limit", "10ms"]).await;
    assert!(begin.elapsed() < Duration::from_secs(3));
    assert_eq!(played, "first\r\n\u{1b}[1mlast\u{1b}[0m\r\n");
    let slow = Instant::now();
    wk.ok(["play", &session.id]).await;
    assert!(slow.elapsed() >= Duration::from_millis(300), "it takes its time");
    let without = wk.run(["--no-record", "--", "true"]).await;
    without.ended().await;
    assert!(wk.wk(["play", &without.id]).await.failed(1).contains("no recording"));
    assert!(wk.wk(["logs", &without.id]).await.failed(1).contains("not recorded"));
    let _ = Outcome::of(wk.call(["play", "--speed", "0", &without.id])).await.failed(2);
}
