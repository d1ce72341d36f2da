//! Who may do what over TCP: tokens of our own, and web tokens of others.

use std::{fs, os::unix::fs::PermissionsExt, time::SystemTime};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use wk_tests::{Outcome, Tcp, TestDaemon};

const SECRET: &str = "4f9c1d77a0b84e7c9d02c1e8b5a6f310";

#[tokio::test]
async fn the_first_token_is_its_users_own() {
    let mut wk = TestDaemon::new();
    // It is there before anybody asks, and asking makes it.
    let token = wk.ok(["token"]).await;
    let path = wk.state().join("token");
    assert_eq!(fs::read_to_string(&path).unwrap(), token);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    wk.ok(["daemon", "stop"]).await;
    let tcp = Tcp::start(&mut wk).await;
    assert_eq!(wk.ok(["token"]).await, token);
    assert_eq!(tcp.with(&token).get("/api/tokens").await.status, 200);
    let mut wrong = token.trim().to_owned();
    wrong.pop();
    assert_eq!(tcp.with(&wrong).get("/api/tokens").await.status, 401);
    for header in ["Basic eA==", "Bearer", "Bearer ", "bearer\t", "\u{7f}"] {
        let header = format!("Authorization: {header}\r\n");
        let answer = tcp.send("GET", "/api/sessions", &header, b"").await;
        assert!([400, 401].contains(&answer.status), "{header} {answer:?}");
    }
}

#[tokio::test]
async fn a_token_is_good_for_its_scope_and_no_more() {
    let mut wk = TestDaemon::new();
    let tcp = Tcp::start(&mut wk).await;
    let run = json!({ "command": ["true"] });
    let mut ids = Vec::new();
    for (scope, look, runs, stops) in
        [("read", 200, 403, 403), ("write", 200, 201, 403), ("admin", 200, 201, 200)]
    {
        let made = ["token", "create", "--scope", scope, "--name", scope, "--ttl", "30d"];
        let caller = tcp.with(&wk.ok(made).await);
        assert_eq!(caller.get("/api/sessions").await.status, look, "{scope}");
        let ran = caller.post("/api/sessions", &run).await;
        assert_eq!(ran.status, runs, "{scope} {ran:?}");
        if ran.status == 201 {
            ids.push(ran.json()["session_id"].as_str().unwrap().to_owned());
        }
        let reloaded = caller.post("/api/daemon/reload", &json!({})).await;
        assert_eq!(reloaded.status, stops, "{scope}");
        assert!(!fs::read_to_string(wk.state().join("tokens.json")).unwrap().contains("wkt_"));
    }
    for id in &ids {
        wk.session(id).ended().await;
    }
    // What somebody did by a token is written down with its name.
    let cat = wk.run(["--", "cat"]).await;
    let writer = tcp.with(&wk.ok(["token", "create", "--scope", "write", "--name", "bob"]).await);
    let path = format!("/api/sessions/{}/stop", cat.id);
    assert_eq!(writer.post(&path, &json!({})).await.status, 200);
    let stopped = wk.events().await.until_kind(&cat.id, "session_stopped").await;
    assert_eq!(stopped.data["by"]["client"], "token bob");
    cat.ended().await;
    let listed = wk.ok(["token", "list", "--format", "json"]).await;
    let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed.len(), 4);
    assert!(listed.iter().all(|token| token.get("token").is_none() && token["id"].is_string()));
    wk.ok(["token", "revoke", "bob"]).await;
    assert_eq!(writer.get("/api/sessions").await.status, 401);
    assert!(wk.wk(["token", "revoke", "bob"]).await.failed(1).contains("no token `bob`"));
    assert!(wk.wk(["token", "create", "--name", "read"]).await.failed(1).contains("already"));
}

