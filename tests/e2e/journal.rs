//! The journal: rebuilt it is the same; damaged it is set aside; of a newer version it is left.

use std::{
    fs::{self, OpenOptions},
    io::{Seek, SeekFrom, Write},
    path::Path,
};

use wk_model::Status;
use wk_tests::{Outcome, TestDaemon};

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

#[tokio::test]
async fn a_rebuild_compares_equal() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    for words in
        [&["--name", "a", "--", "true"][..], &["-l", "k=v", "--", "false"], &["--", "nosuch"]]
    {
        wk.wk([&["run"], words].concat()).await;
    }
    let stopped = wk.run(["--", "cat"]).await;
    wk.ok(["stop", &stopped.id]).await;
    let victim = wk.run(["--", "cat"]).await;
    victim.holder().await.kill();
    victim.ended().await;
    wk.run(["--name", "lives", "--", "cat"]).await;
    wk.kill().await;
    wk.ok(["rm", "a"]).await;
    let before = wk.ok(["ls", "--all", "--format", "csv"]).await;
    let rebuilt = wk.ok(["doctor", "--rebuild"]).await;
    assert!(rebuilt.contains("6 sessions") || rebuilt.contains("5 sessions"), "{rebuilt}");
    let json = wk.wk(["doctor", "--rebuild", "--format", "json"]).await.json();
    assert!(json.to_string().contains("\"differing\":[]"), "{json}");
    let after = wk.ok(["ls", "--all", "--format", "csv"]).await;
    // What passes with time is not the journal's.
    let without_time = |text: String| -> Vec<String> {
        text.lines().filter(|line| !line.contains("lives")).map(str::to_owned).collect()
    };
    assert_eq!(without_time(before), without_time(after));
}

#[tokio::test]
async fn a_damaged_journal_is_set_aside_and_made_again_from_the_folders() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let done = wk.run(["--name", "done", "-l", "k=v", "--", "sh", "-c", "exit 3"]).await;
    done.ended().await;
    let live = wk.run(["--name", "live", "--", "cat"]).await;
    let process = live.process().await;
    wk.ok(["daemon", "stop"]).await;
    let journal = wk.state().join("journal.db");
    overwrite(&journal, 0, &[0xa5; 8192]);
    let damaged = fs::read(&journal).unwrap();

    let status = wk.wk(["daemon", "start"]).await;
    assert_eq!(status.code, 0, "{status}");
    let aside: Vec<_> = fs::read_dir(wk.state())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains("journal.db.corrupt"))
        .filter(|path| fs::read(path).unwrap() == damaged)
        .collect();
    assert_eq!(aside.len(), 1, "kept as it was");
    let warnings = wk.status().await.warnings;
    let named = aside[0].to_string_lossy().into_owned();
    assert!(warnings.iter().any(|warning| warning.contains(&named)), "{warnings:?}");
    assert!(wk.ok(["daemon", "status"]).await.contains("damaged"));

    let view = done.view().await;
    assert_eq!((view.status, view.exit_code), (Some(Status::Failed), Some(3)));
    assert_eq!((view.name.as_deref(), view.labels["k"].as_str()), (Some("done"), "v"));
    assert!(process.is_alive());
    wk.ok(["send", "live", "still here", "--enter"]).await;
    live.until_shows("still here").await;
    assert!(wk.journal().await.iter().any(|event| event["kind"] == "journal_gap"));
    wk.ok(["doctor", "--rebuild"]).await;
}

#[tokio::test]
async fn a_journal_of_a_newer_version_is_refused_and_left_as_it_is() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let session = wk.run(["--", "cat"]).await;
    let process = session.process().await;
    wk.ok(["daemon", "stop"]).await;
    let journal = wk.state().join("journal.db");
    let good = fs::read(&journal).unwrap();
    // SQLite keeps a database's own version at offset 60.
    overwrite(&journal, 60, &9999_u32.to_be_bytes());
    let newer = fs::read(&journal).unwrap();
    let refused = wk.wk(["ls"]).await.failed(1);
    assert!(refused.contains("9999") && refused.contains("schema"), "{refused}");
    let mut foreground = wk.call(["daemon", "start", "--foreground"]);
    foreground.env("WK_NO_AUTOSTART", "1");
    assert!(Outcome::of(foreground).await.failed(1).contains("9999"));
    assert!(fs::read(&journal).unwrap() == newer, "it was changed");
    assert!(process.is_alive());
    fs::write(&journal, good).unwrap();
    assert!(wk.ok(["ls"]).await.contains(&session.id));
}

#[tokio::test]
async fn a_lifecycle_event_is_on_disk_before_anybody_is_told() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    for number in 0..5 {
        let name = format!("s{number}");
        let session = wk.run(["--name", &name, "--", "cat"]).await;
        // Killed in the very moment in which the answer has come.
        wk.kill().await;
        let view = wk.wk(["show", &session.id, "--format", "json"]).await.json();
        assert_eq!((&view["name"], &view["status"]), (&name.into(), &"running".into()));
    }
    assert_eq!(wk.sessions().await.len(), 5);
}
