//! What is seen of sessions' processes, what is said of it, and what is done.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use wk_api::{HealthNumbers, SessionView};
use wk_model::{Liveness, Phase, Status};
use wk_tests::{Events, Session, TestDaemon, Watch, within};

/// Looked at often: what is waited for comes soon.
const OFTEN: [&str; 2] = ["--health-interval", "100ms"];

async fn run<const N: usize>(wk: &TestDaemon, options: [&str; N], script: &str) -> Session {
    let words = OFTEN.into_iter().chain(options).chain(["--", "sh", "-c", script]);
    wk.run(words).await
}

/// Asks until the session is as wanted: it is a gauge, of which nothing tells.
async fn until(session: &Session, wanted: impl Fn(&SessionView) -> bool) -> SessionView {
    let mut turns = tokio::time::interval(Duration::from_millis(20));
    let asking = async {
        loop {
            turns.tick().await;
            let view = session.view().await;
            if wanted(&view) {
                return view;
            }
        }
    };
    within("a session that is as wanted", asking).await
}

async fn numbers(wk: &TestDaemon) -> HealthNumbers {
    serde_json::from_str(&wk.ok(["health", "--format", "json"]).await).unwrap()
}

async fn changed(events: &mut Events, session: &Session) -> (Value, Value, String) {
    let event = events.until_kind(&session.id, "health_changed").await;
    let (conditions, before) = (event.data["conditions"].clone(), event.data["before"].clone());
    (conditions, before, event.data["reasons"].to_string())
}

#[tokio::test]
async fn a_stopped_session_is_hung_until_it_goes_on_with_an_event_each() {
    let wk = TestDaemon::start().await;
    let session = run(&wk, ["--name", "paused"], "echo ready; exec cat").await;
    session.until_shows("ready").await;
    let mut events = wk.events().await;
    let process = session.process().await;
    process.signal(Signal::STOP);
    let (conditions, before, reasons) = changed(&mut events, &session).await;
    assert_eq!((&conditions, &before), (&serde_json::json!(["hung"]), &serde_json::json!([])));
    assert!(reasons.contains("stopped for"), "{reasons}");
    let view = until(&session, |view| !view.health.reasons.is_empty()).await;
    assert_eq!((view.health.conditions, view.status), (vec!["hung".into()], Some(Status::Running)));
    let all = numbers(&wk).await;
    assert_eq!((all.hung_sessions, all.healthy_sessions, all.stale_sessions), (1, 0, 0));
    assert!(wk.ok(["ls"]).await.contains("hung"));
    assert!(wk.ok(["show", "paused"]).await.contains("its command is stopped"));

    process.signal(Signal::CONT);
    let (conditions, before, reasons) = changed(&mut events, &session).await;
    assert_eq!((&conditions, &before), (&serde_json::json!([]), &serde_json::json!(["hung"])));
    assert_eq!(reasons, "[]");
    assert_eq!(numbers(&wk).await.healthy_sessions, 1);
    let journal = wk.journal().await;
    let changes = journal.iter().filter(|event| event["kind"] == "health_changed");
    assert_eq!(changes.count(), 2);
}

#[tokio::test]
async fn silence_makes_a_session_stale_and_a_key_press_wakes_it() {
    let wk = TestDaemon::start().await;
    let session = run(&wk, ["--stale-after", "300ms"], "echo ready; exec cat").await;
    let mut events = wk.events().await;
    let (conditions, _, reasons) = changed(&mut events, &session).await;
    assert_eq!(conditions, serde_json::json!(["stale"]));
    for word in ["no output for", "no input for", "no CPU for"] {
        assert!(reasons.contains(word), "{reasons}");
    }
    assert_eq!(numbers(&wk).await.stale_sessions, 1);
    wk.ok(["send", &session.id, "x"]).await;
    let (conditions, before, _) = changed(&mut events, &session).await;
    assert_eq!((&conditions, &before), (&serde_json::json!([]), &serde_json::json!(["stale"])));
    // Reporting is all that is done unless somebody asks for more.
    let (conditions, ..) = changed(&mut events, &session).await;
    assert_eq!(conditions, serde_json::json!(["stale"]));
    assert_eq!(session.view().await.status, Some(Status::Running));
}

