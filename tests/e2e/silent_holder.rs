//! A holder that is stopped with SIGSTOP: its own session waits, nobody else does.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use wk_model::{Phase, Status};
use wk_tests::TestDaemon;

/// Far less than anybody waits for a holder that does not answer.
const SOON: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_stopped_holder_does_not_slow_lists_or_other_sessions() {
    let wk = TestDaemon::start().await;
    let stopped = wk.run(["--name", "stopped", "--", "cat"]).await;
    let other = wk.run(["--name", "other", "--", "cat"]).await;
    let holder = stopped.holder().await;
    holder.signal(Signal::STOP);
    let begin = Instant::now();
    assert!(wk.ok(["ls"]).await.contains("stopped"));
    wk.ok(["show", "stopped"]).await;
    wk.ok(["logs", "stopped"]).await;
    wk.ok(["send", "other", "hello", "--enter"]).await;
    other.until_shows("hello").await;
    wk.ok(["run", "-d", "--", "true"]).await;
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
    holder.signal(Signal::CONT);
    wk.ok(["send", "stopped", "awake", "--enter"]).await;
    stopped.until_shows("awake").await;
}

#[tokio::test]
async fn a_silent_holder_is_unreachable_not_dead_and_comes_back() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let session = wk.run(["--name", "frozen", "--", "cat"]).await;
    let (holder, process) = (session.holder().await, session.process().await);
    holder.signal(Signal::STOP);
    wk.kill().await;
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    events.until_kind(&session.id, "session_unreachable").await;
    let view = session.view().await;
    assert_eq!((view.status, view.phase), (Some(Status::Running), Phase::Lost));
    assert_eq!(view.health.conditions, ["unreachable"]);
    assert!(process.is_alive());
    assert!(wk.ok(["ls", "--active"]).await.contains("lost"));
    let refused = wk.wk(["send", "frozen", "x"]).await.failed(1);
    assert!(refused.contains("cannot be reached"), "{refused}");

    holder.signal(Signal::CONT);
    events.until_kind(&session.id, "session_repaired").await;
    let view = session.view().await;
    assert_eq!((view.phase, view.health.conditions.len()), (Phase::Running, 0));
    wk.ok(["send", "frozen", "thawed", "--enter"]).await;
    session.until_shows("thawed").await;
}

#[tokio::test]
async fn a_session_whose_holder_is_stopped_can_be_stopped() {
    let wk = TestDaemon::start().await;
    let session = wk.run(["--name", "frozen", "--", "cat"]).await;
    session.holder().await.signal(Signal::STOP);
    assert!(wk.ok(["stop", "frozen"]).await.contains(&session.id));
    assert_eq!(session.ended().await.status, Some(Status::Cancelled));
}

#[tokio::test]
async fn a_session_that_could_not_be_adopted_can_be_stopped() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let session = wk.run(["--name", "frozen", "--", "cat"]).await;
    session.holder().await.signal(Signal::STOP);
    wk.kill().await;
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    events.until_kind(&session.id, "session_unreachable").await;
    wk.ok(["stop", "frozen"]).await;
    assert_eq!(session.ended().await.status, Some(Status::Cancelled));
    events.until_kind(&session.id, "session_closed").await;
}
