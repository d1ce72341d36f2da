//! Agents that call `wk-hook`: each event is on its true session, once, whatever happens.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use rustix::process::Signal;
use serde_json::{Value, json};
use wk_model::{Kind, Status};
use wk_tests::{
    Outcome, TestDaemon, Tmux, hook_program,
    hooks::{Agent, agents, call, feed, hook, hook_in, of_kind, records, start, tool, until_taken},
};

#[tokio::test]
async fn a_hook_becomes_an_event_of_its_agents_session() {
    let wk = TestDaemon::start().await;
    let mut events = wk.events().await;
    let mut agent = Agent::start(&wk, &wk.work());
    agent.tell(&start("s1"));
    agent.tell(&tool("PreToolUse", Some("s1"), "t1"));
    agent.tell(&tool("PostToolUse", None, "t1"));
    let finished = events.until(|event| event.kind == "tool_finished").await;
    let found = agents(&wk).await;
    assert_eq!(found.len(), 1, "{found:#?}");
    let session = &found[0];
    assert_eq!(finished.session_id.as_ref(), Some(&session.session_id), "by its process");
    assert_eq!(session.external_id.as_deref(), Some("s1"));
    assert_eq!((session.pid, session.agent_id.as_deref()), (Some(agent.pid()), Some("claude")));
    assert!(finished.data["duration_ms"].is_u64(), "paired: {:?}", finished.data);
    assert!(wk.ok(["show", "s1"]).await.contains(&session.session_id), "by the agent's own id");
    // Nothing tells of the end but the kernel.
    agent.kill();
    let ended = wk.session(&session.session_id).ended().await;
    assert_eq!(ended.status, Some(Status::Failed));
}

