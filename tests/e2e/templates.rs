//! Templates: sessions of one sort, started and kept going the same way.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::json;
use wk_model::Kind;
use wk_tests::{TestDaemon, raw_call};

/// A program that shows its arguments, in place of an agent; answers a `PATH` that finds it.
fn agent(wk: &TestDaemon, name: &str, script: &str) -> String {
    let folder = wk.path().join("bin");
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join(name);
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    format!("PATH={}:/usr/bin:/bin", folder.display())
}

#[tokio::test]
async fn an_agent_is_started_with_an_id_of_its_own() {
    let wk = TestDaemon::start().await;
    let path = agent(&wk, "claude", "echo \"args: $*.\"; cat");
    let session = wk.run(["-t", "claude", "--env", &path, "-l", "team=red", "--", "fix it"]).await;
    let view = session.view().await;
    let id = view.external_id.clone().unwrap();
    assert_eq!(view.command, ["claude", "--session-id", &id, "fix it"]);
    session.until_shows(&format!("args: --session-id {id} fix it.")).await;
    assert_eq!((view.kind, view.template.as_deref()), (Kind::Agent, Some("claude")));
    assert_eq!((view.agent_id.as_deref(), view.max_retries), (Some("claude-code"), 3));
    assert_eq!((view.labels["agent"].as_str(), view.labels["team"].as_str()), ("claude", "red"));
    let created = wk.journal().await.into_iter().find(|e| e["kind"] == "session_created").unwrap();
    assert_eq!(created["data"]["recovery"]["patterns"][0]["category"], "quota");
}

#[tokio::test]
async fn later_attempts_resume_what_the_first_began() {
    let wk = TestDaemon::start().await;
    let path = agent(&wk, "claude", "echo \"$*\" >> calls; [ \"$1\" = --resume ]");
    let words = ["-t", "claude", "--env", &path, "--retry-delay", "0s", "--", "go"];
    let view = wk.run(words).await.ended().await;
    let id = view.external_id.unwrap();
    let calls = fs::read_to_string(wk.work().join("calls")).unwrap();
    assert_eq!(calls, format!("--session-id {id} go\n--resume {id}\n"));
    assert_eq!((view.attempt, view.exit_code), (2, Some(0)));
}

#[tokio::test]
async fn an_agent_that_answers_and_exits_is_resumed_to_do_so() {
    let wk = TestDaemon::start().await;
    let path = agent(&wk, "claude", "echo \"$*\" >> calls; [ \"$1\" = --resume ]");
    let words = ["-t", "claude", "--env", &path, "--retry-delay", "0s", "--"];
    let asked = ["--model", "opus", "-p", "fix the tests"];
    let view = wk.run(words.into_iter().chain(asked)).await.ended().await;
    let id = view.external_id.unwrap();
    let calls = fs::read_to_string(wk.work().join("calls")).unwrap();
    let want = [
        format!("--session-id {id} --model opus -p fix the tests\n"),
        format!("--resume {id} --model opus -p continue\n"),
    ];
    assert_eq!(calls, want.concat());
    assert_eq!((view.attempt, view.exit_code), (2, Some(0)));
}

#[tokio::test]
async fn what_has_nothing_to_resume_begins_anew() {
    let wk = TestDaemon::start().await;
    let script = "echo \"$*\" >> calls; [ $WK_ATTEMPT = 3 ] && exit 0; \
                  [ $1 = --resume ] && echo \"No conversation found with session ID: $2\"; exit 1";
    let path = agent(&wk, "claude", script);
    let words = ["-t", "claude", "--env", &path, "--retry-delay", "0s", "--", "go"];
    let view = wk.run(words).await.ended().await;
    let id = view.external_id.unwrap();
    let calls = fs::read_to_string(wk.work().join("calls")).unwrap();
    let begun = format!("--session-id {id} go\n");
    assert_eq!(calls, format!("{begun}--resume {id}\n{begun}"));
    assert_eq!((view.attempt, view.exit_code), (3, Some(0)));
}

