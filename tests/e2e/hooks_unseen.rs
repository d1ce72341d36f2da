//! Agents whose process the daemon cannot look at: in another view of processes, or of an
//! earlier boot.

use serde_json::json;
use wk_hook::{
    clock,
    record::{Head, Known, KnownBy, Record},
    spool::Spool,
};
use wk_model::Status;
use wk_tests::{
    TestDaemon,
    hooks::{agents, until_taken},
};

/// Leaves the record of a hook that ran where no process can be seen from here.
fn leave(wk: &TestDaemon, id: &str, boot_id: String, event: &str) {
    let head = Head {
        agent: "claude".into(),
        boot_ns: clock::boot_ns(),
        boot_id,
        time_ms: clock::wall_ms(),
        pid: 7,
        pid_namespace: 1,
        session: Known { id: id.into(), by: KnownBy::Stdin },
        ..Head::default()
    };
    let body = json!({"hook_event_name": event, "session_id": id, "tool_name": "Bash",
        "agent_id": (event == "SubagentStart").then_some("a1")});
    let record = Record { head, body: body.to_string().into() };
    Spool::new(wk.state().join("hooks")).add(&record).unwrap();
}

#[tokio::test]
async fn an_agent_whose_process_cannot_be_seen_says_so_and_can_be_closed() {
    let wk = TestDaemon::start().await;
    leave(&wk, "in_a_container", clock::boot_id(), "PreToolUse");
    until_taken(&wk).await;
    let found = agents(&wk).await;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!((found[0].pid, &found[0].health.conditions[..]), (None, &["incomplete".into()][..]));
    assert!(wk.ok(["show", "in_a_container"]).await.contains("incomplete"), "by the agent's id");
    leave(&wk, "in_a_container", clock::boot_id(), "SubagentStart");
    until_taken(&wk).await;
    let all = agents(&wk).await;
    let child = all.iter().find(|one| one.parent_id.is_some()).unwrap();
    wk.ok(["end", "in_a_container"]).await;
    assert_eq!(wk.session(&found[0].session_id).ended().await.status, Some(Status::Completed));
    wk.session(&child.session_id).ended().await;
    leave(&wk, "in_a_container", clock::boot_id(), "PreToolUse");
    until_taken(&wk).await;
    assert_eq!(agents(&wk).await.len(), 2, "a late word");
}

#[tokio::test]
async fn what_an_earlier_boot_has_left_is_over() {
    let wk = TestDaemon::start().await;
    leave(&wk, "before", "5b1f0b6e-0e8e-4c55-8a3d-0c6f6d2d9f10".into(), "PreToolUse");
    until_taken(&wk).await;
    let session = wk.session(&agents(&wk).await[0].session_id);
    session.ended().await;
    let why = wk.ok(["why", &session.id, "--format", "json"]).await;
    assert!(why.contains("rebooted"), "{why}");
}
