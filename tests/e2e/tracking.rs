//! Shells that their clients tell of.

use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use wk_api::{SessionView, problem_type};
use wk_tests::{Answer, TestDaemon, raw_call};

/// A shell of this host that tells of itself.
struct Shell {
    child: Child,
}

impl Shell {
    fn new() -> Self {
        let child = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().unwrap();
        // The kernel shows its words a moment after it has begun to be what it is.
        let words = format!("/proc/{}/cmdline", child.id());
        while std::fs::read(&words).unwrap().is_empty() {
            std::thread::yield_now();
        }
        Self { child }
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Killed, and reaped.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn uuid(number: u64) -> String {
    format!("550e8400-e29b-41d4-a716-{number:012x}")
}

fn now() -> String {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let ms = i64::try_from(elapsed.as_millis()).unwrap();
    wk_model::Time::from_millis(ms).to_string()
}

/// What the quick start's shells send.
fn event(number: u64, pid: u32, hostname: &str) -> Value {
    json!({
        "event_version": "1.0",
        "event_id": uuid(number),
        "event_type": "session_start",
        "component_name": "mahavishnu",
        "shell_type": "MahavishnuShell",
        "timestamp": now(),
        "pid": pid,
        "user": {"username": "les", "home": "/home/les"},
        "hostname": hostname,
        "environment": {"python_version": "3.13.0", "platform": "macOS-15.2", "cwd": "/work"},
        "metadata": {"component_version": "1.0.0", "adapters": ["prefect"]},
    })
}

async fn tell(wk: &TestDaemon, path: &str, body: &Value) -> Answer {
    raw_call(&wk.socket(), "POST", path, "", body.to_string().as_bytes()).await
}

/// Tells of a shell; answers its session.
async fn start(wk: &TestDaemon, body: &Value) -> String {
    let answer = tell(wk, "/api/track/start", body).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    let answer = answer.json();
    assert_eq!((&answer["status"], &answer["error"]), (&json!("tracked"), &json!(null)));
    answer["session_id"].as_str().unwrap().to_owned()
}

async fn view(wk: &TestDaemon, id: &str) -> SessionView {
    wk.client().get(&format!("/sessions/{id}"), &()).await.unwrap()
}

#[track_caller]
fn refused(answer: &Answer, status: u16, kind: &str, detail: &str) {
    let problem = answer.json();
    assert_eq!((answer.status, problem["type"].as_str()), (status, Some(kind)), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains(detail), "{problem}");
}

#[tokio::test]
async fn a_shell_elsewhere_is_tracked_from_its_start_to_its_end() {
    let wk = TestDaemon::start().await;
    let mut told = event(1, 12345, "elsewhere");
    told["timestamp"] = json!("2026-02-06T10:30:00Z");
    let id = start(&wk, &told).await;
    let shown = view(&wk, &id).await;
    assert_eq!(shown.kind.as_str(), "shell");
    assert_eq!(shown.status.map(wk_model::Status::as_str), Some("running"));
    assert_eq!(shown.component_name.as_deref(), Some("mahavishnu"));
    assert_eq!(shown.shell_type.as_deref(), Some("MahavishnuShell"));
    assert_eq!(shown.python_version.as_deref(), Some("3.13.0"));
    assert_eq!(shown.username.as_deref(), Some("les"));
    assert_eq!(shown.hostname.as_deref(), Some("elsewhere"));
    assert_eq!(shown.working_directory.as_deref(), Some("/work"));
    assert_eq!(shown.metadata["adapters"], json!(["prefect"]));
    assert_eq!(shown.start_time.to_string(), "2026-02-06T10:30:00.000Z");
    assert_eq!(shown.verified, Some(true), "it came over the daemon's own socket");
    assert_eq!(shown.health.conditions, ["incomplete"]);
    assert_eq!(shown.health.alive.to_owned(), wk_model::Liveness::Unknown);

    assert_eq!(start(&wk, &told).await, id, "the same event is the same session");
    told["event_id"] = json!(uuid(2));
    assert_ne!(start(&wk, &told).await, id, "another one of the same second is another");

    let early = json!({"session_id": id, "timestamp": "2026-02-06T10:29:59Z"});
    let answer = tell(&wk, "/api/track/end", &early).await;
    refused(&answer, 400, problem_type::BAD_REQUEST, "before the start of the session");
    assert!(view(&wk, &id).await.end_time.is_none());

    assert_eq!(shown.metadata["user_home"], "/home/les");
    let secret = format!("ghp_{}", "a1B2".repeat(9));
    let said = json!({"reason": "exit", "adapters": [], "key": secret});
    for metadata in [said, json!({"reason": "told again"})] {
        let at = "2026-02-06T10:35:00Z";
        let end = json!({"session_id": id, "timestamp": at, "metadata": metadata});
        let answer = tell(&wk, "/api/track/end", &end).await;
        assert_eq!(answer.json(), json!({"session_id": id, "status": "ended", "error": null}));
    }
    let shown = view(&wk, &id).await;
    assert_eq!(shown.status.map(wk_model::Status::as_str), Some("completed"));
    assert!((shown.duration_seconds - 300.0).abs() < 0.001, "{}", shown.duration_seconds);
    assert_eq!(shown.end_time.unwrap().to_string(), "2026-02-06T10:35:00.000Z");
    assert_eq!(
        (&shown.metadata["reason"], &shown.metadata["adapters"]),
        (&json!("exit"), &json!([]))
    );
    assert_eq!(shown.metadata["component_version"], "1.0.0");
    assert!(!shown.metadata["key"].as_str().unwrap().contains("a1B2a1B2"), "it is masked");
    assert!(wk.ok(["show", &id]).await.contains("reason=exit"));
    let mut events = wk.events().await;
    let verdict = events.until_kind(&id, "verdict_reached").await;
    assert_eq!(verdict.data["cause"], "completed");
    assert_eq!(start(&wk, &event(1, 1, "elsewhere")).await, id, "one that has ended, too");
}

#[tokio::test]
async fn a_shell_of_this_host_that_is_killed_is_ended_with_a_verdict() {
    let wk = TestDaemon::start().await;
    let mut events = wk.events().await;
    let shell = Shell::new();
    let id = start(&wk, &event(1, shell.pid(), &hostname())).await;
    let shown = view(&wk, &id).await;
    assert_eq!(shown.pid, Some(shell.pid()));
    assert!(shown.health.conditions.is_empty(), "{:?}", shown.health);
    assert_eq!(shown.command, ["sleep", "1000"]);
    shell.kill();
    events.until_kind(&id, "session_closed").await;
    let verdict = events.until_kind(&id, "verdict_reached").await;
    assert_eq!(verdict.data["outcome"], "failed", "{}", verdict.data);
    assert_eq!(view(&wk, &id).await.status.map(wk_model::Status::as_str), Some("failed"));
}

#[tokio::test]
async fn a_shell_that_went_while_no_daemon_was_there_is_ended_and_its_late_word_counts() {
    let mut wk = TestDaemon::start().await;
    wk.expect_kills();
    let shell = Shell::new();
    let id = start(&wk, &event(1, shell.pid(), &hostname())).await;
    let told = now();
    wk.kill().await;
    shell.kill();
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    let first = events.until_kind(&id, "verdict_reached").await;
    assert_eq!(first.data["outcome"], "failed");
    let end = json!({"session_id": id, "timestamp": told});
    assert_eq!(tell(&wk, "/api/track/end", &end).await.json()["status"], "ended");
    let completed = |event: &wk_api::EventView| {
        event.kind == "verdict_reached" && event.data["outcome"] == "completed"
    };
    events.until(completed).await;
    assert_eq!(view(&wk, &id).await.status.map(wk_model::Status::as_str), Some("completed"));
}

#[tokio::test]
async fn a_heart_that_stops_ends_its_session_and_one_that_beats_does_not() {
    let wk = TestDaemon::new();
    wk.configure("[health]\nheartbeat_timeout = \"1500ms\"\n");
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    let mut with_heart = event(1, 7, "elsewhere");
    with_heart["heartbeat"] = json!(true);
    let silent = start(&wk, &with_heart).await;
    with_heart["event_id"] = json!(uuid(2));
    let beating = start(&wk, &with_heart).await;
    let foreign = start(&wk, &event(3, 7, "elsewhere")).await;
    let beat = json!({"session_id": beating});
    let ended = events.until_kind(&silent, "session_closed");
    tokio::pin!(ended);
    let mut every = tokio::time::interval(std::time::Duration::from_millis(200));
    loop {
        tokio::select! {
            _ = &mut ended => break,
            _ = every.tick() => {
                let answer = tell(&wk, "/api/track/heartbeat", &beat).await;
                assert_eq!(answer.json()["status"], "tracked");
            }
        }
    }
    assert!(view(&wk, &beating).await.end_time.is_none(), "its heart beats");
    assert!(view(&wk, &foreign).await.end_time.is_none(), "it has no heart that could stop");
    let answer = tell(&wk, "/api/track/heartbeat", &json!({"session_id": silent})).await;
    assert_eq!(answer.json()["status"], "ended");
}

#[tokio::test]
async fn reports_end_no_session_that_is_held_and_records_of_living_ones_are_not_closed() {
    let wk = TestDaemon::start().await;
    let held = wk.script("exec sleep 1000").await;
    let end = json!({"session_id": held.id, "timestamp": now()});
    let answer = tell(&wk, "/api/track/end", &end).await;
    refused(&answer, 409, problem_type::CONFLICT, "no report ends it");
    let answer = tell(&wk, &format!("/api/sessions/{}/end", held.id), &json!({})).await;
    refused(&answer, 409, problem_type::CONFLICT, &format!("wk stop {}", held.id));

    // A shell that says that it is the process of that session is another one, within it.
    let pid = view(&wk, &held.id).await.pid.unwrap();
    let inner = start(&wk, &event(1, pid, &hostname())).await;
    assert_eq!(view(&wk, &inner).await.parent_id.as_deref(), Some(held.id.as_str()));
    let end = json!({"session_id": inner, "timestamp": now()});
    assert_eq!(tell(&wk, "/api/track/end", &end).await.json()["status"], "ended");
    let shown = view(&wk, &held.id).await;
    assert_eq!(shown.status.map(wk_model::Status::as_str), Some("running"));
    assert!(shown.verdict.is_none());

    let elsewhere = start(&wk, &event(2, pid, "elsewhere")).await;
    let stopped = wk.wk(["stop", &elsewhere]).await;
    assert!(stopped.stderr.contains("wk end"), "{stopped}");
    for _ in 0..2 {
        let answer = tell(&wk, &format!("/api/sessions/{elsewhere}/end"), &json!({})).await;
        assert_eq!(answer.json()["status"], "completed");
    }
    let mut events = wk.events().await;
    let verdict = events.until_kind(&elsewhere, "verdict_reached").await;
    let evidence = verdict.data["evidence"].to_string();
    assert!(evidence.contains("its record was closed by uid"), "{evidence}");
    for false_word in ["its client said", "holder", "disk"] {
        assert!(!evidence.contains(false_word), "{evidence}");
    }
}

#[tokio::test]
async fn one_record_that_cannot_be_closed_keeps_no_other_open() {
    let wk = TestDaemon::start().await;
    let held = wk.script("exec sleep 1000").await;
    let first = start(&wk, &event(1, 7, "elsewhere")).await;
    let second = start(&wk, &event(2, 7, "elsewhere")).await;
    let outcome = wk.wk(["end", &first, "nosuch", &held.id, &second]).await;
    let closed = outcome.text();
    let complaints = outcome.failed(1);
    assert!(closed.contains(&first) && closed.contains(&second), "{closed}");
    assert!(closed.contains("a shell that still runs goes on"), "{closed}");
    assert!(complaints.contains("`nosuch`") && complaints.contains("wk stop"), "{complaints}");
    for id in [&first, &second] {
        assert!(view(&wk, id).await.end_time.is_some());
    }
}

#[tokio::test]
async fn bad_reports_are_refused_field_by_field() {
    let wk = TestDaemon::start().await;
    let bad = problem_type::BAD_REQUEST;
    for (field, value, detail) in [
        ("pid", json!("7"), "`pid` must not be `7`"),
        ("component_name", json!("../x"), "`component_name` is `../x`"),
        ("timestamp", json!("soon"), "`timestamp` must be a moment"),
        ("environment", json!(null), "`environment` is missing"),
    ] {
        let mut told = event(1, 7, "elsewhere");
        told[field] = value;
        refused(&tell(&wk, "/api/track/start", &told).await, 400, bad, detail);
    }
    let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for body in ["", "{", "null", "[1]", "\"x\"", "{\"a\":1}", &nested] {
        for path in ["start", "end", "heartbeat"] {
            let path = format!("/api/track/{path}");
            let answer = raw_call(&wk.socket(), "POST", &path, "", body.as_bytes()).await;
            refused(&answer, 400, bad, "");
        }
    }
    for id in ["nosuch", "../../etc", "aaaaaaaaaaaa", "😀"] {
        let told = json!({"session_id": id, "timestamp": now()});
        for path in ["end", "heartbeat"] {
            let answer = tell(&wk, &format!("/api/track/{path}"), &told).await;
            refused(&answer, 404, problem_type::NOT_FOUND, "was tracked here");
        }
    }
    let mut wrong_clock = event(9, 7, "elsewhere");
    wrong_clock["timestamp"] = json!("2100-01-01T00:00:00Z");
    let id = start(&wk, &wrong_clock).await;
    assert!(view(&wk, &id).await.start_time.to_string().as_str() < "2100");
    let end = json!({"session_id": id, "timestamp": "2100-01-01T00:01:00Z"});
    assert_eq!(tell(&wk, "/api/track/end", &end).await.status, 200);
    let lasted = view(&wk, &id).await.duration_seconds;
    assert!((lasted - 60.0).abs() < 0.001, "a minute by a wrong clock is a minute: {lasted}");
}