#[tokio::test]
async fn an_agent_that_waits_at_its_limit_screen_is_parked_when_it_is_ended() {
    let wk = TestDaemon::start().await;
    // It clears its screen away when it is asked to end, and says that all is well.
    let script = "printf '\\033[?1049hhit your session limit, resets 3:45pm'; \
                  trap 'printf \"\\033[?1049l\"; exit 0' TERM; while :; do sleep 0.01; done";
    let path = agent(&wk, "claude", script);
    let session = wk.run(["-t", "claude", "--env", &path, "--idle-timeout", "300ms"]).await;
    let parked = wk.events().await.until_kind(&session.id, "session_parked").await;
    assert_eq!(parked.data["category"], "quota");
    assert_eq!(parked.data["reason"], "hit your session limit, resets 3:45pm");
    let view = session.view().await;
    assert_eq!((view.phase, view.retry_count), (wk_model::Phase::Parked, 0));
    wk.ok(["stop", &session.id]).await;
}

#[tokio::test]
async fn flags_win_over_the_template_and_the_template_over_the_settings() {
    let wk = TestDaemon::new();
    wk.configure(
        "[session]\ntimeout = \"3h\"\n[template.base]\nlimits.timeout = \"2h\"\n\
         [template.x]\nextends = \"base\"\ncommand = [\"sh\", \"-c\", \"echo $A $B $PWD; cat\"]\n\
         cwd = \"/\"\nenv = { A = \"template\", B = \"template\" }\n",
    );
    let ours = wk.run(["-t", "x"]).await;
    ours.until_shows("template template /").await;
    assert_eq!(ours.view().await.limits.time.map(|limit| limit.value), Some(7_200_000));
    let work = wk.work();
    let cwd = work.to_str().unwrap();
    let flags = ["-t", "x", "--timeout", "1h", "--env", "A=flag", "--cwd", cwd];
    let flagged = wk.run(flags).await;
    flagged.until_shows("flag template /tmp").await;
    assert_eq!(flagged.view().await.limits.time.map(|limit| limit.value), Some(3_600_000));
}

#[tokio::test]
async fn what_cannot_be_used_is_told_and_leaves_the_daemon_as_it_was() {
    let wk = TestDaemon::start().await;
    let told = wk.wk(["run", "-d", "-t", "cluade"]).await.failed(1);
    assert!(told.contains("unknown template `cluade`: did you mean `claude`?"), "{told}");
    wk.configure("[template.a]\nextends = \"b\"\n[template.b]\nextends = \"a\"\n");
    let told = wk.wk(["config", "reload"]).await.failed(1);
    assert!(told.contains(":2:11:") && told.contains("a → b → a"), "{told}");
    wk.configure("[template.a]\ncommand = [\"cat\"]\nlimits.timeout = \"soon\"\n");
    let told = wk.wk(["config", "reload"]).await.failed(1);
    assert!(told.contains("write for example 500ms, 10s"), "{told}");
    let told = wk.wk(["run", "-d", "--"]).await;
    assert_eq!(told.code, 2, "{told}");
    wk.configure("[template.a]\ncommand = [\"cat\"]\n");
    wk.ok(["config", "reload"]).await;
    wk.run(["-t", "a"]).await;
}

#[tokio::test]
async fn api_clients_name_templates_too_and_wk_lists_them() {
    let wk = TestDaemon::new();
    wk.configure("[template.a]\ncommand = [\"echo\", \"{args}\", \"end\"]\n");
    wk.ok(["daemon", "start"]).await;
    let body = json!({ "template": "a", "command": ["one", "two"] });
    let body = serde_json::to_vec(&body).unwrap();
    let answer = raw_call(&wk.socket(), "POST", "/api/sessions", "", &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json()["command"], json!(["echo", "one", "two", "end"]));
    let listed = wk.wk(["templates", "--format", "json"]).await.json();
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["a", "claude", "codex", "gemini", "opencode", "shell"]);
    assert!(wk.ok(["templates"]).await.contains("built in"));
    // What is shown can be put into the settings.
    let shown = wk.ok(["templates", "gemini"]).await;
    wk.configure(&shown);
    wk.ok(["config", "check"]).await;
    assert_eq!(wk.ok(["templates", "gemini"]).await, shown);
    let told = wk.wk(["templates", "gemnii"]).await.failed(2);
    assert!(told.contains("did you mean `gemini`?"), "{told}");
}
