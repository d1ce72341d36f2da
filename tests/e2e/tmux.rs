//! tmux sessions that others started: seen, never touched, and never declared dead alive.

use rustix::process::Signal;
use serde_json::{Value, json};
use wk_api::{EventView, SessionView, TmuxServerView};
use wk_model::{Kind, Phase, Status};
use wk_tests::{Events, TestDaemon, Tmux};

/// Looks at servers are quick here.
const QUICK: &str = "[tmux]\nhealth_interval = \"200ms\"\n";

/// Waits until a tmux session of this name is seen; answers its id with us.
async fn seen(events: &mut Events, name: &str) -> String {
    let named =
        |event: &EventView| event.kind == "session_created" && event.data["tmux"]["name"] == name;
    let created = events.until(named).await;
    assert_eq!(created.data["session_kind"], "tmux");
    assert_eq!(created.data["watched"], true);
    created.session_id.expect("it is of a session")
}

async fn kinds(wk: &TestDaemon, kind: &str) -> Vec<Value> {
    wk.journal().await.into_iter().filter(|event| event["kind"] == kind).collect()
}

async fn servers(wk: &TestDaemon) -> Vec<TmuxServerView> {
    serde_json::from_str(&wk.ok(["tmux", "--format", "json"]).await).unwrap()
}

#[tokio::test]
async fn a_renamed_session_goes_by_its_new_name_while_it_lives_and_afterwards() {
    let wk = TestDaemon::new();
    let Some(mut tmux) = Tmux::new(&wk) else { return };
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    tmux.session("one", "exec sleep 1000").await;
    let id = seen(&mut events, "one").await;
    tmux.ok(&["rename-session", "-t", "one", "uno"]).await;
    events.until_kind(&id, "session_renamed").await;

    let taken = wk.wk(["run", "-d", "--name", "uno", "true"]).await.failed(1);
    assert!(taken.contains("the name `uno` belongs to a living session"), "{taken}");
    wk.ok(["run", "-d", "--name", "one", "true"]).await;

    tmux.session("other", "cat").await;
    tmux.ok(&["kill-session", "-t", "uno"]).await;
    events.until_kind(&id, "session_closed").await;
    assert!(wk.ok(["show", "uno"]).await.contains(&id));
    assert!(!wk.ok(["show", "one"]).await.contains(&id));
}

#[tokio::test]
async fn a_session_is_followed_from_its_birth_to_its_end() {
    let wk = TestDaemon::new();
    let Some(mut tmux) = Tmux::new(&wk) else { return };
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    tmux.session("one", "exec sleep 1000").await;
    let id = seen(&mut events, "one").await;
    let view = wk.session(&id).view().await;
    assert_eq!((view.kind, view.status), (Kind::Tmux, Some(Status::Running)));
    assert_eq!((view.name.as_deref(), view.external_id.as_deref()), (Some("one"), Some("$0")));
    assert!(view.pid.is_some() && view.recording.is_none(), "{view:?}");
    assert_eq!(view.tmux.as_ref().unwrap()["server"], tmux.server().pid());

    tmux.ok(&["rename-session", "-t", "one", "uno"]).await;
    let renamed = events.until_kind(&id, "session_renamed").await;
    assert_eq!(renamed.data["name"], "uno");
    assert_eq!(wk.session(&id).view().await.name.as_deref(), Some("uno"));
    assert!(wk.ok(["ls", "--kind", "tmux"]).await.contains("uno"));

    tmux.ok(&["new-window", "-d", "-t", "uno", "sleep 1001"]).await;
    let windows = |count: usize| {
        let id = id.clone();
        move |event: &EventView| {
            event.kind == "tmux_layout_changed"
                && event.session_id.as_deref() == Some(&id)
                && event.data["windows"].as_array().is_some_and(|w| w.len() == count)
        }
    };
    events.until(windows(2)).await;
    tmux.ok(&["split-window", "-d", "-t", "uno:1", "sleep 1002"]).await;
    let panes = |event: &EventView| event.data["windows"][1]["panes"][1].is_object();
    let layout = events.until(|e| windows(2)(e) && panes(e)).await;
    let pane = &layout.data["windows"][1]["panes"][1];
    assert_eq!(pane["start_command"], "\"sleep 1002\"");
    assert_eq!(wk.session(&id).view().await.command, ["sleep", "1000"]);

    tmux.session("other", "cat").await;
    let other = seen(&mut events, "other").await;
    tmux.ok(&["kill-session", "-t", "uno"]).await;
    events.until_kind(&id, "session_closed").await;
    let view = wk.session(&id).view().await;
    assert_eq!((view.phase, view.signal), (Phase::Ended, Some(1)), "{view:?}");
    assert_eq!(wk.session(&other).view().await.status, Some(Status::Running));
    assert_eq!(kinds(&wk, "session_created").await.len(), 2);
}

