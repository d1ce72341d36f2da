//! `POST /events` and `/stream`: senders and boards of other programs work with Watchkeeper.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};
use wk_model::Kind;
use wk_tests::{Tcp, TestDaemon, within};

fn event(session: &str, kind: &str) -> Value {
    json!({
        "source_app": "board", "session_id": session, "hook_event_type": kind,
        "payload": { "tool_name": "Bash", "tool_input": { "command": "ls" } },
        "summary": "lists files", "model_name": "m", "timestamp": 1_700_000_000_123_i64,
        "chat": [{ "role": "user" }], "humanInTheLoop": null,
    })
}

#[tokio::test]
async fn an_event_is_kept_answered_and_belongs_to_its_session() {
    let mut wk = TestDaemon::new();
    let tcp = Tcp::start(&mut wk).await;
    let answer = tcp.post("/events", &event("s-1", "PreToolUse")).await;
    assert_eq!(answer.status, 200);
    let saved = answer.json();
    let id = saved["id"].as_u64().unwrap();
    let mut want = event("s-1", "PreToolUse");
    want["id"] = json!(id);
    assert_eq!(saved, want);
    let owner = tcp.as_owner(&wk).await;
    assert_eq!(owner.get("/events/recent").await.json(), json!([want]));
    let options = json!({
        "source_apps": ["board"], "session_ids": ["s-1"], "hook_event_types": ["PreToolUse"],
    });
    assert_eq!(owner.get("/events/filter-options").await.json(), options);
    let journal = wk.journal().await;
    let hook = journal.iter().find(|event| event["seq"] == id).unwrap();
    assert_eq!((&hook["kind"], &hook["source"]), (&json!("hook"), &json!("collector/unverified")));
    assert_eq!(
        (&hook["data"]["agent"], &hook["data"]["event"]),
        (&json!("board"), &json!("PreToolUse"))
    );
    assert_eq!(hook["data"]["payload"]["payload"]["tool_name"], "Bash");
    let session = wk.session(hook["session_id"].as_str().unwrap());
    let view = session.view().await;
    assert_eq!((view.kind, view.external_id.as_deref()), (Kind::Agent, Some("s-1")));
    assert_eq!(view.health.conditions, ["incomplete"]);
    // The next belong to the same one, until its agent says that it is over.
    assert_eq!(owner.post("/events", &event("s-1", "Stop")).await.status, 200);
    assert_eq!(wk.sessions().await.len(), 1);
    assert_eq!(tcp.post("/events", &event("s-1", "SessionEnd")).await.status, 200);
    let ended = session.ended().await;
    assert_eq!(ended.status.map(|status| status.to_string()).as_deref(), Some("completed"));
    assert_eq!(tcp.post("/events", &event("s-1", "Stop")).await.status, 200);
    assert_eq!(wk.sessions().await.len(), 1);
    let kinds: Vec<_> = owner
        .get("/events/recent?limit=2")
        .await
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["hook_event_type"].clone())
        .collect();
    assert_eq!(kinds, ["SessionEnd", "Stop"]);
}

#[tokio::test]
async fn whoever_does_not_know_its_session_shares_none_and_what_is_private_is_not_kept() {
    let mut wk = TestDaemon::new();
    wk.configure("[privacy]\nprompts = false\n");
    let tcp = Tcp::start(&mut wk).await;
    let mut unknown = event("unknown", "UserPromptSubmit");
    unknown["payload"] = json!({ "prompt": "mine alone", "cwd": "/" });
    unknown["summary"] = json!("mine alone");
    let saved = tcp.post("/events", &unknown).await.json();
    assert_eq!((&saved["payload"], saved.get("summary")), (&json!({ "cwd": "/" }), None));
    assert!(wk.sessions().await.is_empty());
    wk.configure("[privacy]\nprompts = true\n");
    wk.ok(["config", "reload"]).await;
    let saved = tcp.post("/events", &unknown).await.json();
    assert_eq!(saved["payload"]["prompt"], "mine alone");
    let journal = serde_json::to_string(&wk.journal().await).unwrap();
    assert_eq!(journal.matches("mine alone").count(), 2, "{journal}");
}