#[tokio::test]
async fn a_verdict_names_the_tool_that_an_agent_was_at() {
    let wk = TestDaemon::start().await;
    let mut agent = Agent::start(&wk, &wk.work());
    agent.tell(&start("s1"));
    agent.tell(&tool("PreToolUse", Some("s1"), "t1"));
    until_taken(&wk).await;
    let session_id = agents(&wk).await[0].session_id.clone();
    agent.kill();
    wk.session(&session_id).ended().await;
    let said = wk.ok(["why", &session_id]).await;
    assert!(said.contains(r#"last tool, which was at it still: Bash {"command":"ls"}"#), "{said}");
    let tools = wk.ok(["tools", &session_id, "--format", "csv"]).await;
    assert!(tools.lines().nth(1).unwrap().starts_with("Bash,1,0,0,0,0,1,"), "none runs: {tools}");
}

#[tokio::test]
async fn what_happens_while_no_daemon_is_there_is_taken_in_later_once_and_in_order() {
    let wk = TestDaemon::new();
    for (event, use_id) in [("PreToolUse", "a"), ("PostToolUse", "a"), ("PreToolUse", "b")] {
        hook(&wk, &tool(event, Some("s1"), use_id));
    }
    assert_eq!(records(&wk), 3);
    wk.ok(["daemon", "start"]).await;
    until_taken(&wk).await;
    let journal = wk.journal().await;
    let order: Vec<_> = journal
        .iter()
        .filter(|event| event["kind"].as_str().unwrap().starts_with("tool_"))
        .map(|event| {
            (event["kind"].as_str().unwrap(), event["data"]["tool_use_id"].as_str().unwrap())
        })
        .collect();
    assert_eq!(order, [("tool_started", "a"), ("tool_finished", "a"), ("tool_started", "b")]);
    assert_eq!(agents(&wk).await.len(), 1);
}

#[tokio::test]
async fn a_stopped_daemon_holds_no_hook_up_and_hears_of_it_when_it_goes_on() {
    let wk = TestDaemon::start().await;
    let daemon = wk.process().await;
    daemon.signal(Signal::STOP);
    let begun = std::time::Instant::now();
    // More than wait in a socket that nobody reads.
    for number in 0..40 {
        hook(&wk, &tool("PreToolUse", Some("s1"), &number.to_string()));
    }
    let took = begun.elapsed();
    daemon.signal(Signal::CONT);
    assert!(took < std::time::Duration::from_secs(20), "{took:?}");
    until_taken(&wk).await;
    assert_eq!(of_kind(&wk.journal().await, "tool_started").len(), 40);
}

#[tokio::test]
async fn each_of_many_agents_gets_its_own_events_though_the_daemon_is_killed() {
    let mut wk = TestDaemon::start().await;
    wk.expect_kills();
    // Half of the projects have one name; one program calls for all of them.
    let projects: Vec<_> = (0..10)
        .map(|number| {
            let name = if number < 5 { "same".to_owned() } else { format!("p{number}") };
            let folder = wk.path().join(format!("{number}/{name}"));
            fs::create_dir_all(folder.join(".git")).unwrap();
            folder
        })
        .collect();
    let mut sent: BTreeSet<(String, String)> = BTreeSet::new();
    for round in 0..4 {
        let mut children = Vec::new();
        for (number, folder) in projects.iter().enumerate() {
            for call_number in 0..3 {
                let id = format!("s{number}");
                let use_id = format!("{number}-{round}-{call_number}");
                let mut payload = tool("PreToolUse", Some(&id), &use_id);
                if round == 0 && call_number == 0 {
                    hook_in(&wk, folder, start(&id).to_string().as_bytes());
                }
                // An older agent tells no id: the project's file does.
                if call_number == 2 {
                    payload.as_object_mut().unwrap().remove("session_id");
                }
                let mut command = call(&wk, "claude");
                let mut child = command.current_dir(folder).spawn().unwrap();
                let mut stdin = child.stdin.take().unwrap();
                stdin.write_all(payload.to_string().as_bytes()).unwrap();
                drop(stdin);
                children.push(child);
                sent.insert((id, use_id));
            }
        }
        wk.kill().await;
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(
                output.status.success() && output.stdout.is_empty() && output.stderr.is_empty()
            );
        }
        wk.ok(["daemon", "start"]).await;
    }
    until_taken(&wk).await;
    let ids: BTreeMap<String, String> = agents(&wk)
        .await
        .into_iter()
        .map(|session| (session.session_id, session.external_id.unwrap()))
        .collect();
    assert_eq!(ids.len(), 10, "{ids:?}");
    let journal = wk.journal().await;
    let mut got = BTreeSet::new();
    for event in of_kind(&journal, "tool_started") {
        let id = &ids[event["session_id"].as_str().unwrap()];
        let use_id = event["data"]["tool_use_id"].as_str().unwrap();
        assert!(got.insert((id.clone(), use_id.to_owned())), "twice: {event}");
    }
    assert_eq!(got, sent);
}

#[tokio::test]
async fn an_agent_under_a_holder_is_a_session_below_it_and_a_cleared_one_stays_the_same() {
    let wk = TestDaemon::start().await;
    let mut events = wk.events().await;
    let program = Agent::program(&wk);
    let held = wk.run(["--", program.to_str().unwrap()]).await;
    let send = async |payload: Value| {
        wk.ok(["send", &held.id, &payload.to_string(), "--enter"]).await;
    };
    send(start("before")).await;
    let end = json!({"hook_event_name": "SessionEnd", "session_id": "before", "reason": "clear"});
    send(end).await;
    let clear =
        json!({"hook_event_name": "SessionStart", "session_id": "after", "source": "clear"});
    send(clear).await;
    let identified = events.until(|event| event.kind == "session_identified").await;
    let found = agents(&wk).await;
    let agent = found.iter().find(|session| session.parent_id.as_ref() == Some(&held.id));
    let agent = agent.unwrap_or_else(|| panic!("{found:#?}"));
    assert_eq!(identified.session_id.as_ref(), Some(&agent.session_id));
    assert_eq!(agent.external_id.as_deref(), Some("after"));
    assert_eq!(agent.status, Some(Status::Running), "its process goes on");
}

#[tokio::test]
async fn an_agent_in_a_pane_that_calls_hooks_is_one_session() {
    let wk = TestDaemon::start().await;
    let Some(mut tmux) = Tmux::new(&wk) else { return };
    let mut events = wk.events().await;
    let program = Agent::program(&wk);
    tmux.session("work", &format!("exec {}", program.display())).await;
    let found =
        events.until(|e| e.kind == "session_created" && e.data["session_kind"] == "agent").await;
    let session_id = found.session_id.unwrap();
    let line = start("in_pane").to_string();
    tmux.ok(&["send-keys", "-t", "work", "-l", &line]).await;
    tmux.ok(&["send-keys", "-t", "work", "Enter"]).await;
    let identified = events.until(|event| event.kind == "session_identified").await;
    assert_eq!(identified.session_id.as_ref(), Some(&session_id));
    let found = agents(&wk).await;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].external_id.as_deref(), Some("in_pane"));
    let parent = wk.session(found[0].parent_id.as_ref().unwrap()).view().await;
    assert_eq!(parent.kind, Kind::Tmux);
}