#[tokio::test]
async fn a_new_daemon_does_not_take_back_what_it_cannot_know() {
    let wk = TestDaemon::start().await;
    let session = run(&wk, ["--stale-after", "300ms"], "echo ready; exec cat").await;
    let mut events = wk.events().await;
    changed(&mut events, &session).await;
    wk.ok(["daemon", "restart"]).await;
    until(&session, |view| view.health.checked_at.is_some()).await;
    until(&session, |view| !view.health.reasons.is_empty()).await;
    let journal = wk.journal().await;
    let changes = journal.iter().filter(|event| event["kind"] == "health_changed");
    assert_eq!(changes.count(), 1);
}

#[tokio::test]
async fn a_stale_session_is_stopped_where_that_was_asked_for() {
    let wk = TestDaemon::start().await;
    let quiet = ["--stale-after", "300ms", "--on-stale", "stop"];
    let session = run(&wk, quiet, "sleep 1000 & wait").await;
    let view = session.ended().await;
    assert_eq!(view.status, Some(Status::Cancelled));
    let stopped = wk.events().await.until_kind(&session.id, "session_stopped").await;
    assert_eq!(stopped.data["by"]["client"], "wk (on_stale)");
}

#[tokio::test]
async fn a_stale_session_is_restarted_where_that_was_asked_for() {
    let wk = TestDaemon::start().await;
    let quiet =
        ["--stale-after", "300ms", "--on-stale", "restart", "--retries=1", "--retry-delay=0s"];
    let session = run(&wk, quiet, "[ $WK_ATTEMPT = 1 ] && exec sleep 1000; exit 0").await;
    let mut events = wk.events().await;
    let restarted = events.until_kind(&session.id, "session_restarted").await;
    assert_eq!(restarted.data["by"]["client"], "wk (on_stale)");
    assert_eq!(restarted.data["attempt"], 2);
    events.until_kind(&session.id, "session_closed").await;
    let view = session.ended().await;
    assert_eq!((view.status, view.attempt), (Some(Status::Completed), 2));
}

#[tokio::test]
async fn numbers_are_of_the_whole_tree_and_do_not_go_down() {
    let wk = TestDaemon::start().await;
    let work = "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done";
    let script = format!("sh -c '{work}; sleep 1000' & sleep 1000 & sleep 1000 & exec cat");
    let session = run(&wk, ["--name", "tree"], &script).await;
    let view = until(&session, |view| {
        view.processes == Some(5) && view.cpu_seconds.is_some_and(|seconds| seconds >= 0.1)
    })
    .await;
    let (memory, cpu) = (view.memory_bytes.unwrap(), view.cpu_seconds.unwrap());
    let largest = view.health.largest_process.unwrap();
    assert!(largest.memory_bytes > 0 && largest.memory_bytes < memory);
    // Each of the five has a terminal as stdin, stdout and stderr.
    assert!(view.open_files.unwrap() >= 15, "{:?}", view.open_files);
    assert!(view.read_bytes.is_some() && view.write_bytes.is_some());
    let shown = wk.ok(["show", "tree"]).await;
    for word in ["memory", "largest", "CPU time", "open files", "disk read"] {
        assert!(shown.contains(word), "{shown}");
    }
    assert!(numbers(&wk).await.average_memory_usage.unwrap() > 0);

    // What ends takes its memory with it, but not the time that it took.
    let children =
        std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", view.pid.unwrap()));
    for pid in children.unwrap().split_whitespace() {
        Watch::new(pid.parse().unwrap()).kill();
    }
    let view = until(&session, |view| view.processes == Some(1) || view.processes == Some(2)).await;
    assert!(view.memory_bytes.unwrap() < memory);
    assert!(view.cpu_seconds.unwrap() >= cpu);
    session.process().await.kill();
    let view = session.ended().await;
    assert_eq!(
        (view.memory_bytes, view.processes, view.health.alive),
        (None, None, Liveness::Dead)
    );
}