#[tokio::test]
async fn what_was_answered_survives_the_daemon() {
    let mut wk = TestDaemon::new();
    wk.expect_trouble();
    let tcp = Tcp::start(&mut wk).await;
    let batch: Vec<_> = (0..300).map(|n| event(&format!("s-{}", n % 7), "PreToolUse")).collect();
    let answer = tcp.post("/events", &json!(batch)).await;
    assert_eq!((answer.status, &answer.json()["saved"]), (200, &json!(300)));
    let ids = answer.json()["ids"].clone();
    wk.kill().await;
    let tcp = Tcp::start(&mut wk).await;
    let owner = tcp.as_owner(&wk).await;
    let recent = owner.get("/events/recent?limit=1000").await.json();
    let found: Vec<_> =
        recent.as_array().unwrap().iter().map(|event| event["id"].clone()).collect();
    assert_eq!(json!(found), ids);
    assert_eq!(wk.sessions().await.len(), 7);
    // And the next daemon knows whose they are.
    assert_eq!(tcp.post("/events", &event("s-3", "Stop")).await.status, 200);
    assert_eq!(wk.sessions().await.len(), 7);
}

#[tokio::test]
async fn what_is_wrong_with_an_event_is_said_and_nothing_is_kept() {
    let mut wk = TestDaemon::new();
    let tcp = Tcp::start(&mut wk).await;
    let missing = json!({ "error": "Missing required fields" });
    for key in ["source_app", "session_id", "hook_event_type", "payload"] {
        let mut bad = event("s", "Stop");
        bad.as_object_mut().unwrap().remove(key);
        let answer = tcp.post("/events", &bad).await;
        assert_eq!((answer.status, answer.json()), (400, missing.clone()), "{key}");
        let answer = tcp.post("/events", &json!([event("s", "Stop"), bad])).await;
        assert_eq!((answer.status, answer.json()), (400, missing.clone()), "{key}");
    }
    let half = event("s", "Stop").to_string();
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(50_000), "]".repeat(50_000));
    for bad in [&b"nonsense"[..], b"", b"\0", b"\xff\xfe", &half.as_bytes()[..40], deep.as_bytes()]
    {
        let answer = tcp.send("POST", "/events", "", bad).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.json()["error"].is_string());
    }
    for id in [json!("a\nb"), json!("a\0b"), json!("x".repeat(900_000)), json!(7), json!({})] {
        let mut bad = event("s", "Stop");
        bad["session_id"] = id;
        assert_eq!(tcp.post("/events", &bad).await.status, 400);
    }
    assert_eq!(wk.sessions().await.len(), 0);
    // Odd, but a name like any other: it names no file.
    let odd = "../../etc/passwd";
    assert_eq!(tcp.post("/events", &event(odd, "No Such Event")).await.status, 200);
    assert_eq!(wk.sessions().await[0].external_id.as_deref(), Some(odd));
    let mut wild = event("s", "Stop");
    (wild["timestamp"], wild["payload"]) =
        (json!(-1), json!({ "nul": "\0", "token": "ghp_0123456789abcdefghijABCDEFGHIJ012345" }));
    let kept = tcp.post("/events", &wild).await.json();
    assert_eq!((&kept["timestamp"], &kept["payload"]["nul"]), (&json!(-1), &json!("\0")));
    assert!(!kept.to_string().contains("0123456789abc"), "{kept}");
    let mut large = event("s", "Stop");
    large["payload"] = json!({ "text": "y".repeat(700_000) });
    let kept = tcp.post("/events", &large).await;
    assert!(kept.status == 200 && kept.body.len() < 70_000, "{}", kept.body.len());
    let journal = wk.journal().await;
    let bytes = &journal.iter().rev().find(|event| event["kind"] == "hook").unwrap()["data"]["payload_bytes"];
    assert_eq!(bytes.as_u64(), Some(large.to_string().len() as u64));
}

