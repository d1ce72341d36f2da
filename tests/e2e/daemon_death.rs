//! The daemon dies, at any moment and by any means: no session notices.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::MetadataExt,
    process::Stdio,
};

use rustix::fs::{FlockOperation, flock};
use wk_model::Status;
use wk_tests::{Session, Terminal, TestDaemon, Watch};

/// How many times something happened to a session, by the journal.
async fn count(wk: &TestDaemon, session: &Session, kind: &str) -> usize {
    let journal = wk.journal().await;
    journal
        .iter()
        .filter(|event| event["kind"] == kind && event["session_id"] == session.id.as_str())
        .count()
}

#[tokio::test]
async fn sessions_print_on_while_daemons_are_killed_and_no_line_is_lost() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let script = "echo $$ >> started; i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo \"line $i\"; \
                  done; until [ -e go ]; do sleep 0.05; done; echo end";
    let mut sessions = Vec::new();
    for _ in 0..8 {
        sessions.push(wk.script(script).await);
    }
    let mut processes = Vec::new();
    for session in &sessions {
        processes.push(session.process().await);
    }
    for _ in 0..3 {
        wk.kill().await;
        wk.ok(["daemon", "start"]).await;
        assert_eq!(wk.status().await.sessions, 8, "all are adopted when it says it is ready");
    }
    assert!(processes.iter().all(Watch::is_alive));
    File::create(wk.work().join("go")).unwrap();
    let want: Vec<String> =
        (1..=2000).map(|number| format!("line {number}")).chain(["end".into()]).collect();
    for session in &sessions {
        let view = session.ended().await;
        assert_eq!((view.exit_code, view.attempt), (Some(0), 1));
        let logs = wk.ok(["logs", &session.id]).await;
        assert!(logs.lines().eq(want.iter().map(String::as_str)), "{logs}");
        assert_eq!(count(&wk, session, "attempt_started").await, 1);
        assert_eq!(count(&wk, session, "session_closed").await, 1);
        assert_eq!(count(&wk, session, "session_adopted").await, 3);
    }
    let started = fs::read_to_string(wk.work().join("started")).unwrap();
    assert_eq!(started.lines().count(), 8, "nothing was started twice");
}

#[tokio::test]
async fn the_end_of_a_session_brings_a_daemon_back() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let session = wk.script("until [ -e go ]; do sleep 0.05; done; exit 7").await;
    let before = wk.status().await.pid;
    wk.kill().await;
    File::create(wk.work().join("go")).unwrap();
    wk.comes_up().await;
    let view = session.ended().await;
    assert_eq!((view.exit_code, view.status), (Some(7), Some(Status::Failed)));
    assert_ne!(wk.status().await.pid, before);
}