#[tokio::test]
async fn an_expired_token_is_refused_and_says_so() {
    let mut wk = TestDaemon::new();
    let tcp = Tcp::start(&mut wk).await;
    let brief = wk.ok(["token", "create", "--ttl", "1h", "--name", "brief"]).await;
    assert_eq!(tcp.with(&brief).get("/api/sessions").await.status, 200);
    wk.ok(["daemon", "stop"]).await;
    let path = wk.state().join("tokens.json");
    let mut kept: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    kept[0]["expires_at"] = json!("2026-01-01T00:00:00.000Z");
    fs::write(&path, kept.to_string()).unwrap();
    let tcp = Tcp::start(&mut wk).await;
    let refused = tcp.with(&brief).get("/api/sessions").await;
    assert_eq!(refused.status, 401);
    let told = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(told.contains("`brief` has expired"), "{told}");
    assert_eq!(tcp.as_owner(&wk).await.get("/api/tokens").await.json()[0]["expired"], true);
}

fn seconds() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    since.as_secs() as i64
}

fn sign(header: &Value, claims: &Value, secret: &str) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn claims(key: &str, value: &Value) -> Value {
    let mut claims = json!({
        "sub": "ann", "iss": "mahavishnu", "aud": "session-buddy", "iat": seconds() - 5,
        "exp": seconds() + 600, "jti": "1", "scopes": ["read", "write"],
    });
    claims[key] = value.clone();
    claims
}

/// A shell begins, with a token among its fields or without.
fn start(number: u32, token: Option<&str>) -> Value {
    json!({
        "event_version": "1.0",
        "event_id": format!("550e8400-e29b-41d4-a716-{number:012x}"),
        "event_type": "session_start",
        "component_name": "mahavishnu",
        "shell_type": "MahavishnuShell",
        "timestamp": wk_model::Time::from_millis(seconds() * 1000),
        "pid": 12345,
        "user": {"username": "les", "home": "/home/les"},
        "hostname": "elsewhere",
        "environment": {"python_version": "3.13.0", "platform": "macOS-15.2", "cwd": "/work"},
        "token": token,
    })
}