#[tokio::test]
async fn an_agent_that_ends_while_no_daemon_is_there_is_not_left_open() {
    let mut wk = TestDaemon::start().await;
    wk.expect_kills();
    let mut stays = Agent::start(&wk, &wk.work());
    let mut goes = Agent::start(&wk, &wk.work());
    stays.tell(&start("stays"));
    goes.tell(&start("goes"));
    stays.tell(&tool("PreToolUse", None, "t1"));
    until_taken(&wk).await;
    wk.kill().await;
    goes.tell(&tool("PreToolUse", None, "t2"));
    goes.kill();
    wk.ok(["daemon", "start"]).await;
    until_taken(&wk).await;
    stays.tell(&tool("PostToolUse", None, "t1"));
    let found = agents(&wk).await;
    assert_eq!(found.len(), 2, "{found:#?}");
    let by_id = |id: &str| found.iter().find(|one| one.external_id.as_deref() == Some(id)).unwrap();
    let gone = wk.session(&by_id("goes").session_id).ended().await;
    assert_eq!(gone.status, Some(Status::Failed));
    assert_eq!(by_id("stays").status, Some(Status::Running));
    until_taken(&wk).await;
    let journal = wk.journal().await;
    let finished = of_kind(&journal, "tool_finished")[0];
    assert_eq!(finished["session_id"].as_str(), Some(by_id("stays").session_id.as_str()));
    assert!(
        finished["data"]["duration_ms"].is_u64(),
        "its beginning is in the journal: {finished}"
    );
    stays.leave();
}

#[tokio::test]
async fn subagents_are_sessions_below_their_agent_and_end_with_it() {
    let wk = TestDaemon::start().await;
    let mut agent = Agent::start(&wk, &wk.work());
    let sub = |event: &str, id: &str| json!({"hook_event_name": event, "session_id": "s1", "agent_id": id, "agent_type": "Explore"});
    agent.tell(&start("s1"));
    agent.tell(&sub("SubagentStart", "a1"));
    agent.tell(&sub("SubagentStart", "a2"));
    let mut use_of_tool = sub("PreToolUse", "a1");
    use_of_tool["tool_name"] = json!("Grep");
    agent.tell(&use_of_tool);
    use_of_tool["hook_event_name"] = json!("PostToolUse");
    // The agent knows how long a person was waited for.
    use_of_tool["duration_ms"] = json!(5);
    agent.tell(&use_of_tool);
    agent.tell(&sub("SubagentStop", "a1"));
    until_taken(&wk).await;
    let found = agents(&wk).await;
    let by_id = |id: &str| found.iter().find(|one| one.external_id.as_deref() == Some(id)).unwrap();
    let (main, first, second) = (by_id("s1"), by_id("a1"), by_id("a2"));
    assert_eq!(first.parent_id.as_ref(), Some(&main.session_id));
    assert_eq!(first.status, Some(Status::Completed));
    assert_eq!(second.status, Some(Status::Running));
    let tools = wk.ok(["tools", &first.session_id, "--format", "csv"]).await;
    assert!(tools.contains("Grep,1,0,0,0,0,0,0.005,"), "the agent's own number: {tools}");
    assert!(wk.ok(["timeline", &first.session_id]).await.contains("Grep"));
    assert!(!wk.ok(["tools", &second.session_id]).await.contains("Grep"));
    agent.leave();
    assert!(wk.session(&second.session_id).ended().await.end_time.is_some());
    assert_eq!(wk.session(&main.session_id).ended().await.exit_code, Some(0));
}