#[tokio::test]
async fn a_command_is_seen_dead_though_nobody_says_so() {
    let wk = TestDaemon::start().await;
    let session = run(&wk, [], "exec cat").await;
    until(&session, |view| view.health.checked_at.is_some()).await;
    let (holder, process) = (session.holder().await, session.process().await);
    // A holder that is stopped tells of no end.
    holder.signal(Signal::STOP);
    process.kill();
    let view = until(&session, |view| view.health.alive == Liveness::Dead).await;
    assert_eq!(view.phase, Phase::Running);
    let all = numbers(&wk).await;
    assert_eq!((all.healthy_sessions, all.sessions_by_status.running), (0, 1));
    holder.signal(Signal::CONT);
    assert_eq!(session.ended().await.signal, Some(9));
}

#[tokio::test]
async fn a_session_near_its_limit_is_told_of_once() {
    let wk = TestDaemon::start().await;
    let session = run(&wk, ["--timeout", "2s"], "exec cat").await;
    let event = wk.events().await.until_kind(&session.id, "health_changed").await;
    assert_eq!(event.data["conditions"], serde_json::json!(["over_limit"]));
    assert!(event.data["reasons"].to_string().contains("time at 1s of 2s"), "{}", event.data);
    assert_eq!(session.ended().await.status, Some(Status::Timeout));
    let journal = wk.journal().await;
    let changes = journal.iter().filter(|event| event["kind"] == "health_changed");
    assert_eq!(changes.count(), 1);
}

#[tokio::test]
async fn the_numbers_of_all_sessions_are_there_with_their_zeros() {
    let wk = TestDaemon::start().await;
    let value: Value = serde_json::from_str(&wk.ok(["health", "--format", "json"]).await).unwrap();
    assert_eq!(value["total_sessions"], 0);
    assert_eq!(value["average_memory_usage"], Value::Null);
    let zeros = serde_json::json!({
        "running": 0, "completed": 0, "failed": 0, "cancelled": 0, "timeout": 0, "recovering": 0
    });
    assert_eq!(value["sessions_by_status"], zeros);
    assert_eq!(value["recovery"]["attempts"], 0);
    assert_eq!(value["recovery"]["succeeded"], 0);

    wk.script("exit 0").await.ended().await;
    wk.script("exit 3").await.ended().await;
    let stopped = wk.script("exec cat").await;
    wk.ok(["stop", &stopped.id]).await;
    stopped.ended().await;
    wk.script("exec cat").await;
    let all = numbers(&wk).await;
    let by = all.sessions_by_status;
    assert_eq!((by.running, by.completed, by.failed, by.cancelled), (1, 1, 1, 1));
    assert_eq!((all.total_sessions, all.living_sessions, all.healthy_sessions), (4, 1, 1));
    assert!(wk.ok(["health"]).await.contains("4, of which 1 live"));
}

#[tokio::test]
async fn nobody_looks_where_nobody_is_to_look_and_a_reload_changes_that() {
    let wk = TestDaemon::new();
    std::fs::write(wk.config(), "[health]\ninterval = \"none\"\n").unwrap();
    let blind = wk.script("exec cat").await;
    let seen = run(&wk, [], "exec cat").await;
    until(&seen, |view| view.health.checked_at.is_some()).await;
    assert_eq!(blind.view().await.health.checked_at, None);
    std::fs::write(wk.config(), "[health]\ninterval = \"100ms\"\n").unwrap();
    wk.ok(["config", "reload"]).await;
    until(&blind, |view| view.health.checked_at.is_some()).await;
}

#[tokio::test]
async fn an_agent_that_a_held_shell_has_started_is_a_session_of_its_own() {
    let wk = TestDaemon::new();
    let program = wk.work().join("claude");
    std::fs::write(&program, "#!/bin/sh\nread line\nexit 4\n").unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, executable).unwrap();
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    let script = format!("{} --resume abc; read line", program.display());
    let shell = run(&wk, ["--name", "shell"], &script).await;
    let is_agent = |event: &wk_api::EventView| {
        event.kind == "session_created" && event.data["session_kind"] == "agent"
    };
    let created = events.until(is_agent).await;
    assert_eq!(created.data["parent_id"], shell.id.as_str());
    let agent = created.session_id.unwrap();
    wk.ok(["send", "shell", "bye", "--enter"]).await;
    events.until_kind(&agent, "session_closed").await;
    let view = wk.session(&agent).view().await;
    assert_eq!((view.exit_code, view.status), (Some(4), Some(Status::Failed)), "{view:?}");
    assert_eq!(shell.view().await.status, Some(Status::Running));
}
