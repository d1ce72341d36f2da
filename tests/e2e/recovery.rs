//! Failed sessions get another attempt: as often as they may, when they should, and never twice.

use std::{fs, os::unix::fs::PermissionsExt, process::Command, time::Duration};

use rustix::process::Signal;
use serde_json::Value;
use wk_api::{RestartRequest, SessionView};
use wk_model::{Phase, Status};
use wk_tests::{Session, TestDaemon, raw_call, skip};

/// The session's events of one kind.
async fn told(wk: &TestDaemon, session: &Session, kind: &str) -> Vec<Value> {
    let of_it = |event: &Value| event["kind"] == kind && event["session_id"] == session.id.as_str();
    wk.journal().await.into_iter().filter(of_it).collect()
}

#[tokio::test]
async fn a_failure_is_retried_as_often_as_it_may_be() {
    let wk = TestDaemon::start().await;
    let script = "echo attempt $WK_ATTEMPT after ${WK_PREVIOUS_EXIT:-nothing}; exit 3";
    let words = ["--retries", "2", "--retry-delay", "0s", "--", "sh", "-c", script];
    let session = wk.run(words).await;
    let view = session.ended().await;
    assert_eq!((view.status, view.exit_code), (Some(Status::Failed), Some(3)));
    assert_eq!((view.attempt, view.retry_count, view.max_retries), (3, 2, 2));
    let logs = wk.ok(["logs", &session.id]).await;
    assert_eq!(logs, "attempt 1 after nothing\nattempt 2 after 3\nattempt 3 after 3\n");
    let retries = told(&wk, &session, "session_recovering").await;
    assert_eq!(retries.len(), 2);
    assert_eq!(retries[0]["data"]["category"], "exit_code");
    assert_eq!(told(&wk, &session, "attempt_exited").await.len(), 3);
    assert_eq!(told(&wk, &session, "session_closed").await.len(), 1);
    assert!(told(&wk, &session, "transition_refused").await.is_empty());
}