#[tokio::test]
async fn an_end_that_the_agent_tells_is_one_even_if_its_caller_lives_on() {
    let wk = TestDaemon::start().await;
    hook(&wk, &start("s1"));
    hook(&wk, &json!({"hook_event_name": "SessionEnd", "session_id": "s1", "reason": "other"}));
    until_taken(&wk).await;
    let ended = wk.session(&agents(&wk).await[0].session_id).ended().await;
    assert_eq!(ended.status, Some(Status::Completed));
    // A late word finds the session that has ended, and a new start makes another.
    hook(&wk, &tool("PostToolUse", Some("s1"), "late"));
    until_taken(&wk).await;
    assert_eq!(agents(&wk).await.len(), 1);
    hook(&wk, &start("s1"));
    until_taken(&wk).await;
    assert_eq!(agents(&wk).await.len(), 2);
}

#[tokio::test]
async fn a_shell_that_tells_of_itself_is_a_session_until_its_process_ends() {
    let wk = TestDaemon::start().await;
    let hook = hook_program();
    let hook = hook.display();
    let script = format!(
        "{hook} --shell start --type bash; {hook} --shell command --type bash --command 'make all' \
         --code 2 --duration 15; echo ready; read line"
    );
    let mut shell = wk.command("sh");
    let mut shell =
        shell.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut ready = [0; 6];
    std::io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut ready).unwrap();
    until_taken(&wk).await;
    let sessions = wk.sessions().await;
    let tracked = sessions.iter().find(|one| one.kind == Kind::Shell).unwrap();
    assert_eq!((tracked.pid, tracked.shell_type.as_deref()), (Some(shell.id()), Some("bash")));
    let journal = wk.journal().await;
    let command = of_kind(&journal, "shell_command")[0];
    assert_eq!(command["session_id"].as_str(), Some(tracked.session_id.as_str()));
    assert_eq!(command["data"], json!({"command": "make all", "exit_code": 2, "duration_ms": 15}));
    drop(shell.stdin.take());
    shell.wait().unwrap();
    assert!(wk.session(&tracked.session_id).ended().await.end_time.is_some());
}

#[tokio::test]
async fn whatever_is_sent_is_borne_and_nothing_is_said() {
    let wk = TestDaemon::start().await;
    let deep = format!("{{\"session_id\":\"deep\",\"x\":{}", "[".repeat(100_000));
    let long_id = json!({"session_id": "x".repeat(1 << 20), "hook_event_name": "Stop"}).to_string();
    let big = json!({"session_id": "big", "hook_event_name": "PreToolUse", "tool_name": "Write",
        "tool_input": {"content": "y".repeat(10 << 20)}, "tool_use_id": "last"})
    .to_string();
    let hostile: Vec<&[u8]> = vec![
        b"",
        b"not JSON",
        b"{\"session_id\":\"half\",\"hook_event_name\":\"PreTool",
        b"{\"session_id\":[],\"hook_event_name\":{}}",
        b"{\"session_id\":\"../../etc\",\"hook_event_name\":\"Stop\"}",
        b"{\"session_id\":\"a\\nb\",\"hook_event_name\":\"Stop\"}",
        b"{\"session_id\":\"a\\u0000b\",\"hook_event_name\":\"Stop\"}",
        b"\0\0\xff\xfe",
        b"{\"hook_event_name\":\"BrandNewEvent\",\"session_id\":\"new\"}",
        deep.as_bytes(),
        long_id.as_bytes(),
        big.as_bytes(),
    ];
    for payload in &hostile {
        hook_in(&wk, &wk.work(), payload);
    }
    let folder = wk.state().join("hooks");
    fs::write(folder.join("0000000000000001-5b1f0b6e.hook"), "wkhook 1 x\n").unwrap();
    until_taken(&wk).await;
    assert_eq!(fs::read_dir(folder.join("bad")).unwrap().count(), 1);
    let journal = wk.journal().await;
    let told = journal.iter().filter(|event| {
        event["source"].as_str().is_some_and(|source| source.starts_with("hooks/"))
    });
    assert_eq!(told.count(), hostile.len());
    let large = of_kind(&journal, "tool_started")[0];
    assert_eq!(large["data"]["tool_use_id"], "last", "what stands behind it is kept");
    assert!(large.to_string().len() < 200_000);
    assert_eq!(large["data"]["payload_bytes"], big.len(), "the full length is noted");
    let ids: Vec<_> = agents(&wk).await.into_iter().filter_map(|one| one.external_id).collect();
    assert!(ids.iter().all(|id| !id.contains(['/', '\n', '\0']) && id.len() < 300), "{ids:?}");
    assert!(wk.status().await.pid > 0);
}