#[tokio::test]
async fn no_event_moves_a_session_that_watchkeeper_holds() {
    let mut wk = TestDaemon::new();
    wk.configure(
        "[template.agent]\ncommand = [\"sh\", \"-c\", \"cat\", \"{uuid}\"]\nkind = \"agent\"\n",
    );
    let tcp = Tcp::start(&mut wk).await;
    let held = wk.run(["-t", "agent"]).await;
    let id = held.view().await.external_id.unwrap();
    let owner = tcp.as_owner(&wk).await;
    for caller in [&tcp, &owner] {
        assert_eq!(caller.post("/events", &event(&id, "SessionEnd")).await.status, 200);
    }
    let view = held.view().await;
    assert!(view.end_time.is_none() && view.health.conditions.is_empty(), "{view:?}");
    assert_eq!(wk.sessions().await.len(), 1);
    let hooks = wk.journal().await.into_iter().filter(|event| event["kind"] == "hook");
    assert!(
        hooks.clone().count() == 2
            && hooks.into_iter().all(|e| e["session_id"] == held.id.as_str())
    );
    // Nor does a stranger end what somebody with a token told of.
    assert_eq!(owner.post("/events", &event("mine", "SessionStart")).await.status, 200);
    assert_eq!(tcp.post("/events", &event("mine", "SessionEnd")).await.status, 200);
    let mine =
        wk.sessions().await.into_iter().find(|view| view.external_id.as_deref() == Some("mine"));
    assert!(mine.unwrap().end_time.is_none());
}

#[tokio::test]
async fn strangers_record_at_a_rate_and_others_at_any() {
    let mut wk = TestDaemon::new();
    wk.configure("[server]\nunverified_rate = 1\n");
    let tcp = Tcp::start(&mut wk).await;
    let batch = json!(vec![event("s", "Stop"); 50]);
    assert_eq!(tcp.post("/events", &batch).await.status, 200);
    let refused = tcp.post("/events", &batch).await;
    assert_eq!(refused.status, 429);
    assert!(refused.json()["error"].as_str().unwrap().contains("too many"), "{refused:?}");
    let owner = tcp.as_owner(&wk).await;
    for _ in 0..3 {
        assert_eq!(owner.post("/events", &batch).await.status, 200);
    }
}

type Board = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

async fn board(wk: &TestDaemon, tcp: &Tcp) -> Board {
    let mut request = format!("ws://{}/stream", tcp.address).into_client_request().unwrap();
    let token = format!("Bearer {}", wk.ok(["token"]).await.trim());
    request.headers_mut().insert("authorization", token.parse().unwrap());
    within("a board", connect_async(request)).await.unwrap().0
}

async fn heard(board: &mut Board) -> Value {
    let message = within("a message", board.next()).await.unwrap().unwrap();
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

#[tokio::test]
async fn a_board_sees_what_was_and_then_what_comes() {
    let mut wk = TestDaemon::new();
    let tcp = Tcp::start(&mut wk).await;
    let batch = json!((0..310).map(|n| event(&format!("s-{n}"), "Stop")).collect::<Vec<_>>());
    let ids = tcp.post("/events", &batch).await.json()["ids"].clone();
    let mut board = board(&wk, &tcp).await;
    let initial = heard(&mut board).await;
    assert_eq!(initial["type"], "initial");
    let shown: Vec<_> =
        initial["data"].as_array().unwrap().iter().map(|e| e["id"].clone()).collect();
    assert_eq!(json!(shown), json!(ids.as_array().unwrap()[10..]));
    // It has nothing to say, and may say it.
    board.send(Message::text("hello")).await.unwrap();
    let saved = tcp.post("/events", &event("s-1", "PreToolUse")).await.json();
    assert_eq!(heard(&mut board).await, json!({ "type": "event", "data": saved }));
    assert!(
        connect_async(format!("ws://{}/stream", tcp.address)).await.is_err(),
        "without a token"
    );
    // It ends with the daemon, which does not wait for it.
    wk.ok(["daemon", "stop"]).await;
    assert!(!matches!(within("the end", board.next()).await, Some(Ok(Message::Text(_)))));
}
