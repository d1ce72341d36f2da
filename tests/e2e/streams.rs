//! `GET /api/events`: in order, none twice, and on from where one was.

use serde_json::json;
use wk_api::problem_type;
use wk_tests::{Events, TestDaemon, raw_call};

#[tokio::test]
async fn a_stream_goes_on_after_the_last_event_that_was_seen() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let one = wk.run(["--", "true"]).await;
    let mut events = wk.events().await;
    let started = events.until_kind(&one.id, "attempt_started").await;
    let last_id = events.last_id.clone().unwrap();
    assert!(last_id.ends_with(&format!(":{}", started.seq)), "{last_id}");
    // The journal is the same for the next daemon.
    wk.kill().await;
    wk.ok(["daemon", "start"]).await;
    one.ended().await;
    let mut resumed = Events::resume(wk.client(), Some(&last_id)).await;
    let next = resumed.until(|_| true).await;
    assert_eq!(next.seq, started.seq + 1);
    let closed = resumed.until_kind(&one.id, "session_closed").await;
    assert!(closed.seq > next.seq);
}

#[tokio::test]
async fn an_id_of_another_journal_gets_a_reset_with_what_lives() {
    let wk = TestDaemon::start().await;
    let live = wk.run(["--name", "live", "--", "cat"]).await;
    wk.run(["--", "true"]).await.ended().await;
    let mut events = wk.events().await;
    events.until_kind(&live.id, "attempt_started").await;
    let own = events.last_id.clone().unwrap();
    let (journal, _) = own.split_once(':').unwrap();
    // Of another journal, and from the future of this one.
    for id in ["00000000:3".to_owned(), format!("{journal}:999999")] {
        let mut stream = Events::resume(wk.client(), Some(&id)).await;
        let reset = stream.next_raw().await.unwrap();
        assert_eq!(reset.event, "reset", "{id}");
        let data: serde_json::Value = serde_json::from_str(&reset.data).unwrap();
        let sessions = data["sessions"].as_array().unwrap();
        assert_eq!(sessions.len(), 1);
        assert_eq!(sessions[0]["session_id"], live.id.as_str());
        let at = reset.id.unwrap();
        assert_eq!(at, format!("{journal}:{}", data["seq"]));
        // And it goes on from there.
        wk.run(["--", "true"]).await.ended().await;
        assert_eq!(stream.next().await.unwrap().seq, data["seq"].as_u64().unwrap() + 1);
    }
    let header = "Last-Event-ID: nonsense\r\n";
    let answer = raw_call(&wk.socket(), "GET", "/api/events", header, b"").await;
    assert_eq!(answer.json()["type"], problem_type::BAD_REQUEST);
}

#[tokio::test]
async fn all_subscribers_see_the_same_in_the_same_order() {
    let wk = TestDaemon::start().await;
    let mut subscribers = Vec::new();
    for _ in 0..5 {
        subscribers.push(wk.events().await);
    }
    let mut sessions = Vec::new();
    for _ in 0..5 {
        sessions.push(wk.run(["--", "true"]).await);
    }
    for session in &sessions {
        session.ended().await;
    }
    wk.ok(["config", "reload"]).await;
    let mut seen = Vec::new();
    for subscriber in &mut subscribers {
        let mut seqs = Vec::new();
        subscriber
            .until(|event| {
                seqs.push((event.seq, event.kind.clone()));
                event.kind == "config_reloaded"
            })
            .await;
        assert!(seqs.is_sorted_by(|a, b| a.0 + 1 == b.0), "{seqs:?}");
        seen.push(seqs);
    }
    seen.dedup();
    assert_eq!(seen.len(), 1);
}

#[tokio::test]
async fn a_plain_request_ends_with_what_is_there() {
    let wk = TestDaemon::start().await;
    let session = wk.run(["--", "sh", "-c", "echo hello"]).await;
    wk.events().await.until_kind(&session.id, "session_closed").await;
    let answer =
        raw_call(&wk.socket(), "GET", &format!("/api/sessions/{}/events", session.id), "", b"")
            .await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let text = String::from_utf8(answer.body).unwrap();
    assert_eq!(text.matches("event: ").count(), 4, "{text}");
    assert!(text.contains("event: session_closed\n"), "{text}");
    let answer =
        raw_call(&wk.socket(), "GET", &format!("/api/sessions/{}/output", session.id), "", b"")
            .await;
    let text = String::from_utf8(answer.body).unwrap();
    let end = text.find("event: end").unwrap();
    let output = text.find("event: output").unwrap();
    assert!(output < end && text.contains("hello"), "{text}");
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let chunk: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(chunk["stream"], json!("stdout"));
}