#[tokio::test]
async fn a_hook_is_harmless_where_nothing_works() {
    let wk = TestDaemon::new();
    let payload = start("s1").to_string();
    let mut bare = Command::new(hook_program());
    bare.arg("claude").env_clear().current_dir("/");
    bare.env("WK_STATE_DIR", "/proc/nowhere").env("WK_RUNTIME_DIR", "/proc/nowhere");
    bare.env("WK_HOOKS_SESSION_FILE_DIR", "/proc/nowhere");
    bare.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    feed(bare, payload.as_bytes());
    let mut full = call(&wk, "claude");
    full.env("WK_STATE_DIR", "/dev/full").env("WK_RUNTIME_DIR", "/dev/full");
    feed(full, payload.as_bytes());
    let mut limited = wk.command("sh");
    let script = format!("ulimit -f 0; exec {} claude", hook_program().display());
    limited.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
    feed(limited, payload.as_bytes());
    let mut debug = call(&wk, "claude");
    debug.env("WK_STATE_DIR", "/proc/nowhere").env("HOOK_DEBUG", "true");
    let mut child = debug.spawn().unwrap();
    child.stdin.take().unwrap().write_all(payload.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("wk-hook: "), "it was asked for");
}

#[tokio::test]
async fn codex_tells_by_an_argument_and_its_stdin_is_left_alone() {
    let wk = TestDaemon::start().await;
    let mut events = wk.events().await;
    let mut command = call(&wk, "codex");
    command.arg(r#"{"type":"agent-turn-complete","thread-id":"t-1","turn-id":"7"}"#);
    // Nobody closes it: a hook that read it would not end.
    let mut child = command.spawn().unwrap();
    let stdin = child.stdin.take();
    assert!(child.wait_with_output().unwrap().status.success());
    drop(stdin);
    let told = events.until(|event| event.kind == "hook").await;
    assert_eq!(told.data["event"], "agent-turn-complete");
    let session = wk.session(&told.session_id.unwrap()).view().await;
    assert_eq!(
        (session.external_id.as_deref(), session.agent_id.as_deref()),
        (Some("t-1"), Some("codex"))
    );
}

#[tokio::test]
async fn the_session_file_is_there_when_the_hook_returns() {
    let wk = TestDaemon::new();
    let (a, b) = (wk.path().join("a/same"), wk.path().join("b/same"));
    for (folder, id) in [(&a, "sess_a"), (&b, "sess_b")] {
        fs::create_dir_all(folder.join(".git")).unwrap();
        hook_in(&wk, folder, start(id).to_string().as_bytes());
        let plain = fs::read_to_string(wk.path().join("claude_session_same")).unwrap();
        assert_eq!(plain.lines().next(), Some(id));
    }
    let ask = async |folder: &Path, words: &[&str]| {
        let mut command = wk.call([&["session-id"], words].concat());
        command.current_dir(folder).env("WK_NO_AUTOSTART", "1");
        Outcome::of(command).await.ok().trim().to_owned()
    };
    assert_eq!(ask(&a, &[]).await, "sess_a");
    assert_eq!(ask(&b.join(".git"), &[]).await, "sess_b");
    assert_eq!(ask(&wk.work(), &[]).await, "unknown");
    assert_eq!(ask(&wk.work(), &["--project", a.to_str().unwrap()]).await, "sess_a");
    assert_eq!(ask(&a, &["--store", "by_hand"]).await, "");
    assert_eq!(ask(&a, &[]).await, "by_hand");
    assert!(ask(&a, &["--cleanup"]).await.starts_with("removed 0"));
    let bad = wk.wk(["session-id", "--store", "../etc"]).await;
    assert_eq!((bad.code, bad.text().as_str()), (1, ""));
}