#[tokio::test]
async fn what_recovers_ends_as_its_last_attempt_did() {
    let wk = TestDaemon::start().await;
    let script = "test $WK_ATTEMPT = 3 || kill -SEGV $$";
    let words = ["--retries", "5", "--retry-delay", "0s", "--", "sh", "-c", script];
    let session = wk.run(words).await;
    let view = session.ended().await;
    assert_eq!((view.status, view.attempt), (Some(Status::Completed), 3));
    let log = wk.ok(["events", &session.id]).await;
    assert!(log.contains(r#""category":"crash""#), "{log}");
}

#[tokio::test]
async fn what_trying_again_cannot_help_is_not_tried_again() {
    let wk = TestDaemon::start().await;
    for (command, code) in [("exit 127", 127), ("exit 126", 126), ("exit 0", 0)] {
        let words = ["--retries", "3", "--retry-delay", "0s", "--", "sh", "-c", command];
        let view = wk.run(words).await.ended().await;
        assert_eq!((view.attempt, view.exit_code), (1, Some(code)), "{command}");
    }
    let missing = wk.wk(["run", "--retries", "3", "--", "/no/such/program"]).await;
    assert_eq!(missing.code, 127, "{missing}");
    let off = ["--retries", "3", "--recovery", "off", "--", "sh", "-c", "exit 3"];
    assert_eq!(wk.run(off).await.ended().await.attempt, 1);
}

#[tokio::test]
async fn a_session_can_be_stopped_between_attempts() {
    let wk = TestDaemon::start().await;
    let words = ["--retries", "3", "--retry-delay", "20m", "--", "sh", "-c", "exit 3"];
    let session = wk.run(words).await;
    let mut events = wk.events().await;
    let waits = events.until_kind(&session.id, "session_recovering").await;
    assert!(waits.data["delay_ms"].as_u64().unwrap() >= 1_200_000, "{}", waits.data);
    let view = session.view().await;
    assert_eq!((view.status, view.phase), (Some(Status::Recovering), Phase::Starting));
    wk.ok(["stop", &session.id]).await;
    let view = session.ended().await;
    assert_eq!((view.status, view.attempt), (Some(Status::Cancelled), 1));
    events.until_kind(&session.id, "session_closed").await;
}

#[tokio::test]
async fn a_stop_is_no_failure_to_recover_from() {
    let wk = TestDaemon::start().await;
    let words = ["--retries", "3", "--retry-delay", "0s", "--", "sleep", "1000"];
    let session = wk.run(words).await;
    wk.ok(["stop", &session.id]).await;
    let view = session.ended().await;
    assert_eq!((view.status, view.attempt), (Some(Status::Cancelled), 1));
    assert!(told(&wk, &session, "session_recovering").await.is_empty());
}

#[tokio::test]
async fn a_wait_for_the_next_attempt_outlives_the_daemon() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let script = "test $WK_ATTEMPT = 2 || exit 3";
    let words = ["--retries", "1", "--retry-delay", "1s", "--", "sh", "-c", script];
    let session = wk.run(words).await;
    wk.events().await.until_kind(&session.id, "session_recovering").await;
    wk.kill().await;
    wk.ok(["daemon", "start"]).await;
    let view = session.ended().await;
    assert_eq!((view.status, view.attempt), (Some(Status::Completed), 2));
    assert_eq!(told(&wk, &session, "attempt_started").await.len(), 2);
}

#[tokio::test]
async fn nothing_of_the_last_attempt_is_left_when_the_next_one_starts() {
    let wk = TestDaemon::start().await;
    // Leaves the group and the session, and ignores being asked.
    let script = "if [ $WK_ATTEMPT = 1 ]; then \
                      setsid sh -c 'trap \"\" TERM HUP; echo $$ > left; exec sleep 1000' & \
                      until [ -s left ]; do sleep 0.01; done; exit 3; \
                  fi; \
                  kill -0 $(cat left) 2>/dev/null && echo still there || echo clean";
    let words = ["--retries", "1", "--retry-delay", "0s", "--grace", "100ms", "--", "sh", "-c"];
    let session = wk.run(words.into_iter().chain([script])).await;
    let view = session.ended().await;
    assert_eq!((view.status, view.attempt), (Some(Status::Completed), 2));
    assert!(wk.ok(["logs", &session.id]).await.contains("clean"));
    assert!(!told(&wk, &session, "orphan_ended").await.is_empty());
}

#[tokio::test]
async fn a_killed_holder_is_a_failure_to_recover_from() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let script = "if [ $WK_ATTEMPT = 1 ]; then echo ready; exec sleep 1000; fi";
    let words = ["--retries", "1", "--retry-delay", "0s", "--", "sh", "-c", script];
    let session = wk.run(words).await;
    session.until_shows("ready").await;
    let child = session.process().await;
    session.holder().await.kill();
    let view = session.ended().await;
    assert_eq!((view.status, view.attempt), (Some(Status::Completed), 2));
    child.ended().await;
    let recovering = told(&wk, &session, "session_recovering").await;
    assert_eq!(recovering[0]["data"]["category"], "holder_lost");
}

#[tokio::test]
async fn later_attempts_run_the_resume_command() {
    let wk = TestDaemon::start().await;
    let resume = "echo resumed $WK_ATTEMPT; exit 0";
    let words = ["--retries", "2", "--retry-delay", "0s", "--resume", resume, "--", "sh", "-c"];
    let session = wk.run(words.into_iter().chain(["echo begun; exit 3"])).await;
    assert_eq!(session.ended().await.attempt, 2);
    assert_eq!(wk.ok(["logs", &session.id]).await, "begun\nresumed 2\n");

    let words = ["--retries", "2", "--resume", "exec /no/such/resume", "--retry-delay", "0s"];
    let session = wk.run(words.into_iter().chain(["--", "sh", "-c", "exit 3"])).await;
    let view = session.ended().await;
    // A resume command that is not there will not be there the next time.
    assert_eq!((view.status, view.attempt, view.exit_code), (Some(Status::Failed), 2, Some(127)));
    assert!(wk.ok(["logs", &session.id]).await.contains("/no/such/resume"));
}

