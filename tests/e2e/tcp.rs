//! The API over TCP: where it listens, whom it lets in, what it survives.

use std::io::{Read, Write};

use serde_json::{Value, json};
use wk_api::{ListenerView, problem_type};
use wk_tests::{PATIENCE, Tcp, TestDaemon, raw_call};

fn event() -> Value {
    json!({ "source_app": "a", "session_id": "s", "hook_event_type": "Stop", "payload": {} })
}

#[tokio::test]
async fn that_it_is_there_it_tells_everybody_and_all_else_those_with_a_token() {
    let mut wk = TestDaemon::new();
    let tcp = Tcp::start(&mut wk).await;
    for path in ["/health", "/healthz"] {
        let answer = tcp.get(path).await;
        assert_eq!(answer.status, 200);
        let want = json!({
            "status": "healthy", "service": "watchkeeper", "version": env!("CARGO_PKG_VERSION"),
        });
        assert_eq!(answer.json(), want);
    }
    let document = raw_call(&wk.socket(), "GET", "/api/openapi.json", "", b"").await.json();
    let owner = tcp.as_owner(&wk).await;
    for (path, methods) in document["paths"].as_object().unwrap() {
        if ["/health", "/healthz"].contains(&path.as_str()) {
            continue;
        }
        for method in methods.as_object().unwrap().keys() {
            let path = path.replace("{session}", "x").replace(['{', '}'], "");
            // What is declared as JSON might only record.
            let plain = "Content-Type: text/plain\r\n";
            let answer = tcp.send(&method.to_uppercase(), &path, plain, b"{}").await;
            assert_eq!(answer.status, 401, "{method} {path}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{method} {path}");
        }
    }
    assert_eq!(owner.get("/api/sessions").await.json(), json!([]));
    assert_eq!(tcp.get("/nonsense").await.status, 404);
    let address = std::fs::read_to_string(wk.runtime().join("http")).unwrap();
    assert_eq!(address.trim(), tcp.address.to_string());
    assert!(wk.ok(["daemon", "status"]).await.contains(&tcp.address.to_string()));
    assert!(wk.wk(["doctor"]).await.text().contains(&format!("listens at {}", tcp.address)));
}

#[tokio::test]
async fn a_port_that_is_taken_is_no_reason_not_to_start() {
    let mut wk = TestDaemon::new();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap();
    wk.set("WK_SERVER_LISTEN", &taken.to_string());
    wk.ok(["daemon", "start"]).await;
    let status = wk.status().await;
    assert_eq!(status.listen, None);
    let told = status.warnings.join("\n");
    assert!(told.contains(&taken.to_string()) && told.contains("another program"), "{told}");
    let doctor = wk.wk(["doctor"]).await.text();
    assert!(doctor.contains("! http") && doctor.contains("wk mcp restart"), "{doctor}");
    drop(other);
    let restarted: ListenerView =
        wk.client().post("/listener/restart", &(), &json!({})).await.unwrap();
    assert_eq!(restarted.address, Some(taken.to_string()), "{restarted:?}");
    assert_eq!(Tcp::of(&wk).await.get("/health").await.status, 200);
    assert!(wk.status().await.warnings.join("\n").find("another program").is_none());
}

#[tokio::test]
async fn it_goes_off_and_on_while_the_daemon_and_its_sessions_stay() {
    let mut wk = TestDaemon::new();
    let tcp = Tcp::start(&mut wk).await;
    let session = wk.run(["--", "cat"]).await;
    let daemon = wk.status().await.pid;
    let stopped: ListenerView = wk.client().post("/listener/stop", &(), &json!({})).await.unwrap();
    assert!(stopped.stopped && stopped.address.is_none(), "{stopped:?}");
    assert!(std::net::TcpStream::connect(tcp.address).is_err());
    assert!(!wk.runtime().join("http").exists());
    let doctor = wk.wk(["doctor"]).await.text();
    assert!(doctor.contains("switched off"), "{doctor}");
    let started: ListenerView = wk.client().post("/listener/start", &(), &json!({})).await.unwrap();
    assert!(started.address.is_some() && !started.stopped, "{started:?}");
    let tcp = Tcp::of(&wk).await;
    assert_eq!(tcp.get("/health").await.status, 200);
    // Nobody saws off the branch that he sits on.
    let owner = tcp.as_owner(&wk).await;
    assert_eq!(owner.post("/api/listener/stop", &json!({})).await.status, 400);
    wk.set("WK_SERVER_LISTEN", "none");
    wk.ok(["daemon", "restart"]).await;
    let status = wk.status().await;
    assert!(status.listen.is_none() && status.pid != daemon, "{status:?}");
    assert_eq!(status.warnings.len(), wk.status().await.warnings.len());
    assert!(session.view().await.end_time.is_none());
}

