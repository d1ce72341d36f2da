//! Settings: four layers, and errors that say where.

use std::fs;

use wk_tests::{Outcome, TestDaemon};

#[tokio::test]
async fn a_bad_key_is_told_with_its_place_and_the_nearest_name() {
    let wk = TestDaemon::new();
    wk.configure("[recording]\nenabled = true\n  max_sise = \"1MiB\"\n");
    let want = format!("{}:3:3: unknown key `max_sise`", wk.config().display());
    let told = wk.wk(["config", "check"]).await.failed(1);
    assert!(told.contains(&want) && told.contains("did you mean `max_size`"), "{told}");
    // Nor does a daemon start from it, and whoever needs one is told why.
    let told = wk.wk(["ls"]).await.failed(1);
    assert!(told.contains(&want), "{told}");
    wk.configure("[recording]\nenabled = true\n");
    wk.ok(["config", "check"]).await;
    wk.ok(["ls"]).await;
}

#[tokio::test]
async fn what_no_session_could_have_is_told_before_one_asks_for_it() {
    let wk = TestDaemon::new();
    wk.configure("[template.x]\nlimits = { timeout = \"5m\", idle_timeout = \"10m\" }\n");
    let told = wk.wk(["config", "check"]).await.failed(1);
    assert!(told.contains("1:11: template.x: an idle limit of 10m is never reached"), "{told}");
    wk.configure("[session]\nretry_delay = \"10m\"\nrecovery_deadline = \"1m\"\nretries = 1\n");
    let told = wk.wk(["config", "check"]).await.failed(1);
    assert!(told.contains("2:1: session.retry_delay: no retry would ever start"), "{told}");
}

#[tokio::test]
async fn later_layers_win_and_are_named() {
    let wk = TestDaemon::new();
    wk.configure("[session]\ngrace = \"7s\"\n[log]\nbackups = 2\n");
    let mut call = wk.call(["config", "show"]);
    call.env("WK_SESSION_GRACE", "3s");
    let shown = Outcome::of(call).await.ok();
    let line = |key: &str| shown.lines().find(|line| line.contains(key)).unwrap_or_default();
    assert!(line("grace").contains("3s") && line("grace").contains("WK_SESSION_GRACE"), "{shown}");
    assert!(line("backups").contains('2') && line("backups").contains("config.toml"), "{shown}");
    assert!(line("max_size").contains("default"), "{shown}");
    assert_eq!(wk.ok(["config", "path"]).await.trim(), wk.config().display().to_string());
    let other = wk.path().join("other.toml");
    fs::write(&other, "[session]\ngrace = \"9s\"\n").unwrap();
    let shown = wk.ok(["--config", other.to_str().unwrap(), "config", "show"]).await;
    assert!(shown.contains("9s") && shown.contains("other.toml"), "{shown}");
    let mut call = wk.call(["config", "check"]);
    call.env("WK_SESSION_GRACE", "soon");
    assert!(Outcome::of(call).await.failed(1).contains("WK_SESSION_GRACE"));
}

#[tokio::test]
async fn a_reload_takes_effect_or_is_refused_as_a_whole() {
    let wk = TestDaemon::start().await;
    assert!(wk.run(["--", "cat"]).await.view().await.recording.is_some());
    wk.configure("[recording]\nenabled = false\n");
    wk.ok(["config", "reload"]).await;
    assert!(wk.run(["--", "cat"]).await.view().await.recording.is_none());
    wk.configure("[recording]\nenabled = true\n[session]\ngrace = 10\n");
    let refused = wk.wk(["config", "reload"]).await.failed(1);
    assert!(refused.contains(":4:9:") && refused.contains("grace"), "{refused}");
    assert!(wk.run(["--", "cat"]).await.view().await.recording.is_none(), "kept as it was");
    let reloads = wk.journal().await.iter().filter(|e| e["kind"] == "config_reloaded").count();
    assert_eq!(reloads, 1);
    // SIGHUP does the same.
    wk.configure("[recording]\nenabled = true\n");
    wk.process().await.signal(rustix::process::Signal::HUP);
    let mut events = wk.events().await;
    for _ in 0..2 {
        events.until(|event| event.kind == "config_reloaded").await;
    }
    assert!(wk.run(["--", "cat"]).await.view().await.recording.is_some());
}

#[tokio::test]
async fn the_settings_of_a_session_are_those_it_was_started_with() {
    let wk = TestDaemon::new();
    wk.configure("[session]\ntimeout = \"300ms\"\n");
    let limited = wk.run(["--", "sleep", "1000"]).await;
    assert_eq!(limited.ended().await.status, Some(wk_model::Status::Timeout));
    let own = wk.run(["--timeout", "1h", "--", "cat"]).await;
    assert_eq!(own.view().await.limits.time.map(|limit| limit.value), Some(3_600_000));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named() {
    let wk = TestDaemon::new();
    fs::create_dir(wk.config()).unwrap();
    let told = wk.wk(["config", "check"]).await.failed(1);
    assert!(told.contains(&wk.config().display().to_string()), "{told}");
}
