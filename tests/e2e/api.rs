//! The API by hand: what no client of ours would send.

use serde_json::{Value, json};
use wk_api::{CreateSession, SessionView, problem_type};
use wk_model::OsText;
use wk_tests::{Answer, TestDaemon, raw_call, within};

async fn call(wk: &TestDaemon, method: &str, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() };
    raw_call(&wk.socket(), method, path, "", &body).await
}

/// Checks that an answer is a problem document of this kind.
#[track_caller]
fn problem(answer: &Answer, status: u16, kind: &str, detail: &str) {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    let document = answer.json();
    assert_eq!(
        (answer.status, document["status"].as_u64()),
        (status, Some(status.into())),
        "{document}"
    );
    assert_eq!(document["type"], kind);
    assert!(document["detail"].as_str().unwrap().contains(detail), "{document}");
    assert!(!document["title"].as_str().unwrap().is_empty());
}

fn command(words: &[&str]) -> CreateSession {
    let command = words.iter().map(|word| OsText::new(*word).unwrap()).collect();
    CreateSession { command, ..CreateSession::default() }
}

#[tokio::test]
async fn errors_are_problem_documents() {
    let wk = TestDaemon::start().await;
    let ended = wk.run(["--", "true"]).await;
    ended.ended().await;
    let bad = problem_type::BAD_REQUEST;
    for (method, path, body, status, kind, detail) in [
        ("GET", "/api/sessions/nobody", json!(null), 404, problem_type::NOT_FOUND, "`nobody`"),
        ("GET", "/api/nosuch", json!(null), 404, problem_type::NOT_FOUND, "openapi"),
        ("GET", "/", json!(null), 404, problem_type::NOT_FOUND, ""),
        ("PUT", "/api/sessions", json!({}), 405, bad, "method"),
        ("POST", "/api/sessions", json!({}), 400, bad, "command"),
        ("POST", "/api/sessions", json!([1]), 400, bad, ""),
        ("POST", "/api/sessions", json!({ "command": ["x"], "comand": 1 }), 400, bad, "comand"),
        ("POST", "/api/sessions", json!({ "command": ["a\0b"] }), 400, bad, ""),
        ("POST", "/api/sessions", json!({ "command": ["x"], "name": "a b" }), 400, bad, "bad name"),
        (
            "POST",
            "/api/sessions",
            json!({ "command": ["x"], "labels": { "a b": "" } }),
            400,
            bad,
            "a b",
        ),
        (
            "POST",
            "/api/sessions",
            json!({ "command": ["x"], "terminal": { "cols": 0, "rows": 1 } }),
            400,
            bad,
            "0x1",
        ),
        (
            "POST",
            "/api/sessions",
            json!({ "command": ["x"], "working_directory": "here" }),
            400,
            bad,
            "absolute",
        ),
        ("GET", "/api/sessions?status=odd", json!(null), 400, bad, "odd"),
        ("GET", "/api/sessions?nosuch=1", json!(null), 400, bad, "nosuch"),
        ("GET", "/api/sessions?after=yesterday", json!(null), 400, bad, "after"),
        (
            "POST",
            &format!("/api/sessions/{}/stop", ended.id),
            json!({}),
            409,
            problem_type::CONFLICT,
            "has ended",
        ),
        (
            "POST",
            &format!("/api/sessions/{}/input", ended.id),
            json!({ "text": "x" }),
            409,
            problem_type::CONFLICT,
            "has ended",
        ),
        (
            "POST",
            &format!("/api/sessions/{}/signal", ended.id),
            json!({ "signal": "NO" }),
            400,
            bad,
            "NO",
        ),
        ("GET", &format!("/api/sessions/{}/attach", ended.id), json!(null), 400, bad, "Upgrade"),
        (
            "GET",
            &format!("/api/sessions/{}/wait?until=text", ended.id),
            json!(null),
            400,
            bad,
            "text",
        ),
    ] {
        problem(&call(&wk, method, path, &body).await, status, kind, detail);
    }
    for body in [&b"{"[..], b"\xff\xfe", b"nonsense"] {
        let answer = raw_call(&wk.socket(), "POST", "/api/sessions", "", body).await;
        problem(&answer, 400, bad, "body");
    }
    assert_eq!(wk.sessions().await.len(), 1, "nothing was started");
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_nothing_else_suffers() {
    let wk = TestDaemon::start().await;
    let huge = "x".repeat(10 << 20);
    let answer = call(&wk, "POST", "/api/sessions", &json!({ "command": ["echo", huge] })).await;
    problem(&answer, 413, problem_type::TOO_LARGE, "8 MiB");
    let wide = "x".repeat(200 << 10);
    let answer = call(&wk, "POST", "/api/sessions", &json!({ "command": ["echo", wide] })).await;
    problem(&answer, 413, problem_type::TOO_LARGE, "argument");
    let many: Vec<String> = (0..70).map(|_| "x".repeat(100_000)).collect();
    let answer = call(&wk, "POST", "/api/sessions", &json!({ "command": many })).await;
    problem(&answer, 413, problem_type::TOO_LARGE, "bytes");
    let session = wk.run(["--", "cat"]).await;
    let path = format!("/api/sessions/{}/input", session.id);
    let answer = call(&wk, "POST", &path, &json!({ "text": "x".repeat(2 << 20) })).await;
    problem(&answer, 413, problem_type::TOO_LARGE, "1 MiB");
    assert_eq!(wk.sessions().await.len(), 1);
    wk.ok(["ls"]).await;
}

#[tokio::test]
async fn a_command_of_any_bytes_runs_by_the_api_alone() {
    let wk = TestDaemon::start().await;
    let body = json!({
        "command": ["sh", "-c", "printf %s \"$1\" | od -An -tx1; env", "sh", { "hex": "fffe41" }],
        "environment": ["ONLY=this", "PATH=/usr/bin:/bin"],
        "working_directory": "/",
    });
    let answer = call(&wk, "POST", "/api/sessions", &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let id = answer.json()["session_id"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("location"), Some(format!("/api/sessions/{id}").as_str()));
    wk.session(&id).ended().await;
    let logs = wk.ok(["logs", &id]).await;
    assert!(logs.contains("ff fe 41") && logs.contains("ONLY=this"), "{logs}");
    assert!(logs.contains(&format!("WK_SESSION_ID={id}")) && !logs.contains("HOME="), "{logs}");
}

#[tokio::test]
async fn the_same_key_starts_one_session() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let request = command(&["sh", "-c", "echo x >> started; exec sleep 1000"]);
    let here = wk.work().into_os_string().into_string().unwrap();
    let request = CreateSession { working_directory: Some(OsText::new(here).unwrap()), ..request };
    let calls = (0..8).map(|_| {
        let (client, request) = (wk.client().clone(), request.clone());
        tokio::spawn(async move { client.create(&request, "a key").await.unwrap().session_id })
    });
    let calls: Vec<_> = calls.collect();
    let mut ids = Vec::new();
    for answered in calls {
        ids.push(within("an answer", answered).await.unwrap());
    }
    wk.kill().await;
    wk.ok(["daemon", "start"]).await;
    ids.push(wk.client().create(&request, "a key").await.unwrap().session_id);
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let other: SessionView = wk.client().create(&request, "another key").await.unwrap();
    assert_ne!(other.session_id, ids[0]);
    wk.ok(["stop", "--all", "--grace", "0s"]).await;
    for id in [&ids[0], &other.session_id] {
        wk.session(id).ended().await;
    }
    assert!(std::fs::read_to_string(wk.work().join("started")).unwrap().lines().count() <= 2);
    assert_eq!(wk.sessions().await.len(), 2);
    let long = format!("Idempotency-Key: {}\r\n", "k".repeat(200));
    let answer = raw_call(&wk.socket(), "POST", "/api/sessions", &long, b"{}").await;
    problem(&answer, 400, problem_type::BAD_REQUEST, "Idempotency-Key");
}

#[tokio::test]
async fn lists_are_paged_newest_first() {
    let wk = TestDaemon::start().await;
    for number in 0..7 {
        wk.client().create(&command(&["true"]), &number.to_string()).await.unwrap();
    }
    let all = wk.sessions().await;
    let mut before: Option<String> = None;
    let mut paged = Vec::new();
    loop {
        let query =
            wk_api::ListQuery { limit: Some(3), before: before.take(), ..Default::default() };
        let (page, more): (Vec<SessionView>, bool) =
            wk.client().list("/sessions", &query).await.unwrap();
        before = page.last().map(|view| view.session_id.clone());
        paged.extend(page.into_iter().map(|view| view.session_id));
        if !more {
            break;
        }
    }
    assert!(paged.iter().eq(all.iter().map(|view| &view.session_id)), "{paged:?}");
    assert_eq!(paged.len(), 7);
    assert!(all.is_sorted_by(|a, b| a.start_time >= b.start_time));
}

#[tokio::test]
async fn a_wait_gives_up_when_it_was_told_to() {
    let wk = TestDaemon::start().await;
    let session = wk.run(["--", "cat"]).await;
    let path = format!("/api/sessions/{}/wait?until=exit&timeout_ms=50", session.id);
    let answer = call(&wk, "GET", &path, &json!(null)).await;
    assert_eq!((answer.status, &answer.json()["met"]), (200, &json!(false)));
}

#[tokio::test]
async fn a_resize_by_the_api_reaches_the_terminal() {
    let wk = TestDaemon::start().await;
    let script = "trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done";
    let session = wk.script(script).await;
    session.until_shows("ready").await;
    let path = format!("/api/sessions/{}/resize", session.id);
    let answer = call(&wk, "POST", &path, &json!({ "cols": 133, "rows": 44 })).await;
    assert_eq!(answer.status, 200);
    session.until_shows("44 133").await;
    let answer = call(&wk, "POST", &path, &json!({ "cols": 0, "rows": 44 })).await;
    problem(&answer, 400, problem_type::BAD_REQUEST, "0x44");
    wk.events().await.until_kind(&session.id, "session_resized").await;
}

#[tokio::test]
async fn nonsense_on_the_socket_is_survived() {
    use std::io::{Read, Write};
    let wk = TestDaemon::start().await;
    for bytes in [&b"\0\0\0\0"[..], b"GET\r\n\r\n", &[b'A'; 100_000], b"GET / HTTP/9.9\r\n\r\n"] {
        let mut stream = std::os::unix::net::UnixStream::connect(wk.socket()).unwrap();
        stream.set_read_timeout(Some(wk_tests::PATIENCE)).unwrap();
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    // Many that say nothing at all.
    let silent: Vec<_> =
        (0..200).map(|_| std::os::unix::net::UnixStream::connect(wk.socket()).unwrap()).collect();
    wk.ok(["run", "--", "true"]).await;
    drop(silent);
}
