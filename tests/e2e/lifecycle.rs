//! The logs of lives and deaths.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;
use wk_sources::folder_watch::FolderWatch;
use wk_tests::{TestDaemon, within};

/// Waits until a log tells of an event of a session.
async fn told(path: &Path, session: &str, event: &str) -> Vec<Value> {
    let told = async {
        loop {
            // Between the watch and the look nothing can be missed; a folder may not be there yet.
            let watch = path.parent().and_then(|folder| FolderWatch::new(folder).ok());
            let lines = lines(path, session);
            if lines.iter().any(|line| line["event"] == event) {
                return lines;
            }
            let look = Duration::from_millis(50);
            match watch {
                Some(mut watch) => drop(tokio::time::timeout(look, watch.changed()).await),
                None => tokio::time::sleep(look).await,
            }
        }
    };
    within("a line of a log", told).await
}

fn lines(path: &Path, session: &str) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["session_id"] == session).collect()
}

fn events(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["event"].as_str()).collect()
}

#[tokio::test]
async fn a_life_that_was_ended_by_force_is_in_the_logs() {
    let wk = TestDaemon::start().await;
    let session = wk.script("echo ready; exec sleep 1000").await;
    session.until_shows("ready").await;
    session.process().await.kill();
    session.ended().await;
    let common = wk.state().join("log/session_lifecycle.log");
    let all = told(&common, &session.id, "session_closed").await;
    let want = ["session_created", "polling_started", "polling_ended", "session_closed"];
    let lived: Vec<&str> =
        events(&all).into_iter().filter(|event| *event != "session_death_detected").collect();
    assert_eq!(lived, want);
    let reason = |event: &str| {
        let line = all.iter().find(|line| line["event"] == event);
        line.and_then(|line| line["reason"].as_str()).unwrap_or_default().to_owned()
    };
    assert_eq!(
        (reason("polling_ended").as_str(), reason("session_closed").as_str()),
        ("SIGKILL", "failed")
    );
    let own = wk.session_folder(&session.id).join("lifecycle.log");
    let own = told(&own, &session.id, "session_closed").await;
    assert_eq!(own[0], all[0]);
}

#[tokio::test]
async fn what_happens_while_no_daemon_looks_is_told_by_the_next_once() {
    let wk = TestDaemon::start().await;
    let session = wk.script("echo ready; read line; exit 3").await;
    session.until_shows("ready").await;
    let process = session.process().await;
    let log = wk.state().join("log/session_lifecycle.log");
    told(&log, &session.id, "polling_started").await;
    wk.kill().await;
    process.kill();
    process.ended().await;
    wk.ok(["ls"]).await;
    session.ended().await;
    let all = told(&log, &session.id, "session_closed").await;
    let mut lived = events(&all);
    lived.retain(|event| *event != "session_death_detected");
    let want = ["session_created", "polling_started", "polling_ended", "session_closed"];
    assert_eq!(lived, want);
}
