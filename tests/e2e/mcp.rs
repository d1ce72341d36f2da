//! The Model Context Protocol: by the official client, and by hand.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use wk_api::ListenerView;
use wk_tests::{Answer, Outcome, TestDaemon, raw_call, skip, wk_program};

const CLIENT: &str = include_str!("mcp/official_client.py");

/// What clients must say they accept.
const ACCEPT: &str = "Accept: application/json, text/event-stream\r\n";

/// A Python that has the official client: `cargo xtask test` makes one.
fn python() -> Option<PathBuf> {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/python-mcp/bin/python");
    let named = std::env::var_os("WK_TEST_MCP_PYTHON").map(PathBuf::from);
    let all = [named, Some(made), Some("python3".into())];
    all.into_iter().flatten().find(|python| {
        let import = ["-c", "import mcp.client.client"];
        let tried = Command::new(python).args(import).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    })
}

async fn official(wk: &TestDaemon, words: &[&str]) {
    let Some(python) = python() else {
        return skip("no Python has the official client: `cargo xtask test` gets one");
    };
    let mut command = wk.command(python);
    command.arg("-c").arg(CLIENT).args(words);
    let said = Outcome::of(command).await.ok();
    assert!(said.ends_with("all works\n"), "{said}");
}

#[tokio::test]
async fn the_official_client_works_over_http() {
    let mut wk = TestDaemon::new();
    wk.set("WK_SERVER_LISTEN", "127.0.0.1:0");
    wk.ok(["daemon", "start"]).await;
    let listener: ListenerView = wk.client().get("/listener", &()).await.unwrap();
    let address = listener.address.expect("it listens");
    let token = wk.ok(["token"]).await;
    official(&wk, &["http", &format!("http://{address}/mcp"), token.trim()]).await;
}

#[tokio::test]
async fn the_official_client_works_over_stdio() {
    let wk = TestDaemon::new();
    official(&wk, &["stdio", wk_program().to_str().unwrap()]).await;
}

async fn post(wk: &TestDaemon, headers: &str, body: &str) -> Answer {
    raw_call(&wk.socket(), "POST", "/mcp", headers, body.as_bytes()).await
}

async fn ask(wk: &TestDaemon, method: &str, params: Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
    let answer = post(wk, ACCEPT, &body.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(7)), "{answer}");
    answer
}

fn hello(version: &str) -> Value {
    json!({
        "protocolVersion": version,
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    })
}

#[tokio::test]
async fn versions_are_negotiated() {
    let wk = TestDaemon::start().await;
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let answer = ask(&wk, "initialize", hello(version)).await;
        let result = &answer["result"];
        assert_eq!(result["protocolVersion"], version, "{answer}");
        assert_eq!(result["serverInfo"]["name"], "watchkeeper");
        assert!(result["capabilities"]["tools"].is_object(), "{answer}");
        assert!(result["capabilities"]["resources"].is_object(), "{answer}");
    }
    // One that nobody knows: the server says which it speaks.
    let answer = ask(&wk, "initialize", hello("1999-01-01")).await;
    let offered = answer["result"]["protocolVersion"].as_str().unwrap();
    assert!(offered.starts_with("202"), "{answer}");
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    let odd = format!("{ACCEPT}MCP-Protocol-Version: 1999-01-01\r\n");
    assert_eq!(post(&wk, &odd, &body).await.status, 400);
    let known = format!("{ACCEPT}MCP-Protocol-Version: 2025-06-18\r\n");
    assert_eq!(post(&wk, &known, &body).await.status, 200);
}

