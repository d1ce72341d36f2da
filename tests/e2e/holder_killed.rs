//! A holder is killed with -9: its own session ends, whole, and no other.

use wk_model::{Phase, Status};
use wk_tests::{Session, TestDaemon, Watch, skip};

/// A leftover that has left the session's process group and session, and ignores being asked.
const LEAVE: &str = "setsid sh -c 'trap \"\" TERM HUP; echo left $$ here; exec sleep 1000' & wait";

/// The leftover's process.
async fn leftover(session: &Session) -> Watch {
    session.until_shows("here").await;
    let shown = session.screen().await;
    let pid = shown.split_whitespace().skip_while(|word| *word != "left").nth(1);
    Watch::new(pid.and_then(|pid| pid.parse().ok()).expect("a number"))
}

async fn has_cgroups(wk: &TestDaemon) -> bool {
    let warnings = wk.status().await.warnings;
    let missing = warnings.iter().find(|warning| warning.contains("cgroup"));
    if let Some(why) = missing {
        skip(why);
    }
    missing.is_none()
}

#[tokio::test]
async fn only_its_own_session_ends_and_nothing_of_it_is_left() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let victim = wk.run(["--name", "victim", "--", "sh", "-c", LEAVE]).await;
    let other = wk.run(["--name", "other", "--", "cat"]).await;
    let (child, descendant) = (victim.process().await, leftover(&victim).await);
    victim.holder().await.kill();
    let view = victim.ended().await;
    assert_eq!((view.status, view.phase), (Some(Status::Failed), Phase::Ended));
    assert!(view.error.as_deref().is_some_and(|error| error.contains("holder")), "{view:?}");
    child.ended().await;
    let mut events = wk.events().await;
    if has_cgroups(&wk).await {
        descendant.ended().await;
        let of_it = |data: &serde_json::Value| data["process"]["pid"] == descendant.pid();
        let ended = events.until(|e| e.kind == "orphan_ended" && of_it(&e.data)).await;
        assert_eq!(ended.data["command"], serde_json::json!(["sleep", "1000"]));
        assert_eq!(ended.data["signal"], 9);
    } else {
        events.until_kind(&victim.id, "orphan_found").await;
        descendant.kill();
    }
    wk.ok(["send", "other", "undisturbed", "--enter"]).await;
    other.until_shows("undisturbed").await;
    assert!(wk.ok(["show", "victim"]).await.contains("holder was killed"));
    assert_eq!(wk.wk(["wait", "victim"]).await.code, 1);
}

#[tokio::test]
async fn it_is_found_out_by_the_next_daemon_too() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let victim = wk.script(LEAVE).await;
    let (child, descendant) = (victim.process().await, leftover(&victim).await);
    let holder = victim.holder().await;
    wk.kill().await;
    holder.kill();
    holder.ended().await;
    child.ended().await;
    assert!(descendant.is_alive(), "nobody was there to end it");
    wk.ok(["daemon", "start"]).await;
    let view = victim.ended().await;
    assert_eq!(view.status, Some(Status::Failed));
    if has_cgroups(&wk).await {
        descendant.ended().await;
    } else {
        descendant.kill();
    }
}

#[tokio::test]
async fn descendants_of_a_shell_are_kept() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let shell = wk.run(["--kind", "shell", "--", "sh", "-c", LEAVE]).await;
    let descendant = leftover(&shell).await;
    shell.holder().await.kill();
    shell.ended().await;
    wk.events().await.until_kind(&shell.id, "orphan_found").await;
    assert!(descendant.is_alive());
    descendant.kill();
    descendant.ended().await;
}

#[tokio::test]
async fn a_normal_end_takes_the_leftovers_along_and_says_which() {
    let wk = TestDaemon::start().await;
    let leave = LEAVE.replace("wait", "until [ -e go ]; do sleep 0.05; done");
    let session = wk.run(["--grace", "100ms", "--", "sh", "-c", &leave]).await;
    let descendant = leftover(&session).await;
    std::fs::File::create(wk.work().join("go")).unwrap();
    assert_eq!(session.ended().await.status, Some(Status::Completed));
    let mut events = wk.events().await;
    let of_it = |data: &serde_json::Value| data["process"]["pid"] == descendant.pid();
    events.until(|event| event.kind == "orphan_ended" && of_it(&event.data)).await;
    descendant.ended().await;
}

#[tokio::test]
async fn what_a_shell_started_lives_on_after_it() {
    let wk = TestDaemon::start().await;
    let leave = LEAVE.replace("wait", "until [ -e go ]; do sleep 0.05; done");
    let session = wk.run(["--kind", "shell", "--", "sh", "-c", &leave]).await;
    let (descendant, holder) = (leftover(&session).await, session.holder().await);
    std::fs::File::create(wk.work().join("go")).unwrap();
    assert_eq!(session.ended().await.status, Some(Status::Completed));
    holder.ended().await;
    assert!(descendant.is_alive());
    descendant.kill();
    descendant.ended().await;
}
