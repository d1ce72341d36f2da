//! What agents tell of their work: registered, called as an agent would, drawn and counted.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use wk_tests::{TestDaemon, hook_program};

/// Calls what is registered for an event, as the agent does.
fn call(wk: &TestDaemon, settings: &Value, payload: &Value) {
    let event = payload["hook_event_name"].as_str().unwrap();
    let entry = &settings["hooks"][event][0]["hooks"][0];
    let mut command: Command = wk.command(entry["command"].as_str().unwrap());
    let words = entry["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
    command.args(words).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(payload.to_string().as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

fn usage(id: &str, output: u64) -> String {
    json!({"type": "assistant", "message": {"id": id, "model": "m-1", "usage": {
        "input_tokens": 3, "cache_read_input_tokens": 1000, "output_tokens": output}}})
    .to_string()
        + "\n"
}

#[tokio::test]
async fn an_agents_work_is_drawn_and_counted() {
    let mut wk = TestDaemon::new();
    let bin = wk.path().join("bin").display().to_string();
    wk.set("PATH", &format!("{bin}:/usr/bin:/bin"));
    // Of no version that anybody knows: the nine hooks of all.
    let words = ["daemon", "start"];
    wk.ok(words).await;
    let hook = hook_program().display().to_string();
    wk.ok(["hooks", "install", "claude", "--yes", "--program", &hook]).await;
    let silent = wk.wk(["doctor"]).await.text();
    assert!(silent.contains("none has arrived yet"), "{silent}");

    let settings = fs::read_to_string(wk.path().join(".claude/settings.json")).unwrap();
    let settings: Value = serde_json::from_str(&settings).unwrap();
    let transcript = wk.path().join("t.jsonl");
    fs::write(&transcript, usage("a", 5) + &usage("a", 40)).unwrap();
    let told = |event: &str, more: Value| {
        let mut payload = json!({"hook_event_name": event, "session_id": "s-1",
            "cwd": wk.work(), "transcript_path": transcript});
        payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        call(&wk, &settings, &payload);
    };
    let (mut events, mut counts) = (wk.events().await, wk.events().await);
    told("SessionStart", json!({"source": "startup"}));
    told("UserPromptSubmit", json!({"prompt": "fix it"}));
    let bash = json!({"tool_name": "Bash", "tool_use_id": "u1", "tool_input": {"command": "make"}});
    told("PreToolUse", bash.clone());
    told("PostToolUse", bash);
    told("PreToolUse", json!({"tool_name": "Read", "tool_use_id": "u2"}));
    let finished = events.until(|event| event.kind == "tool_finished").await;
    let id = finished.session_id.unwrap();
    let counted = counts.until(|event| event.kind == "tokens_counted").await;
    assert_eq!((&counted.data["output"], &counted.data["messages"]), (&json!(40), &json!(1)));

    let tools: Value =
        serde_json::from_str(&wk.ok(["tools", &id, "--format", "json"]).await).unwrap();
    assert_eq!((&tools[0]["tool"], &tools[0]["count"]), (&json!("Bash"), &json!(1)));
    assert_eq!((&tools[1]["tool"], &tools[1]["running"]), (&json!("Read"), &json!(1)));
    assert!(tools[0]["p50_seconds"].is_f64());
    let all: Value = serde_json::from_str(&wk.ok(["tools", "--format", "json"]).await).unwrap();
    assert_eq!(all, tools);

    let chart = wk.ok(["timeline", &id]).await;
    assert!(chart.contains("Bash") && chart.contains('▲') && chart.contains('░'), "{chart}");
    let list = wk.ok(["timeline", &id, "--list"]).await;
    assert!(list.contains("fix it") && list.contains("make"), "{list}");
    let timeline: Value =
        serde_json::from_str(&wk.ok(["timeline", &id, "--format", "json"]).await).unwrap();
    assert_eq!(timeline["lanes"][0]["tools"][0]["outcome"], "succeeded");

    // More is counted with the next hook, and what was counted is not counted twice.
    let mut file = fs::OpenOptions::new().append(true).open(&transcript).unwrap();
    file.write_all((usage("a", 40) + &usage("b", 2)).as_bytes()).unwrap();
    told("Stop", json!({}));
    let counted = counts.until(|event| event.kind == "tokens_counted").await;
    assert_eq!((&counted.data["output"], &counted.data["messages"]), (&json!(42), &json!(2)));
    let shown = wk.ok(["show", &id]).await;
    assert!(shown.contains("6 in, 42 out, 2.0k from the cache"), "{shown}");
    let stats: Value = serde_json::from_str(&wk.ok(["stats", "--format", "json"]).await).unwrap();
    assert_eq!(
        (&stats["overall"]["output_tokens"], &stats["overall"]["cost_usd"]),
        (&json!(42), &Value::Null)
    );
    assert!(wk.wk(["doctor"]).await.text().contains("claude (user): last heard"));
}

#[tokio::test]
async fn what_is_private_is_not_journalled() {
    let wk = TestDaemon::new();
    wk.configure(
        "[privacy]\nprompts = false\ntool_input = false\ntool_output = false\npayloads = false\n",
    );
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    let secret = "nobody's business";
    for (event, more) in [
        ("UserPromptSubmit", json!({"prompt": secret})),
        ("PreToolUse", json!({"tool_name": "Bash", "tool_input": {"command": secret}})),
        ("Stop", json!({"last_assistant_message": secret})),
        ("PostToolUse", json!({"tool_name": "Bash", "tool_response": {"error": secret}})),
    ] {
        let mut payload = json!({"hook_event_name": event, "session_id": "s-2", "cwd": wk.work()});
        payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut command = wk.command(hook_program());
        let mut child = command.arg("claude").stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(payload.to_string().as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }
    events.until(|event| event.kind == "tool_finished").await;
    let journal = wk.journal().await;
    let prompt = journal.iter().find(|event| event["kind"] == "prompt").unwrap();
    assert_eq!(prompt["data"]["prompt"], json!({"text": null, "bytes": secret.len()}));
    assert!(!serde_json::to_string(&journal).unwrap().contains(secret));
}

/// What opencode would call, in its order; each call is waited for, as opencode does.
const OPENCODE: &str = r#"
import plugin from "./.config/opencode/plugins/watchkeeper.js";
const hooks = await plugin.server({});
const id = "ses_1";
const part = { type: "tool", tool: "read", callID: "c2", sessionID: id };
const pause = () => new Promise((done) => setTimeout(done, 50));
for (const [name, ...args] of [
  ["event", { event: { type: "session.created", properties: { info: { id } } } }],
  ["chat.message", { sessionID: id }, { parts: [{ type: "text", text: "fix it" }] }],
  ["tool.execute.before", { tool: "bash", sessionID: id, callID: "c1" }, { args: { command: "ls" } }],
  ["tool.execute.after", { tool: "bash", sessionID: id, callID: "c1", args: {} }, { output: "x" }],
  ["tool.execute.before", { tool: "read", sessionID: id, callID: "c2" }, { args: {} }],
  ["event", { event: { type: "message.part.updated", properties: { part: { ...part, state: { status: "error", error: "gone" } } } } }],
]) {
  await hooks[name](...args);
  await pause();
}
await plugin.setup({});
"#;

#[tokio::test]
async fn opencode_tells_by_a_plugin() {
    let mut wk = TestDaemon::start().await;
    let works = Command::new("node").arg("--version").output();
    if !works.is_ok_and(|output| output.status.success()) {
        return wk_tests::skip("there is no node to run the plugin");
    }
    wk.set("NODE_NO_WARNINGS", "1");
    let hook = hook_program().display().to_string();
    wk.ok(["hooks", "install", "opencode", "--yes", "--program", &hook]).await;
    fs::write(wk.path().join("opencode.mjs"), OPENCODE).unwrap();
    // As opencode's own folder has it.
    fs::write(wk.path().join(".config/opencode/package.json"), "{\"type\": \"module\"}").unwrap();
    let mut events = wk.events().await;
    let output = wk.command("node").arg(wk.path().join("opencode.mjs")).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let failed = events.until(|event| event.data["outcome"] == "failed").await;
    assert_eq!((&failed.data["tool"], &failed.data["error"]), (&json!("read"), &json!("gone")));
    let id = failed.session_id.unwrap();
    let timeline = wk.ok(["timeline", &id, "--format", "json"]).await;
    let timeline: Value = serde_json::from_str(&timeline).unwrap();
    let tools = timeline["lanes"][0]["tools"].as_array().unwrap();
    let outcomes: Vec<_> = tools.iter().map(|used| (&used["tool"], &used["outcome"])).collect();
    assert_eq!(
        outcomes,
        [(&json!("bash"), &json!("succeeded")), (&json!("read"), &json!("failed"))]
    );
    assert_eq!(timeline["lanes"][0]["marks"][0]["text"], "fix it");
}