#[tokio::test]
async fn a_page_in_a_browser_and_a_foreign_name_are_refused() {
    let mut wk = TestDaemon::new();
    wk.configure("[server]\norigins = [\"http://localhost:5173\"]\nhosts = [\"box.lan\"]\n");
    let tcp = Tcp::start(&mut wk).await;
    let owner = tcp.as_owner(&wk).await;
    let own = format!("Origin: http://{}\r\n", tcp.address);
    for (headers, status) in [
        ("Origin: http://evil.example\r\n", 403),
        ("Origin: null\r\n", 403),
        ("Origin: http://127.0.0.1:1\r\n", 403),
        ("Origin: http://localhost:5173\r\nOrigin: http://evil.example\r\n", 403),
        ("Sec-Fetch-Site: cross-site\r\n", 403),
        ("Sec-Fetch-Site: same-site\r\n", 403),
        ("Host: evil.example\r\n", 403),
        ("Host: 127.0.0.1.evil.example\r\n", 403),
        ("Host: localhost\r\nHost: evil.example\r\n", 400),
        ("Host: \r\n", 403),
        ("Host: box.lan:8678\r\n", 200),
        ("Host: LOCALHOST:1\r\n", 200),
        ("Origin: http://localhost:5173\r\n", 200),
        ("Sec-Fetch-Site: none\r\n", 200),
        (&own, 200),
    ] {
        let answer = owner.send("GET", "/api/sessions", headers, b"").await;
        assert_eq!(answer.status, status, "{headers} {answer:?}");
    }
    // Whatever it may read: a page records nothing without a token, and needs JSON to try.
    let body = event().to_string();
    for (headers, status) in [
        ("", 200),
        ("Origin: http://evil.example\r\n", 403),
        ("Origin: http://localhost:5173\r\n", 401),
        (&own, 401),
        ("Content-Type: text/plain\r\n", 401),
        ("Content-Type: application/x-www-form-urlencoded\r\n", 401),
        ("X-Forwarded-For: 192.0.2.1\r\n", 401),
        ("Content-Type: application/json; charset=utf-8\r\n", 200),
    ] {
        let answer = tcp.send("POST", "/events", headers, body.as_bytes()).await;
        assert_eq!(answer.status, status, "{headers} {answer:?}");
    }
    let asks = "Origin: http://localhost:5173\r\nAccess-Control-Request-Method: GET\r\n";
    let allowed = tcp.send("OPTIONS", "/api/sessions", asks, b"").await;
    assert_eq!(allowed.status, 204);
    assert_eq!(allowed.header("access-control-allow-origin"), Some("http://localhost:5173"));
    let evil = asks.replace("localhost:5173", "evil.example");
    let refused = tcp.send("OPTIONS", "/api/sessions", &evil, b"").await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (403, None));
}