#[tokio::test]
async fn a_session_starts_again_when_it_is_asked_for() {
    let wk = TestDaemon::start().await;
    let words = ["--name", "web", "--", "sh", "-c", "echo run $WK_ATTEMPT; exec cat"];
    let session = wk.run(words).await;
    session.until_shows("run 1").await;
    let first = session.process().await;
    let told_again = wk.ok(["restart", "web", "--grace", "0s"]).await;
    assert!(told_again.contains("attempt 2"), "{told_again}");
    first.ended().await;
    session.until_shows("run 2").await;
    wk.ok(["stop", "web"]).await;
    assert_eq!(session.ended().await.status, Some(Status::Cancelled));
    wk.ok(["restart", "web"]).await;
    session.until_shows("run 3").await;
    let restarted = told(&wk, &session, "session_restarted").await;
    assert_eq!(restarted.len(), 2);
    assert_eq!(restarted[1]["data"]["by"]["client"], "wk");
    assert!(told(&wk, &session, "transition_refused").await.is_empty());
}

#[tokio::test]
async fn what_cannot_start_again_is_refused() {
    let wk = TestDaemon::start().await;
    let session = wk.run(["--name", "web", "--", "true"]).await;
    session.ended().await;
    let other = wk.run(["--name", "web", "--", "cat"]).await;
    let taken = wk.wk(["restart", &session.id]).await;
    assert!(taken.clone().failed(1).contains("named `web`"), "{taken}");
    wk.ok(["stop", &other.id]).await;
    other.ended().await;
    wk.ok(["rm", &session.id]).await;
    let removed = wk.wk(["restart", &session.id]).await;
    assert_eq!(removed.code, 1, "{removed}");
    let unknown = wk.wk(["restart", "nosuch"]).await;
    assert!(unknown.clone().failed(1).contains("no session"), "{unknown}");
}

#[tokio::test]
async fn restarts_at_one_time_start_one_attempt_each() {
    let wk = TestDaemon::start().await;
    let session = wk.script("echo $WK_ATTEMPT $$ >> started; exec cat").await;
    let path = session.path("/restart");
    let ask = async || {
        let request = RestartRequest { grace_ms: Some(0) };
        wk.client().post::<SessionView>(&path, &(), &request).await.map(|view| view.attempt)
    };
    let answers = tokio::join!(ask(), ask(), ask(), ask());
    let attempts = [answers.0, answers.1, answers.2, answers.3];
    let attempts: Vec<_> = attempts.into_iter().filter_map(Result::ok).collect();
    assert!(!attempts.is_empty());
    let started = told(&wk, &session, "attempt_started").await;
    let numbers: Vec<_> = started.iter().map(|e| e["data"]["attempt"].as_u64().unwrap()).collect();
    let want: Vec<_> = (1..=numbers.len() as u64).collect();
    assert_eq!(numbers, want, "no attempt is started twice");
}

#[tokio::test]
async fn retries_and_kept_descendants_exclude_each_other() {
    let wk = TestDaemon::start().await;
    let refused = wk.wk(["run", "-d", "--retries", "1", "--keep-descendants", "--", "true"]).await;
    assert!(refused.clone().failed(1).contains("exclude each other"), "{refused}");
    let late = ["run", "-d", "--retries", "1", "--retry-delay", "1h", "--", "true"];
    let late = wk.wk(late).await;
    assert!(late.clone().failed(1).contains("recovery deadline"), "{late}");
    for words in [["--retries", "-1"], ["--retries", "many"], ["--retry-delay", "soon"]] {
        let bad = wk.wk(["run", "-d"].into_iter().chain(words).chain(["--", "true"])).await;
        assert_eq!(bad.code, 2, "{bad}");
        assert!(!bad.stderr.contains("use '--"), "{bad}");
    }
    let body = br#"{"command": ["true"], "recovery": {"retries": 5000}}"#;
    let many = raw_call(&wk.socket(), "POST", "/api/sessions", "", body).await;
    let detail = many.json()["detail"].to_string();
    assert!(many.status == 400 && detail.contains("between 0 and 1000"), "{many:?}");
    assert!(wk.sessions().await.is_empty());
}

