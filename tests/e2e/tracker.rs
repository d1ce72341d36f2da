//! The Rust client, `wk_client::Tracker`: this test's own process is the session.

use wk_client::{Places, Tracker};
use wk_tests::TestDaemon;

fn places(wk: &TestDaemon) -> Places {
    Places { state: wk.state(), runtime: wk.runtime(), config: wk.config() }
}

#[tokio::test]
async fn a_program_is_a_session_from_its_start_to_its_end() {
    let wk = TestDaemon::start().await;
    let tracker = Tracker::start(&places(&wk), "mytool", "MyShell").await;
    let id = tracker.session_id().expect("a daemon has answered").to_owned();
    let view = wk.session(&id).view().await;
    assert_eq!((view.kind.as_str(), view.pid), ("shell", Some(std::process::id())));
    assert_eq!(view.component_name.as_deref(), Some("mytool"));
    assert!(tracker.end().await);
    let view = wk.session(&id).view().await;
    assert_eq!(view.status.map(wk_model::Status::as_str), Some("completed"));
}

#[tokio::test]
async fn an_end_that_no_daemon_heard_is_told_to_the_next() {
    let mut wk = TestDaemon::start().await;
    wk.expect_kills();
    let tracker = Tracker::start(&places(&wk), "mytool", "MyShell").await;
    let id = tracker.session_id().expect("a daemon has answered").to_owned();
    wk.kill().await;
    assert!(tracker.end().await, "a record waits");
    wk.ok(["daemon", "start"]).await;
    // This process lives on: nothing but the record says that the session is over.
    let mut events = wk.events().await;
    events.until_kind(&id, "session_closed").await;
    let view = wk.session(&id).view().await;
    assert_eq!(view.status.map(wk_model::Status::as_str), Some("completed"));
    // The record itself is journalled, too.
    let record = |event: &wk_api::EventView| {
        event.kind == "hook" && event.session_id.as_deref() == Some(id.as_str())
    };
    assert_eq!(events.until(record).await.data["event"], "shell_end");
}

#[tokio::test]
async fn a_program_without_a_daemon_is_heard_of_later_with_all_it_said() {
    let wk = TestDaemon::new();
    let tracker = Tracker::start(&places(&wk), "mytool", "MyShell").await;
    assert_eq!(tracker.session_id(), None);
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    let created = events.until(|event| event.kind == "session_created").await;
    let id = created.session_id.clone().unwrap();
    assert_eq!(created.data["component_name"], "mytool", "{}", created.data);
    assert!(tracker.end().await);
    events.until_kind(&id, "session_closed").await;
    let view = wk.session(&id).view().await;
    assert_eq!(view.status.map(wk_model::Status::as_str), Some("completed"));
    assert_eq!(view.shell_type.as_deref(), Some("MyShell"));
}