#[tokio::test]
async fn in_mode_open_anybody_looks_and_nobody_runs_or_reads_output() {
    let mut wk = TestDaemon::new();
    wk.set("WK_AUTH_MODE", "open");
    let tcp = Tcp::start(&mut wk).await;
    let session = wk.run(["--", "sh", "-c", "echo my secret; exec cat"]).await;
    session.until_shows("my secret").await;
    let sessions = tcp.get("/api/sessions").await.json();
    let shown = &sessions.as_array().unwrap()[0];
    assert_eq!(shown["session_id"], session.id.as_str());
    for key in ["component_name", "username", "duration_seconds"] {
        assert!(shown.get(key).is_some(), "{key} is not in {shown}");
    }
    let id = &session.id;
    for (method, path) in [
        ("POST", "/api/sessions".to_owned()),
        ("POST", "/api/sessions/stop".into()),
        ("POST", format!("/api/sessions/{id}/stop")),
        ("POST", format!("/api/sessions/{id}/input")),
        ("POST", format!("/api/sessions/{id}/signal")),
        ("DELETE", format!("/api/sessions/{id}")),
        ("GET", format!("/api/sessions/{id}/output")),
        ("GET", format!("/api/sessions/{id}/screen")),
        ("GET", format!("/api/sessions/{id}/recording")),
        ("GET", format!("/api/sessions/{id}/attach")),
        ("GET", format!("/api/sessions/{id}/wait?until=text&text=secret")),
        ("GET", format!("/api/sessions/{id}/events")),
        ("GET", "/api/events".into()),
        ("GET", "/events/recent".into()),
        ("GET", "/stream".into()),
        ("POST", "/api/daemon/stop".into()),
        ("POST", "/api/tokens".into()),
        ("POST", "/api/clean".into()),
    ] {
        let answer = tcp.send(method, &path, "", b"{}").await;
        assert_eq!(answer.status, 401, "{method} {path}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("my secret"));
    }
    let doctor = wk.wk(["doctor"]).await.text();
    assert!(doctor.contains("for everybody on this machine"), "{doctor}");
    assert!(wk.status().await.warnings.iter().any(|warning| warning.contains("development")));
    assert!(session.view().await.end_time.is_none());
    // And never beyond the loopback.
    wk.set("WK_SERVER_LISTEN", "0.0.0.0:0");
    wk.ok(["daemon", "restart"]).await;
    let status = wk.status().await;
    assert!(status.listen.is_none(), "{status:?}");
    assert!(status.warnings.iter().any(|warning| warning.contains("loopback only")), "{status:?}");
}

#[tokio::test]
async fn settings_that_are_read_again_take_effect() {
    let mut wk = TestDaemon::new();
    let tcp = Tcp::start(&mut wk).await;
    assert_eq!(tcp.post("/events", &event()).await.status, 200);
    wk.configure("[auth]\ntracking = \"token\"\n");
    wk.ok(["config", "reload"]).await;
    assert_eq!(tcp.post("/events", &event()).await.status, 401);
    let owner = tcp.as_owner(&wk).await;
    assert_eq!(owner.post("/events", &event()).await.status, 200);
    wk.configure("[auth]\nmode = \"open\"\n");
    assert_eq!(tcp.get("/api/sessions").await.status, 401);
    wk.ok(["config", "reload"]).await;
    assert_eq!(tcp.get("/api/sessions").await.status, 200);
}

#[tokio::test]
async fn what_is_too_large_or_no_http_is_refused_and_nobody_else_suffers() {
    let mut wk = TestDaemon::new();
    let tcp = Tcp::start(&mut wk).await;
    let owner = tcp.as_owner(&wk).await;
    let huge = vec![b'x'; 9 << 20];
    for (caller, path, want) in [
        (&tcp, "/events", 413),
        (&owner, "/events", 413),
        (&owner, "/api/sessions", 413),
        (&owner, "/api/sessions/stop", 413),
    ] {
        assert_eq!(caller.send("POST", path, "", &huge).await.status, want, "{path}");
    }
    let chunked = "Transfer-Encoding: chunked\r\n";
    let body = [b"900000\r\n".as_slice(), &huge[..0x0090_0000], b"\r\n0\r\n\r\n"].concat();
    assert_eq!(tcp.send("POST", "/events", chunked, &body).await.status, 413);
    let long = format!("X-Long: {}\r\n", "x".repeat(600_000));
    assert_eq!(tcp.send("GET", "/health", &long, b"").await.status, 431);
    for bytes in [&b"\0\0\0\0"[..], b"GET\r\n\r\n", &[b'A'; 100_000], b"GET / HTTP/9.9\r\n\r\n"] {
        let mut stream = std::net::TcpStream::connect(tcp.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    // More that say nothing than there are places.
    let silent: Vec<_> =
        (0..600).filter_map(|_| std::net::TcpStream::connect(tcp.address).ok()).collect();
    let mut last = silent.last().unwrap();
    last.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut turned_away = String::new();
    last.read_to_string(&mut turned_away).unwrap();
    assert!(turned_away.starts_with("HTTP/1.1 503"), "{turned_away}");
    wk.ok(["run", "--", "true"]).await;
    drop(silent);
    let problem = tcp.get("/api/sessions").await.json();
    assert_eq!(problem["type"], problem_type::UNAUTHORIZED);
}
