//! `--on-finish`: a session's own command for when it is over.

use std::fs;

use wk_tests::TestDaemon;

#[tokio::test]
async fn it_is_told_how_the_session_ended_in_the_sessions_own_world() {
    let wk = TestDaemon::start().await;
    let mut events = wk.events().await;
    let tell = "echo $WK_SESSION_ID $WK_NAME $WK_STATUS $WK_CAUSE $WK_EXIT_CODE:$WK_SIGNAL $X $PWD \
                > told; exit 4";
    let words =
        ["--name", "web", "--env", "X=mine", "--on-finish", tell, "--", "sh", "-c", "exit 3"];
    let session = wk.run(words).await;
    let started = events.until_kind(&session.id, "on_finish_started").await;
    let ended = events.until_kind(&session.id, "on_finish_ended").await;
    assert_eq!((&started.data["attempt"], &ended.data["attempt"]), (&1.into(), &1.into()));
    assert_eq!(ended.data["ending"], serde_json::json!({ "how": "exited", "code": 4 }));
    let work = wk.work();
    let told = fs::read_to_string(work.join("told")).unwrap();
    let want = format!("{} web failed exit_code 3: mine {}\n", session.id, work.display());
    assert_eq!(told, want);
    // The command may hold secrets: it is in the session's own file alone.
    let journal = wk.journal().await;
    assert!(journal.iter().all(|event| !event.to_string().contains("exit 4")));
}

#[tokio::test]
async fn it_is_run_once_whatever_happens_to_the_daemon() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let session = wk
        .run([
            "--on-finish",
            "echo $WK_STATUS >> told",
            "--",
            "sh",
            "-c",
            "until [ -e go ]; do sleep 0.05; done",
        ])
        .await;
    wk.kill().await;
    fs::write(wk.work().join("go"), "").unwrap();
    wk.comes_up().await;
    wk.events().await.until_kind(&session.id, "on_finish_ended").await;
    wk.kill().await;
    wk.ok(["daemon", "start"]).await;
    // What comes later is heard later: had it been run again, that would be seen by now.
    let other = wk.run(["--on-finish", "true", "--", "true"]).await;
    wk.events().await.until_kind(&other.id, "on_finish_ended").await;
    assert_eq!(fs::read_to_string(wk.work().join("told")).unwrap(), "completed\n");
}

#[tokio::test]
async fn one_that_a_killed_daemon_had_begun_is_not_begun_again() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let tell = "echo >> told; until [ -e go ]; do sleep 0.05; done; echo >> told";
    let session = wk.run(["--on-finish", tell, "--", "true"]).await;
    let mut events = wk.events().await;
    events.until_kind(&session.id, "on_finish_started").await;
    let told = wk.work().join("told");
    while !told.exists() {
        tokio::task::yield_now().await;
    }
    wk.kill().await;
    wk.ok(["daemon", "start"]).await;
    let ended = wk.events().await.until_kind(&session.id, "on_finish_ended").await;
    assert!(ended.data["ending"].is_null(), "{ended:?}");
    fs::write(wk.work().join("go"), "").unwrap();
    while fs::read_to_string(&told).unwrap().lines().count() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(fs::read_to_string(&told).unwrap().lines().count(), 2, "begun once, not ended");
}

#[tokio::test]
async fn an_empty_one_is_refused() {
    let wk = TestDaemon::start().await;
    let told = wk.wk(["run", "-d", "--on-finish", " ", "--", "true"]).await;
    assert!(told.code != 0 && told.stderr.contains("`on_finish` must be a command"), "{told}");
}