#[tokio::test]
async fn who_ended_unheard_is_reported_with_the_true_exit() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let wait = "until [ -e go ]; do sleep 0.05; done;";
    let mut sessions = Vec::new();
    for end in ["exit 0", "exit 3", "kill -KILL $$", "exec cat"] {
        sessions.push(wk.script(&format!("{wait} {end}")).await);
    }
    let mut holders = Vec::new();
    for session in &sessions {
        holders.push(session.holder().await);
    }
    wk.kill().await;
    // While we have its lock no daemon can start, and nobody hears of what happens.
    let lock = OpenOptions::new().write(true).open(wk.state().join("daemon.lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    File::create(wk.work().join("go")).unwrap();
    for holder in &holders[..3] {
        holder.ended().await;
    }
    drop(lock);
    wk.ok(["daemon", "start"]).await;
    let ends = [
        (Some(Status::Completed), Some(0), None),
        (Some(Status::Failed), Some(3), None),
        (Some(Status::Failed), None, Some(9)),
        (Some(Status::Running), None, None),
    ];
    for (session, want) in sessions.iter().zip(ends) {
        let view = session.view().await;
        assert_eq!((view.status, view.exit_code, view.signal), want);
    }
    // The moment of the end is when it happened, not when it was heard of.
    let journal = wk.journal().await;
    let exited = journal.iter().find(|event| event["kind"] == "attempt_exited").unwrap();
    assert!(exited["time"].as_str() < exited["recorded_at"].as_str(), "{exited}");
}

#[tokio::test]
async fn a_second_daemon_is_refused() {
    let wk = TestDaemon::start().await;
    let pid = wk.status().await.pid;
    let refused = wk.wk(["daemon", "start", "--foreground"]).await;
    assert_ne!(refused.code, 0);
    assert!(refused.stderr.contains(&format!("pid {pid}")), "{refused}");
    assert!(wk.ok(["daemon", "start"]).await.contains("already running"));
    // Neither folder may have two, even where the other one differs.
    for variable in ["WK_STATE_DIR", "WK_RUNTIME_DIR"] {
        let mut command = wk.call(["daemon", "start", "--foreground"]);
        command.env(variable, wk.path().join("other"));
        let refused = wk_tests::Outcome::of(command).await;
        assert!(refused.stderr.contains("another daemon"), "{variable}: {refused}");
    }
    assert_eq!(wk.status().await.pid, pid);
}

#[tokio::test]
async fn many_first_callers_get_one_daemon() {
    let wk = TestDaemon::new();
    let calls = (0..8).map(|number| wk.call(["run", "--", "echo", &number.to_string()]));
    let mut children: Vec<_> = calls
        .map(|mut call| call.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap())
        .collect();
    for (number, child) in children.drain(..).enumerate() {
        Watch::new(child.id()).ended().await;
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{number}\n"));
    }
    let journal = wk.journal().await;
    let starts = journal.iter().filter(|event| event["kind"] == "daemon_started").count();
    assert_eq!(starts, 1);
}

#[tokio::test]
async fn a_restart_leaves_sessions_alone() {
    let wk = TestDaemon::start().await;
    let session = wk.run(["--name", "stays", "--", "cat"]).await;
    let (process, before) = (session.process().await, wk.status().await);
    let text = wk.ok(["daemon", "restart"]).await;
    assert!(text.contains("1 session runs on") && text.contains("1 session adopted"), "{text}");
    let after = wk.status().await;
    assert_ne!(before.pid, after.pid);
    assert!(before.started_at < after.started_at);
    assert!(process.is_alive());
    wk.ok(["send", "stays", "still there", "--enter"]).await;
    session.until_shows("still there").await;
}

#[tokio::test]
async fn stopping_the_daemon_says_what_runs_on_and_status_says_it_is_away() {
    let wk = TestDaemon::start().await;
    let session = wk.run(["--", "cat"]).await;
    let process = session.process().await;
    assert!(wk.ok(["daemon", "stop"]).await.contains("1 session runs on"));
    assert!(process.is_alive());
    let away = wk.wk(["daemon", "status"]).await;
    assert!(away.code == 3 && away.text().contains("not running"), "{away}");
    let away = wk.wk(["daemon", "status", "--format", "json"]).await;
    let status: serde_json::Value = serde_json::from_slice(&away.stdout).unwrap();
    assert!(away.code == 3 && status["pid"].is_null());
    assert!(wk.ok(["ls"]).await.contains(&session.id), "the next command starts it");
    let here = wk.wk(["daemon", "status", "--format", "json"]).await.json();
    for key in ["pid", "version", "socket", "state_dir", "started_at", "sessions"] {
        assert!(!here[key].is_null(), "{here}");
    }
}

#[tokio::test]
async fn no_daemon_starts_where_that_is_refused() {
    let wk = TestDaemon::new();
    let mut command = wk.call(["ls"]);
    command.env("WK_NO_AUTOSTART", "1");
    let refused = wk_tests::Outcome::of(command).await.failed(1);
    assert!(refused.contains("wk daemon start"), "{refused}");
    assert!(!wk.socket().exists());
}

#[tokio::test]
async fn stale_sockets_and_locks_are_no_obstacle() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    wk.kill().await;
    assert!(wk.socket().exists(), "a kill leaves the socket");
    assert_eq!(wk.ok(["run", "--", "echo", "hello"]).await, "hello\n");
}