/// As after a power cut: no process of the session is left, and the boot is another one.
#[tokio::test]
async fn a_reboot_restores_what_asked_for_it_once_and_closes_the_rest() {
    if !rustix::process::geteuid().is_root() {
        return skip("a reboot is played in a mount namespace, which needs root");
    }
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let script = "echo $WK_ATTEMPT >> runs; exec sleep 1000";
    let restored = wk.run(["--restore", "--resume", script, "--", "sh", "-c", script]).await;
    let closed = wk.run(["--retries", "3", "--", "sleep", "1000"]).await;
    let holders = [restored.holder().await, closed.holder().await];
    let (child, other) = (restored.process().await, closed.process().await);
    let daemon = wk.process().await;
    // Nobody may see the holders go.
    daemon.signal(Signal::STOP);
    for holder in &holders {
        holder.kill();
    }
    child.ended().await;
    other.ended().await;
    daemon.kill();
    daemon.ended().await;

    let boot = wk.work().join("boot_id");
    fs::write(&boot, "5b1f0b6e-0e8e-4c55-8a3d-0c6f6d2d9f10\n").unwrap();
    fs::set_permissions(&boot, fs::Permissions::from_mode(0o444)).unwrap();
    let play = "mount --bind \"$1\" /proc/sys/kernel/random/boot_id && shift && exec \"$@\"";
    let start = wk.call(["daemon", "start"]);
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", play, "sh"]).arg(&boot).arg(start.get_program());
    command.args(start.get_args()).current_dir(wk.work());
    for (name, value) in start.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let outcome = wk_tests::Outcome::of(command).await;
    assert_eq!(outcome.code, 0, "{outcome}");

    let mut events = wk.events().await;
    events.until(|e| e.kind == "attempt_started" && e.data["attempt"] == 2).await;
    let view = restored.view().await;
    assert_eq!((view.status, view.attempt), (Some(Status::Running), 2));
    let view = closed.ended().await;
    assert_eq!((view.status, view.attempt), (Some(Status::Failed), 1));
    assert!(view.error.is_some_and(|error| error.contains("machine went down")));
    assert_eq!(fs::read_to_string(wk.work().join("runs")).unwrap(), "1\n2\n");
    let recovering = told(&wk, &restored, "session_recovering").await;
    assert_eq!(recovering.len(), 1);
    assert_eq!(recovering[0]["data"]["category"], "rebooted");
}

#[tokio::test]
async fn nothing_recovers_for_ever() {
    let wk = TestDaemon::start().await;
    let words = ["--retries", "1000", "--retry-delay", "50ms", "--recovery-deadline", "400ms"];
    let session = wk.run(words.into_iter().chain(["--", "sh", "-c", "exit 3"])).await;
    let view = session.ended().await;
    assert_eq!(view.status, Some(Status::Failed));
    assert!((2..=6).contains(&view.attempt), "{}", view.attempt);
    assert!(view.duration_seconds < Duration::from_secs(5).as_secs_f64());
}

#[tokio::test]
async fn who_is_attached_follows_from_attempt_to_attempt() {
    let wk = TestDaemon::start().await;
    // As a part of a pipeline: what one attempt has read is not given to the next.
    let script = "read line; echo \"$WK_ATTEMPT $line\"; test $WK_ATTEMPT = 3";
    let words = ["run", "--retries", "5", "--retry-delay", "0s", "--", "sh", "-c", script];
    let outcome = wk_tests::Outcome::fed(wk.call(words), b"one\n").await;
    assert_eq!(outcome.code, 0, "{outcome}");
    assert_eq!(outcome.text(), "1 one\n2 \n3 \n");
    let told = &outcome.stderr;
    assert!(told.contains("attempt 1 ended: exit code 1"), "{told}");

    let words = ["run", "--retries", "1", "--retry-delay", "0s", "--", "sh", "-c", "exit 3"];
    assert_eq!(wk.wk(words).await.code, 3);
}