#[tokio::test]
async fn a_session_whose_user_left_has_completed() {
    let wk = TestDaemon::new();
    let Some(mut tmux) = Tmux::new(&wk) else { return };
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    tmux.session("stays", "cat").await;
    tmux.session("leaves", "sh").await;
    let id = seen(&mut events, "leaves").await;
    tmux.ok(&["send-keys", "-t", "leaves", "exit 3", "Enter"]).await;
    events.until_kind(&id, "session_closed").await;
    let view = wk.session(&id).view().await;
    assert_eq!((view.status, view.exit_code), (Some(Status::Completed), Some(3)), "{view:?}");
}

#[tokio::test]
async fn the_end_of_a_server_is_the_end_of_its_sessions_and_of_no_others() {
    let wk = TestDaemon::new();
    let (Some(mut one), Some(mut two), Some(mut stays)) =
        (Tmux::named(&wk, "wk-one"), Tmux::named(&wk, "wk-two"), Tmux::named(&wk, "wk-stays"))
    else {
        return;
    };
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    one.session("a", "cat").await;
    one.session("b", "cat").await;
    two.session("c", "cat").await;
    stays.session("d", "cat").await;
    let (a, b) = (seen(&mut events, "a").await, seen(&mut events, "b").await);
    let mut events = wk.events().await;
    let c = seen(&mut events, "c").await;
    let mut events = wk.events().await;
    let d = seen(&mut events, "d").await;

    one.server().kill();
    let gone = events.until(|event| event.kind == "tmux_server_gone").await;
    assert_eq!(gone.data["signal"], 9);
    let mut died: Vec<_> = gone.data["sessions"].as_array().unwrap().clone();
    died.sort_by_key(Value::to_string);
    let mut want = [json!(a), json!(b)];
    want.sort_by_key(Value::to_string);
    assert_eq!(died, want);
    wk.session(&a).ended().await;
    wk.session(&b).ended().await;

    two.ok(&["kill-server"]).await;
    let gone = events.until(|event| event.kind == "tmux_server_gone").await;
    assert_eq!((&gone.data["exit_code"], &gone.data["sessions"]), (&json!(0), &json!([c])));
    wk.session(&c).ended().await;
    assert_eq!(wk.session(&d).view().await.status, Some(Status::Running));
}