/// What the tool answers when it is given these fields.
async fn tool(tcp: &Tcp, fields: &Value) -> Value {
    let params = json!({"name": "track_session_start", "arguments": fields});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let headers =
        "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n";
    let answer = tcp.send("POST", "/mcp", headers, body.to_string().as_bytes()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["result"]["structuredContent"].clone()
}

async fn verified(tcp: &Tcp, wk: &TestDaemon, answer: &Value) -> Value {
    let id = answer["session_id"].as_str().unwrap_or_else(|| panic!("{answer}"));
    tcp.as_owner(wk).await.get(&format!("/api/sessions/{id}")).await.json()["verified"].clone()
}

#[tokio::test]
async fn a_shared_secret_switches_tracking_on_and_nothing_else() {
    let mut wk = TestDaemon::new();
    // As the quick start says: it is exported, and no setting is changed.
    let tcp = Tcp::start(&mut wk).await;
    let hs256 = json!({ "alg": "HS256", "typ": "JWT" });
    let good = sign(&hs256, &claims("jti", &json!("1")), SECRET);
    // Only the client has it: its tokens cannot be checked, and count as none.
    let unchecked = tcp.with(&good).post("/api/track/start", &start(1, None)).await;
    assert_eq!(unchecked.status, 200, "{unchecked:?}");
    assert_eq!(verified(&tcp, &wk, &unchecked.json()).await, false);
    for (number, token) in [(2, None), (3, Some(good.as_str()))] {
        let caller = if token.is_none() { tcp.with(&good) } else { tcp.clone() };
        let told = tool(&caller, &start(number, token)).await;
        assert_eq!(verified(&tcp, &wk, &told).await, false, "{told}");
    }
    let refused = tcp.with(&good).get("/api/sessions").await;
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(refused.status == 401 && detail.contains("no secret is set"), "{detail}");
    // A token of our own that is wrong is no such thing.
    assert_eq!(tcp.with("wkt_wrong").post("/api/track/start", &start(4, None)).await.status, 401);
    let mut doctor = wk.call(["doctor"]);
    doctor.env("MAHAVISHNU_CROSS_PROJECT_AUTH_SECRET", SECRET);
    let doctor = Outcome::of(doctor).await.text();
    assert!(doctor.contains("MAHAVISHNU_CROSS_PROJECT_AUTH_SECRET is set here"), "{doctor}");
    // Both have it: tokens are checked. They open no more than recording.
    wk.ok(["daemon", "stop"]).await;
    wk.set("MAHAVISHNU_CROSS_PROJECT_AUTH_SECRET", SECRET);
    let tcp = Tcp::start(&mut wk).await;
    let known = tcp.with(&good).post("/api/track/start", &start(5, None)).await;
    assert_eq!(verified(&tcp, &wk, &known.json()).await, true);
    assert_eq!(tcp.with(&good).get("/api/sessions").await.status, 403);
    let stranger = sign(&hs256, &claims("jti", &json!("2")), "0123456789abcdef0123456789abcdef");
    let expired = sign(&hs256, &claims("exp", &json!(seconds() - 1)), SECRET);
    for (token, why) in [(&stranger, "signature"), (&expired, "expired")] {
        let refused = tcp.with(token).post("/api/track/start", &start(6, None)).await;
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(refused.status == 401 && detail.contains(why), "{detail}");
    }
    assert!(wk.ok(["doctor"]).await.contains("recording only"));
}

#[tokio::test]
async fn who_does_not_say_that_it_sends_json_is_told_to() {
    let mut wk = TestDaemon::new();
    let tcp = Tcp::start(&mut wk).await;
    let body = start(1, None).to_string();
    let plain = "Content-Type: text/plain\r\n";
    for path in ["/api/track/start", "/events"] {
        let answer = tcp.send("POST", path, plain, body.as_bytes()).await;
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(answer.status == 401 && detail.contains("application/json"), "{path}: {detail}");
    }
    let accepts = format!("{plain}Accept: application/json, text/event-stream\r\n");
    let answer = tcp.send("POST", "/mcp", &accepts, b"{}").await;
    assert_eq!((answer.status, &answer.json()["status"]), (415, &json!(415)), "{answer:?}");
}

#[tokio::test]
async fn web_tokens_are_believed_by_their_signature_issuer_audience_and_time() {
    let mut wk = TestDaemon::new();
    wk.set("WK_AUTH_MODE", "jwt");
    wk.set("SESSION_BUDDY_SECRET", SECRET);
    let tcp = Tcp::start(&mut wk).await;
    let hs256 = json!({ "alg": "HS256", "typ": "JWT" });
    let event =
        json!({ "source_app": "a", "session_id": "s", "hook_event_type": "Stop", "payload": {} });
    let old = json!({
        "user_id": "ann", "iss": "session-buddy", "iat": seconds() - 5, "exp": seconds() + 600,
        "type": "access",
    });
    for (case, claims) in [("today's", claims("jti", &json!("2"))), ("the older", old)] {
        let caller = tcp.with(&sign(&hs256, &claims, SECRET));
        assert_eq!(caller.get("/api/sessions").await.status, 200, "{case}");
        assert_eq!(caller.post("/events", &event).await.status, 200, "{case}");
        assert_eq!(caller.post("/api/daemon/reload", &json!({})).await.status, 403, "{case}");
    }
    // In this mode nobody records without a token.
    assert_eq!(tcp.post("/events", &event).await.status, 401);
    let unsigned = |algorithm: &str| {
        let token = sign(&json!({ "alg": algorithm }), &claims("jti", &json!("3")), SECRET);
        token[..=token.rfind('.').unwrap()].to_owned()
    };
    for (token, why) in [
        (sign(&hs256, &claims("exp", &json!(seconds() - 1)), SECRET), "expired"),
        (sign(&hs256, &claims("aud", &json!("akosha")), SECRET), "audience"),
        (sign(&hs256, &claims("iss", &json!("evil")), SECRET), "issuer"),
        (sign(&hs256, &claims("type", &json!("refresh")), SECRET), "audience"),
        (
            sign(&hs256, &claims("jti", &json!("4")), "0123456789abcdef0123456789abcdef"),
            "signature",
        ),
        (sign(&json!({ "alg": "HS512" }), &claims("jti", &json!("5")), SECRET), "HS256"),
        (unsigned("none"), "HS256"),
        (unsigned("HS256"), "signature"),
        ("a.b.c".into(), "not a web token"),
        (format!("{}.b.c", "a".repeat(10_000)), "not a web token"),
    ] {
        let answer = tcp.with(&token).get("/api/sessions").await;
        assert_eq!(answer.status, 401, "{why}");
        let told = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(told.contains(why), "{why}: {told}");
        assert_eq!(tcp.with(&token).post("/events", &event).await.status, 401, "{why}");
        // The same where clients cannot send a header.
        let fields = start(1, Some(&token));
        let answer = tcp.post("/api/track/start", &fields).await;
        assert_eq!(answer.status, 401, "{why}");
        let told = tool(&tcp, &fields).await;
        assert_eq!((&told["status"], &told["session_id"]), (&json!("error"), &Value::Null));
        for said in [&answer.json()["detail"], &told["error"]] {
            assert!(said.as_str().is_some_and(|said| said.contains(why)), "{why}: {said}");
        }
    }
    let fields = start(1, Some(&sign(&hs256, &claims("jti", &json!("6")), SECRET)));
    let told = tool(&tcp, &fields).await;
    assert_eq!(told["status"], "tracked", "{told}");
    assert_eq!(
        tcp.post("/api/track/start", &fields).await.json()["session_id"],
        told["session_id"]
    );
    // The secret is not handed on: no session has it, nor what is kept of one.
    let mut call = wk.call(["run", "-d", "--", "env"]);
    call.env_remove("SESSION_BUDDY_SECRET");
    let session = wk.session(Outcome::of(call).await.ok().trim());
    session.ended().await;
    assert!(!wk.ok(["logs", &session.id]).await.contains(SECRET));
    let spec = fs::read_dir(wk.session_folder(&session.id)).unwrap().flatten();
    for bytes in spec.filter_map(|entry| fs::read(entry.path()).ok()) {
        assert!(!String::from_utf8_lossy(&bytes).contains(SECRET));
    }
}

#[tokio::test]
async fn without_a_real_secret_web_tokens_are_closed_and_that_is_said() {
    let mut wk = TestDaemon::new();
    wk.set("WK_AUTH_MODE", "jwt");
    for bad in ["changeme-changeme-changeme-changeme", "short"] {
        wk.set("WATCHKEEPER_AUTH_SECRET", bad);
        let tcp = Tcp::start(&mut wk).await;
        let token = sign(&json!({ "alg": "HS256" }), &claims("jti", &json!("1")), bad);
        let answer = tcp.with(&token).get("/api/sessions").await;
        assert_eq!(answer.status, 401);
        assert!(answer.json()["detail"].as_str().unwrap().contains("no secret"), "{answer:?}");
        let warnings = wk.status().await.warnings.join("\n");
        assert!(warnings.contains("WATCHKEEPER_AUTH_SECRET"), "{warnings}");
        wk.ok(["daemon", "stop"]).await;
    }
    let file = wk.path().join("secret");
    fs::write(&file, format!("{SECRET}\n")).unwrap();
    wk.set("WATCHKEEPER_AUTH_SECRET", "");
    wk.set("WK_AUTH_SECRET_FILE", file.to_str().unwrap());
    let tcp = Tcp::start(&mut wk).await;
    let token = sign(&json!({ "alg": "HS256" }), &claims("jti", &json!("1")), SECRET);
    assert_eq!(tcp.with(&token).get("/api/sessions").await.status, 200);
}
