//! `wk hooks install` and `remove`, in a home of their own.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use wk_tests::{Terminal, TestDaemon};

/// Places with a program that can be called; no daemon runs.
fn home() -> (TestDaemon, String) {
    let mut wk = TestDaemon::new();
    let program = program(&wk, "wk-hook", "exit 0");
    // No agent of this machine is asked for its version.
    let path = wk.path().join("bin").display().to_string();
    wk.set("PATH", &path);
    (wk, program)
}

fn program(wk: &TestDaemon, name: &str, script: &str) -> String {
    let path = wk.path().join("bin").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

fn settings(wk: &TestDaemon, file: &str, text: &str) -> PathBuf {
    let path = wk.path().join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[tokio::test]
async fn hooks_come_and_go_without_a_trace() {
    let (wk, hook) = home();
    let before = "{\n    \"permissions\" : { \"deny\": [\"Bash(rm:*)\"] },\n    \"hooks\": { \"Stop\": [] }\n}";
    for (agent, file) in [
        ("claude", ".claude/settings.json"),
        ("codex", ".codex/hooks.json"),
        ("gemini", ".gemini/settings.json"),
    ] {
        let path = settings(&wk, file, before);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let words = ["hooks", "install", agent, "--yes", "--program", &hook];
        let said = wk.ok(words).await;
        assert!(said.contains("+     \"hooks\": {") || said.contains("wk-hook"), "{said}");
        let installed = fs::read_to_string(&path).unwrap();
        let value = read(&path);
        assert_eq!(value["permissions"]["deny"], json!(["Bash(rm:*)"]));
        let status: Value =
            serde_json::from_str(&wk.ok(["hooks", "status", agent, "--format", "json"]).await)
                .unwrap();
        assert_eq!(
            (&status[0]["programs"], &status[0]["program_exists"]),
            (&json!([hook]), &json!(true))
        );

        // Once more changes nothing.
        assert!(wk.ok(words).await.contains("already"));
        assert_eq!(fs::read_to_string(&path).unwrap(), installed);

        wk.ok(["hooks", "remove", agent, "--yes"]).await;
        assert_eq!(fs::read_to_string(&path).unwrap(), before, "{agent}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(wk.ok(["hooks", "remove", agent, "--yes"]).await.contains("no hooks"));
    }
}

#[tokio::test]
async fn a_file_that_was_made_goes_with_its_folder() {
    let (wk, hook) = home();
    for (agent, file) in [
        ("claude", ".claude/settings.json"),
        ("codex", ".codex/hooks.json"),
        ("opencode", ".config/opencode/plugins/watchkeeper.js"),
    ] {
        let path = wk.path().join(file);
        let said = wk.ok(["hooks", "install", agent, "--yes", "--program", &hook]).await;
        assert!(path.is_file(), "{said}");
        assert_eq!(said.contains("/hooks"), agent == "codex", "{said}");
        wk.ok(["hooks", "remove", agent, "--yes"]).await;
        // The state folder that was made is one that a daemon takes.
        let mode = fs::metadata(wk.state()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let top = wk.path().join(Path::new(file).iter().next().unwrap());
        assert!(!top.exists(), "{}", top.display());
    }
}

#[tokio::test]
async fn what_an_agent_would_not_read_is_left_alone() {
    let (wk, hook) = home();
    let path = settings(&wk, ".claude/settings.json", "{\n  \"a\": 1,\n}");
    let refused = wk.wk(["hooks", "install", "claude", "--yes", "--program", &hook]).await;
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("line 3, column 1"), "{refused}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\n  \"a\": 1,\n}");
}

#[tokio::test]
async fn nothing_is_changed_that_nobody_has_agreed_to() {
    let (wk, hook) = home();
    let path = settings(&wk, ".claude/settings.json", "{}");
    let words = ["hooks", "install", "claude", "--program", &hook];
    let unasked = wk.wk(words).await;
    assert_eq!(unasked.code, 2);
    assert!(unasked.text().contains("wk-hook") && unasked.stderr.contains("--yes"), "{unasked}");
    wk.ok(words.into_iter().chain(["--dry-run"])).await;
    assert_eq!(fs::read_to_string(&path).unwrap(), "{}");
}

#[tokio::test]
async fn only_what_a_version_knows_is_registered_and_never_what_hurts() {
    let (wk, hook) = home();
    let path = wk.path().join(".claude/settings.json");
    let names = |path: &Path| -> Vec<String> {
        read(path)["hooks"].as_object().unwrap().keys().cloned().collect()
    };
    let words = ["hooks", "install", "claude", "--yes", "--program", &hook];
    wk.ok(words).await;
    assert_eq!(names(&path).len(), 9);
    program(&wk, "claude", "echo '2.1.250 (Claude Code)'");
    wk.ok(words).await;
    let known = names(&path);
    assert!(known.contains(&"PostToolUseFailure".into()) && known.contains(&"StopFailure".into()));
    assert!(!known.contains(&"WorktreeCreate".into()) && !known.contains(&"MessageDisplay".into()));
    let entry = &read(&path)["hooks"]["PreToolUse"][0];
    assert_eq!(entry["matcher"], "*");
    let want = json!({"type": "command", "command": hook, "args": ["claude"], "timeout": 10});
    assert_eq!(entry["hooks"], json!([want]));
    wk.ok(["hooks", "remove", "claude", "--yes"]).await;
    assert!(!path.exists());
}

#[tokio::test]
async fn a_project_s_file_and_a_linked_one_are_found() {
    let (wk, hook) = home();
    fs::create_dir_all(wk.work().join(".git")).unwrap();
    let real = settings(&wk, "dotfiles/claude.json", "{\"a\":1}");
    fs::create_dir_all(wk.work().join(".claude")).unwrap();
    let link = wk.work().join(".claude/settings.json");
    symlink(&real, &link).unwrap();
    wk.ok(["hooks", "install", "claude", "--project", "--yes", "--program", &hook]).await;
    assert!(link.is_symlink());
    assert!(read(&real)["hooks"]["SessionStart"].is_array());
    let changed = fs::read_to_string(&real).unwrap().replace("\"a\":1", "\"a\": 2");
    fs::write(&real, changed).unwrap();
    wk.ok(["hooks", "remove", "claude", "--project", "--yes"]).await;
    assert_eq!(fs::read_to_string(&real).unwrap(), "{\"a\": 2}");

    // In both places, each would be called twice.
    wk.ok(["hooks", "install", "claude", "--yes", "--program", &hook]).await;
    let said =
        wk.ok(["hooks", "install", "claude", "--project", "--yes", "--program", &hook]).await;
    assert!(said.contains("wk hooks remove claude --user"), "{said}");
}

#[tokio::test]
async fn a_person_is_shown_the_change_and_asked() {
    let (wk, hook) = home();
    let path = settings(&wk, ".claude/settings.json", "{\n  \"a\": 1\n}\n");
    for (answer, said) in [("n\r", "nothing was changed"), ("y\r", "installed: ")] {
        let mut terminal =
            Terminal::open(wk.call(["hooks", "install", "claude", "--program", &hook]));
        terminal.until_shows("Change it? [y/N]").await;
        terminal.send(answer);
        terminal.until_shows(said).await;
        assert_eq!(terminal.ended().await, 0);
        assert_eq!(read(&path)["hooks"]["Stop"].is_array(), answer == "y\r");
    }
}