#[tokio::test]
async fn a_server_that_is_stopped_is_not_dead() {
    let wk = TestDaemon::new();
    wk.configure(QUICK);
    let Some(mut tmux) = Tmux::new(&wk) else { return };
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    tmux.session("one", "cat").await;
    let id = seen(&mut events, "one").await;
    let silent =
        |event: &EventView| event.kind == "tmux_health" && event.data["sessions"].is_null();
    let answers = |event: &EventView| event.kind == "tmux_health" && event.data["sessions"] == 1;
    events.until(answers).await;
    tmux.server().signal(Signal::STOP);
    events.until(silent).await;
    let server = servers(&wk).await.remove(0);
    assert!(server.watched && server.reachable && !server.answers, "{server:?}");
    assert!(wk.ok(["tmux"]).await.contains("does not answer"));
    assert_eq!(wk.session(&id).view().await.phase, Phase::Running);
    tmux.server().signal(Signal::CONT);
    events.until(answers).await;
    tmux.session("two", "cat").await;
    seen(&mut events, "two").await;
    assert_eq!(kinds(&wk, "attempt_exited").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_server_whose_socket_vanished_is_unreachable_until_it_is_repaired() {
    let wk = TestDaemon::new();
    let Some(mut tmux) = Tmux::new(&wk) else { return };
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    tmux.session("one", "cat").await;
    let id = seen(&mut events, "one").await;
    std::fs::remove_file(tmux.socket()).unwrap();
    let lost = events.until_kind(&id, "session_unreachable").await;
    assert!(lost.data["why"].as_str().unwrap().contains("socket was removed"), "{lost:?}");
    let view = wk.session(&id).view().await;
    assert_eq!((view.phase, view.status), (Phase::Lost, Some(Status::Running)));
    assert!(view.health.conditions.contains(&"unreachable".to_owned()));
    let told = wk.ok(["tmux"]).await;
    assert!(told.contains("unreachable"), "{told}");

    // The next daemon knows it all the same.
    wk.kill().await;
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    let repaired = wk.ok(["tmux", "repair"]).await;
    assert!(repaired.contains("leads to its server again"), "{repaired}");
    events.until_kind(&id, "session_repaired").await;
    assert_eq!(tmux.ok(&["list-sessions", "-F", "#{session_name}"]).await.trim(), "one");
    assert_eq!(wk.session(&id).view().await.phase, Phase::Running);
    assert!(wk.ok(["tmux", "repair"]).await.contains("nothing to repair"));
    assert_eq!(kinds(&wk, "attempt_exited").await, Vec::<Value>::new());
    assert_eq!(kinds(&wk, "session_created").await.len(), 1);
}

#[tokio::test]
async fn a_vanished_socket_is_repaired_unasked_where_the_settings_say_so() {
    let wk = TestDaemon::new();
    wk.configure("[tmux]\nrepair = \"auto\"\n");
    let Some(mut tmux) = Tmux::new(&wk) else { return };
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    tmux.session("one", "cat").await;
    let id = seen(&mut events, "one").await;
    // The folder goes too, as a tidy user may have it.
    std::fs::rename(tmux.socket().parent().unwrap(), wk.work().join("gone")).unwrap();
    events.until_kind(&id, "session_unreachable").await;
    events.until_kind(&id, "session_repaired").await;
    assert_eq!(tmux.ok(&["list-sessions", "-F", "#{session_name}"]).await.trim(), "one");
}

#[tokio::test]
async fn a_socket_that_another_server_has_taken_is_not_taken_back() {
    let wk = TestDaemon::new();
    let (Some(mut first), Some(mut second)) = (Tmux::new(&wk), Tmux::new(&wk)) else { return };
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    first.session("first", "cat").await;
    let id = seen(&mut events, "first").await;
    std::fs::remove_file(first.socket()).unwrap();
    second.session("second", "cat").await;
    let other = seen(&mut events, "second").await;
    wk.events().await.until_kind(&id, "session_unreachable").await;
    let socket = first.socket();
    let refused = wk.wk(["tmux", "repair", socket.to_str().unwrap()]).await.failed(1);
    assert!(refused.contains("belongs to another tmux server"), "{refused}");
    assert_eq!(wk.session(&other).view().await.phase, Phase::Running);
    assert_eq!(wk.session(&id).view().await.phase, Phase::Lost);
    assert!(first.server().is_alive());
}

#[tokio::test]
async fn the_next_daemon_goes_on_where_a_killed_one_was() {
    let mut wk = TestDaemon::new();
    wk.expect_trouble();
    let Some(mut tmux) = Tmux::new(&wk) else { return };
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    tmux.session("stays", "cat").await;
    let stays = seen(&mut events, "stays").await;
    tmux.session("ends", "cat").await;
    let ends = seen(&mut events, "ends").await;
    events.until_kind(&ends, "tmux_layout_changed").await;
    wk.kill().await;
    tmux.ok(&["kill-session", "-t", "ends"]).await;
    tmux.ok(&["rename-session", "-t", "stays", "bleibt"]).await;
    tmux.session("comes", "cat").await;
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    let renamed = events.until_kind(&stays, "session_renamed").await;
    assert_eq!(renamed.data["name"], "bleibt");
    let mut events = wk.events().await;
    let exited = events.until_kind(&ends, "attempt_exited").await;
    assert_eq!(exited.data["ending"], json!({"how": "gone"}));
    let mut events = wk.events().await;
    seen(&mut events, "comes").await;
    for (kind, count) in [
        ("session_created", 3),
        ("attempt_started", 3),
        ("attempt_exited", 1),
        ("session_closed", 1),
        ("tmux_server_seen", 1),
        ("tmux_layout_changed", 3),
    ] {
        assert_eq!(kinds(&wk, kind).await.len(), count, "{kind}");
    }
    // And one that was away when the whole server ended.
    wk.kill().await;
    tmux.server().kill();
    tmux.server().ended().await;
    wk.ok(["daemon", "start"]).await;
    wk.session(&stays).ended().await;
    assert_eq!(kinds(&wk, "tmux_server_gone").await.len(), 1);
    assert_eq!(kinds(&wk, "attempt_exited").await.len(), 3);
}

#[tokio::test]
async fn a_watcher_cannot_be_seen_and_keeps_nothing_alive() {
    let wk = TestDaemon::new();
    wk.configure(QUICK);
    let Some(mut tmux) = Tmux::new(&wk) else { return };
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    tmux.session("one", "cat").await;
    let one = seen(&mut events, "one").await;
    tmux.session("two", "cat").await;
    let two = seen(&mut events, "two").await;
    events.until(|event| event.kind == "tmux_health").await;
    assert_eq!(tmux.ok(&["list-clients"]).await, "");
    let attached = tmux.ok(&["list-sessions", "-F", "#{session_attached}"]).await;
    assert_eq!(attached, "0\n0\n");
    let size = tmux.ok(&["display-message", "-p", "-t", "one", "#{window_width}x#{window_height}"]);
    assert_eq!(size.await.trim(), "80x24");
    for scope in ["-s", "-g", "-gw"] {
        let options = tmux.ok(&["show-options", scope]).await;
        assert!(!options.contains("wk"), "{options}");
    }
    // One that is to go when nobody is attached goes, watched or not.
    tmux.ok(&["set-option", "-t", "one", "destroy-unattached", "on"]).await;
    events.until_kind(&one, "session_closed").await;
    // And the server goes with its last session.
    tmux.ok(&["kill-session", "-t", "two"]).await;
    events.until_kind(&two, "session_closed").await;
    tmux.server().ended().await;
}

#[tokio::test]
async fn names_of_any_bytes_are_only_names() {
    let wk = TestDaemon::new();
    let Some(mut tmux) = Tmux::new(&wk) else { return };
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    let (rm, line) = ("; rm -rf ~", "a\\nb #{pid} 漢字 $(id)");
    tmux.session(rm, "cat").await;
    let id = seen(&mut events, rm).await;
    assert_eq!(wk.session(&id).view().await.name, None, "no name of ours");
    assert!(wk.ok(["ls"]).await.contains("; rm -rf ~"));
    tmux.ok(&["rename-session", "-t", "$0", line]).await;
    let renamed = events.until_kind(&id, "session_renamed").await;
    let told = tmux.ok(&["display-message", "-p", "#{session_name}"]).await;
    assert_eq!(renamed.data["name"], told.trim_end_matches('\n'));
    let odd = wk.work().join("new\nline\ttab; $(id)");
    std::fs::create_dir(&odd).unwrap();
    tmux.ok(&["new-window", "-d", "-n", "s2:$0\u{7f}", "-c", odd.to_str().unwrap(), "cat"]).await;
    let changed = |event: &EventView| {
        event.kind == "tmux_layout_changed" && event.data["windows"][1].is_object()
    };
    let layout = events.until(changed).await;
    let pane = &layout.data["windows"][1]["panes"][0];
    assert_eq!(pane["working_directory"], odd.to_str().unwrap());
    // One with the name of a session of ours does not take it.
    wk.run(["--name", "mine", "--", "cat"]).await;
    tmux.session("mine", "cat").await;
    let other = seen(&mut events, "mine").await;
    assert_eq!(wk.session(&other).view().await.name, None);
    assert!(wk.ok(["show", "mine"]).await.contains("command"));
}

/// With a control client in the server, tmux crashed.
#[tokio::test]
async fn a_session_that_ends_right_after_a_window_was_selected_takes_no_server_with_it() {
    let wk = TestDaemon::new();
    let Some(mut tmux) = Tmux::new(&wk) else { return };
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    tmux.session("stays", "cat").await;
    let stays = seen(&mut events, "stays").await;
    for name in ["one", "two", "three"] {
        tmux.session(name, "cat").await;
        let ends = seen(&mut events, name).await;
        let second = format!("{name}:1");
        tmux.ok(&["new-window", "-d", "-t", name, "cat"]).await;
        tmux.ok(&["select-window", "-t", &second, ";", "kill-session", "-t", name]).await;
        events.until_kind(&ends, "session_closed").await;
    }
    assert_eq!(wk.session(&stays).view().await.status, Some(Status::Running));
    assert_eq!(tmux.ok(&["list-sessions", "-F", "#{session_name}"]).await.trim(), "stays");
}

#[tokio::test]
async fn what_a_pane_shows_can_be_seen_from_outside() {
    let wk = TestDaemon::new();
    let Some(mut tmux) = Tmux::new(&wk) else { return };
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    let print = "seq 100; printf '\\033[1mbold\\033[0m'; tmux wait-for -S shown; cat";
    tmux.session("one", print).await;
    tmux.ok(&["wait-for", "shown"]).await;
    let id = seen(&mut events, "one").await;
    let shown = wk.ok(["screen", &id]).await;
    assert!(shown.contains("100\nbold") && !shown.contains("\n7\n"), "{shown}");
    assert!(wk.ok(["screen", "--ansi", &id]).await.contains("\u{1b}[1mbold"));
    assert!(wk.ok(["screen", "--history", &id]).await.starts_with("1\n2\n"));
    tmux.server().kill();
    wk.session(&id).ended().await;
    wk.wk(["screen", &id]).await.failed(1);
}

#[tokio::test]
async fn a_name_as_long_as_tmux_takes_is_only_a_name() {
    let wk = TestDaemon::new();
    let Some(mut tmux) = Tmux::new(&wk) else { return };
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    let name = "x".repeat(12_000);
    tmux.session(&name, "cat").await;
    let id = seen(&mut events, &name).await;
    tmux.ok(&["rename-window", "-t", "$0", &name]).await;
    tmux.ok(&["rename-session", "-t", "$0", "short"]).await;
    events.until_kind(&id, "session_renamed").await;
    assert!(wk.ok(["ls"]).await.contains("short"));
}

#[tokio::test]
async fn a_watched_session_is_ended_only_if_somebody_insists() {
    let wk = TestDaemon::new();
    let Some(mut tmux) = Tmux::new(&wk) else { return };
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    tmux.session("one", "cat").await;
    tmux.session("two", "cat").await;
    let id = seen(&mut events, "one").await;
    let refused = wk.wk(["stop", &id]).await.failed(1);
    assert!(refused.contains("--force"), "{refused}");
    for words in [["send", &id, "text"], ["restart", &id, "--grace=1s"], ["signal", &id, "TERM"]] {
        let refused = wk.wk(words).await.failed(1);
        assert!(refused.contains("not started by Watchkeeper"), "{words:?}: {refused}");
    }
    wk.wk(["stop", "--all"]).await;
    assert_eq!(wk.session(&id).view().await.status, Some(Status::Running));
    wk.ok(["stop", "--force", &id]).await;
    events.until_kind(&id, "session_closed").await;
    assert_eq!(wk.session(&id).view().await.status, Some(Status::Cancelled));
    assert_eq!(tmux.ok(&["list-sessions", "-F", "#{session_name}"]).await.trim(), "two");
}

#[tokio::test]
async fn an_agent_in_a_pane_is_a_session_of_its_own() {
    let wk = TestDaemon::new();
    wk.configure(QUICK);
    let Some(mut tmux) = Tmux::new(&wk) else { return };
    let script = wk.work().join("claude");
    std::fs::write(&script, "#!/bin/sh\nread line\nexit 4\n").unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, executable).unwrap();
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    tmux.session("one", "sh").await;
    let parent = seen(&mut events, "one").await;
    let line = format!("{} --token=ghp_0123456789abcdefghijklmnopqrstuvwxyz", script.display());
    tmux.ok(&["send-keys", "-t", "one", &line, "Enter"]).await;
    let is_agent = |event: &EventView| {
        event.kind == "session_created" && event.data["session_kind"] == "agent"
    };
    let created = events.until(is_agent).await;
    assert_eq!(created.data["parent_id"], parent);
    assert!(!created.data["command"].to_string().contains("ghp_0123"), "{created:?}");
    let agent = created.session_id.unwrap();
    wk.kill().await;
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    tmux.ok(&["send-keys", "-t", "one", "bye", "Enter"]).await;
    events.until_kind(&agent, "session_closed").await;
    let view: SessionView = wk.session(&agent).view().await;
    assert_eq!((view.exit_code, view.status), (Some(4), Some(Status::Failed)), "{view:?}");
    let agents = kinds(&wk, "session_created").await;
    assert_eq!(agents.iter().filter(|e| e["data"]["session_kind"] == "agent").count(), 1);
}

#[tokio::test]
async fn a_dead_session_is_brought_back_as_it_was() {
    let wk = TestDaemon::new();
    wk.configure(QUICK);
    let Some(mut tmux) = Tmux::new(&wk) else { return };
    wk.ok(["daemon", "start"]).await;
    let mut events = wk.events().await;
    let folder = wk.work().join("a b");
    std::fs::create_dir(&folder).unwrap();
    tmux.session("work; x", "sh").await;
    let id = seen(&mut events, "work; x").await;
    let words = ["new-window", "-d", "-n", "odd\\;", "-c", folder.to_str().unwrap(), "sleep 1000"];
    tmux.ok(&words).await;
    tmux.ok(&["split-window", "-d", "-t", ":1", "cat"]).await;
    let whole = |event: &EventView| event.data["windows"][1]["panes"][1].is_object();
    events.until(|event| event.kind == "tmux_layout_changed" && whole(event)).await;
    tmux.server().kill();
    wk.session(&id).ended().await;
    let planned = wk.ok(["tmux", "keep", "--last", "--dry-run"]).await;
    assert!(planned.contains("it ran: "), "{planned}");
    assert!(tmux.call(&["list-sessions"]).await.code != 0, "nothing was done");
    let mut events = wk.events().await;
    wk.ok(["tmux", "keep", &id]).await;
    let pid = tmux.ok(&["display-message", "-p", "#{pid}"]).await;
    let server = wk_tests::Watch::new(pid.trim().parse().unwrap());
    let format = "#{session_name}|#{window_index}|#{window_name}|#{pane_current_path}";
    let panes = tmux.ok(&["list-panes", "-a", "-F", format]).await;
    let again = |event: &EventView| {
        event.kind == "session_created"
            && event.data["tmux"]["name"] == "work; x"
            && event.session_id.as_deref() != Some(&id)
    };
    events.until(again).await;
    server.kill();
    let (work, folder) = (wk.work(), folder.display().to_string());
    assert_eq!(panes.lines().count(), 3, "{panes}");
    assert!(panes.contains(&format!("|odd;|{folder}")), "{panes}");
    assert!(panes.lines().next().unwrap().ends_with(work.to_str().unwrap()), "{panes}");
}