#[tokio::test]
async fn a_holders_socket_that_was_removed_is_made_anew() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let session = wk.run(["--", "cat"]).await;
    fs::remove_file(wk.holder_socket(&session.id)).unwrap();
    wk.kill().await;
    wk.ok(["send", &session.id, "found again", "--enter"]).await;
    session.until_shows("found again").await;
    assert_eq!(count(&wk, &session, "session_adopted").await, 1);
}

#[tokio::test]
async fn a_daemon_whose_runtime_folder_was_removed_is_reached_again() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let session = wk.run(["--name", "stays", "--", "sh", "-c", "echo here; exec cat"]).await;
    let before = wk.status().await;
    for _ in 0..2 {
        fs::remove_dir_all(wk.runtime()).unwrap();
        // Whoever calls meanwhile cannot start a second one, and waits for the first.
        wk.comes_up().await;
        assert_eq!(wk.status().await.pid, before.pid);
        assert_eq!(fs::metadata(wk.socket()).unwrap().mode() & 0o777, 0o600);
        let mut terminal = Terminal::open(wk.call(["attach", "stays"]));
        terminal.until_shows("here").await;
        terminal.send("typed\r");
        terminal.until_shows("typed").await;
        terminal.send("\x1c");
        assert_eq!(terminal.ended().await, 0);
        assert!(wk.holder_socket(&session.id).exists(), "the holder's socket is back, too");
    }
    assert_eq!(wk.ok(["run", "--", "echo", "well"]).await, "well\n");
}

#[tokio::test]
async fn one_call_starts_one_session_whatever_happens_to_daemons() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let script = "echo x >> started; exec sleep 1000";
    let mut children = Vec::new();
    for _ in 0..4 {
        for _ in 0..3 {
            let mut call = wk.call(["run", "-d", "--", "sh", "-c", script]);
            let call = call.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            children.push(call.spawn().unwrap());
        }
        wk.kill().await;
        // Whoever calls first starts the next one; it may be one of the children.
        wk.ok(["ls"]).await;
    }
    let mut ids = std::collections::BTreeSet::new();
    for child in children {
        Watch::new(child.id()).ended().await;
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        ids.insert(String::from_utf8(output.stdout).unwrap().trim().to_owned());
    }
    assert_eq!(ids.len(), 12);
    let sessions = wk.sessions().await;
    assert_eq!(sessions.len(), 12, "{sessions:#?}");
    assert!(sessions.iter().all(|view| ids.contains(&view.session_id)));
    for id in &ids {
        wk.session(id).process().await;
    }
    let started = || fs::read_to_string(wk.work().join("started")).unwrap();
    wk.ok(["stop", "--all", "--grace", "0s"]).await;
    for id in &ids {
        wk.session(id).ended().await;
    }
    assert!(started().lines().count() <= 12, "{}", started());
}

#[tokio::test]
async fn half_written_things_of_a_dead_daemon_do_not_stop_the_next_one() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    wk.run(["--", "true"]).await.ended().await;
    wk.kill().await;
    let sessions = wk.state().join("sessions");
    fs::create_dir(sessions.join("not an id")).unwrap();
    fs::create_dir(sessions.join("0123456789ab")).unwrap();
    File::create(sessions.join("0123456789ab/created.json"))
        .unwrap()
        .write_all(b"{\"at\":")
        .unwrap();
    assert_eq!(wk.ok(["run", "--", "echo", "well"]).await, "well\n");
    assert_eq!(wk.sessions().await.len(), 2);
}