#[tokio::test]
async fn what_is_no_request_is_refused_and_nothing_breaks() {
    let wk = TestDaemon::start().await;
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let large = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{}\"}}", "x".repeat(2 << 20));
    let batch = format!("[{list},{list}]");
    let no_version = r#"{"id":1,"method":"tools/list"}"#;
    for body in ["", "{", "null", "7", "\"x\"", "[]", "{}", &nested, &batch, &large, no_version] {
        let answer = post(&wk, ACCEPT, body).await;
        let shown: String = body.chars().take(40).collect();
        assert!((400..500).contains(&answer.status), "{shown}: {} {}", answer.status, answer.head);
        let code = answer.json()["error"]["code"].as_i64();
        assert!([Some(-32700), Some(-32600)].contains(&code), "{shown}: {}", answer.json());
    }
    // Clients must be ready for either kind of answer, and send JSON.
    for accept in ["", "Accept: text/html\r\n", "Accept: application/json\r\n"] {
        assert_eq!(post(&wk, accept, &list).await.status, 406, "{accept}");
    }
    for (method, status) in [("GET", 405), ("DELETE", 405), ("PUT", 405)] {
        let answer = raw_call(&wk.socket(), method, "/mcp", ACCEPT, b"").await;
        assert_eq!(answer.status, status, "{method}: {}", answer.head);
    }
    // There are no sessions: a header that names one is nobody's.
    let answer = post(&wk, &format!("{ACCEPT}Mcp-Session-Id: x\r\n"), &list).await;
    assert_eq!((answer.status, answer.header("mcp-session-id")), (200, None));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    // What needs no answer has none.
    let notice = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
    let answer = post(&wk, ACCEPT, &notice).await;
    assert_eq!((answer.status, answer.body.len()), (202, 0));
    assert_eq!(post(&wk, ACCEPT, &list).await.status, 200, "it goes on");
}

#[tokio::test]
async fn errors_have_the_codes_of_the_protocol() {
    let wk = TestDaemon::start().await;
    for (method, params, code) in [
        ("nosuch/method", json!({}), -32601),
        ("prompts/get", json!({"name": "x"}), -32601),
        ("tools/call", json!({"name": "nosuch", "arguments": {}}), -32602),
        ("tools/call", json!({"name": 7}), -32602),
        ("resources/read", json!({"uri": "watchkeeper://nosuch"}), -32002),
        ("resources/read", json!({"uri": "watchkeeper://sessions/nosuch/verdict"}), -32002),
    ] {
        let answer = ask(&wk, method, params.clone()).await;
        assert_eq!(answer["error"]["code"], code, "{method} {params}: {answer}");
        assert!(!answer["error"]["message"].as_str().unwrap().is_empty(), "{answer}");
    }
    assert_eq!(ask(&wk, "ping", json!({})).await["result"], json!({}));
    let wrong = json!({"name": "show_session", "arguments": {"session": "../../daemon/stop"}});
    let answer = ask(&wk, "tools/call", wrong).await;
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    assert!(wk.status().await.pid > 0, "the daemon goes on");
}

#[tokio::test]
async fn stdio_speaks_lines_and_ends_with_its_input() {
    let wk = TestDaemon::new();
    let request = |id: u32, method: &str, params: Value| {
        json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string() + "\n"
    };
    let notice = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let input = [
        request(1, "initialize", hello("2025-06-18")),
        notice.to_string() + "\n",
        "this is no JSON\n".to_owned(),
        request(2, "tools/call", json!({"name": "health", "arguments": {}})),
    ]
    .concat();
    let said = Outcome::fed(wk.call(["mcp"]), input.as_bytes()).await.ok();
    let lines: Vec<Value> =
        said.lines().map(|line| serde_json::from_str(line).expect("lines are JSON")).collect();
    let of = |id: u32| lines.iter().find(|line| line["id"] == id).unwrap();
    assert_eq!(of(1)["result"]["serverInfo"]["name"], "watchkeeper", "{said}");
    let health = &of(2)["result"]["structuredContent"];
    assert_eq!(health["total_sessions"], 0, "{said}");
}

#[tokio::test]
async fn the_listener_is_switched_and_the_daemon_goes_on() {
    let mut wk = TestDaemon::new();
    wk.set("WK_SERVER_LISTEN", "127.0.0.1:0");
    let started = wk.ok(["mcp", "start"]).await;
    assert!(started.starts_with("listening at http://127.0.0.1:"), "{started}");
    let pid = wk.status().await.pid;
    let stopped = wk.ok(["mcp", "stop"]).await;
    assert!(stopped.contains("switched off"), "{stopped}");
    let status = wk.wk(["mcp", "status", "--format", "json"]).await;
    assert_eq!(status.code, 3, "{status}");
    let status: Value = serde_json::from_str(&status.text()).unwrap();
    assert_eq!(status["address"], json!(null));
    wk.ok(["mcp", "restart"]).await;
    let status: Value =
        serde_json::from_str(&wk.ok(["mcp", "status", "--format", "json"]).await).unwrap();
    assert!(status["address"].is_string(), "{status}");
    assert_eq!(wk.status().await.pid, pid);
}
