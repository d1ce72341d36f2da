//! `wk stop`, `wk signal`, `wk send`, `wk rm`.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use wk_model::Status;
use wk_tests::{TestDaemon, Watch};

#[tokio::test]
async fn a_stop_asks_first_and_says_who_asked() {
    let wk = TestDaemon::start().await;
    let script = "trap 'echo asked; exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    let session = wk.run(["--name", "polite", "--", "sh", "-c", script]).await;
    session.until_shows("ready").await;
    assert!(wk.ok(["stop", "polite"]).await.contains(&session.id));
    let view = session.ended().await;
    // It ended well, but because it was asked to.
    assert_eq!((view.status, view.exit_code), (Some(Status::Cancelled), Some(0)));
    assert!(wk.ok(["logs", "polite"]).await.contains("asked"));
    let stopped = wk.events().await.until_kind(&session.id, "session_stopped").await;
    assert_eq!(stopped.data["by"]["client"], "wk");
    assert_eq!(stopped.data["by"]["uid"], rustix::process::getuid().as_raw());
    assert_eq!(stopped.data["grace_ms"], 10_000);
    let again = wk.wk(["stop", "polite"]).await;
    assert!(again.clone().failed(1).contains("has ended"), "{again}");
}

#[tokio::test]
async fn who_does_not_listen_is_killed_after_the_grace_with_all_descendants() {
    let wk = TestDaemon::start().await;
    let script = "trap '' TERM HUP INT; setsid sh -c 'echo left $$ here; exec sleep 1000' & \
                  while :; do sleep 1000; done";
    let session = wk.script(script).await;
    session.until_shows("here").await;
    let shown = session.screen().await;
    let pid = shown.split_whitespace().skip_while(|word| *word != "left").nth(1).unwrap();
    let descendant = Watch::new(pid.parse().unwrap());
    let begin = Instant::now();
    wk.ok(["stop", &session.id, "--grace", "300ms"]).await;
    let view = session.ended().await;
    assert_eq!((view.status, view.signal), (Some(Status::Cancelled), Some(9)));
    assert!(begin.elapsed() >= Duration::from_millis(300));
    descendant.ended().await;
}

#[tokio::test]
async fn many_are_stopped_by_label_or_all_at_once() {
    let wk = TestDaemon::start().await;
    let mut sessions = Vec::new();
    for team in ["x", "y", "x"] {
        sessions.push(wk.run(["-l", &format!("team={team}"), "--", "cat"]).await);
    }
    let told = wk.ok(["stop", "-l", "team=x"]).await;
    assert!(told.contains(&sessions[0].id) && told.contains(&sessions[2].id), "{told}");
    sessions[0].ended().await;
    sessions[2].ended().await;
    assert_eq!(sessions[1].view().await.status, Some(Status::Running));
    wk.ok(["stop", "--all"]).await;
    sessions[1].ended().await;
    let none = wk.wk(["stop", "--all"]).await;
    assert!(none.code == 0 && none.stderr.contains("no session"), "{none}");
    assert_eq!(wk.wk(["stop"]).await.code, 2);
    // One that is unknown does not save the others.
    let last = wk.run(["--", "cat"]).await;
    let outcome = wk.wk(["stop", "nobody", &last.id]).await;
    assert!(outcome.clone().failed(1).contains("nobody"), "{outcome}");
    last.ended().await;
}

#[tokio::test]
async fn signals_reach_the_command() {
    let wk = TestDaemon::start().await;
    let script =
        "trap 'echo usr1' USR1; trap 'echo winch' WINCH; echo ready; while :; do sleep 0.05; done";
    let session = wk.run(["--name", "hears", "--", "sh", "-c", script]).await;
    session.until_shows("ready").await;
    wk.ok(["signal", "hears", "USR1"]).await;
    session.until_shows("usr1").await;
    wk.ok(["signal", "hears", "sigwinch"]).await;
    session.until_shows("winch").await;
    let bad = wk.wk(["signal", "hears", "NOSUCH"]).await;
    assert!(bad.code != 0 && bad.stderr.contains("NOSUCH"), "{bad}");
    wk.ok(["signal", "hears", "9"]).await;
    let view = session.ended().await;
    assert_eq!((view.status, view.signal), (Some(Status::Failed), Some(9)));
}

#[tokio::test]
async fn a_stopped_command_is_alive_and_goes_on() {
    let wk = TestDaemon::start().await;
    let session = wk.run(["--name", "halted", "--", "cat"]).await;
    wk.ok(["signal", "halted", "STOP"]).await;
    wk.ok(["send", "halted", "kept", "--enter"]).await;
    assert_eq!(session.view().await.status, Some(Status::Running));
    wk.ok(["signal", "halted", "CONT"]).await;
    session.until_shows("kept\nkept").await;
    wk.ok(["signal", "halted", "STOP"]).await;
    wk.ok(["stop", "halted"]).await;
    assert_eq!(session.ended().await.signal, Some(Signal::TERM.as_raw()));
}

#[tokio::test]
async fn text_and_keys_are_typed() {
    let wk = TestDaemon::start().await;
    let session = wk
        .run([
            "--name",
            "typed",
            "--",
            "sh",
            "-c",
            "stty raw -echo; echo ready; exec od -An -tx1 -w1 -v",
        ])
        .await;
    session.until_shows("ready").await;
    wk.ok(["send", "typed", "aé", "--enter", "--key", "C-c", "--key", "Up", "--key", "M-x"]).await;
    session.until_shows("78").await;
    let shown = session.screen().await;
    let bytes: Vec<&str> = shown.split_whitespace().skip(1).collect();
    assert_eq!(bytes, ["61", "c3", "a9", "0d", "03", "1b", "5b", "41", "1b", "78"]);
    let bad = wk.wk(["send", "typed", "--key", "Entre"]).await.failed(1);
    assert!(bad.contains("`Entre` is not a key"), "{bad}");
    assert_eq!(wk.wk(["send", "typed"]).await.code, 2);
}

#[tokio::test]
async fn what_is_removed_is_gone_but_remembered() {
    let wk = TestDaemon::start().await;
    let session = wk.run(["--name", "gone", "--", "sh", "-c", "echo hello; read x"]).await;
    session.until_shows("hello").await;
    let alive = wk.wk(["rm", "gone"]).await.failed(1);
    assert!(alive.contains("lives") && alive.contains("wk stop"), "{alive}");
    wk.ok(["stop", "gone"]).await;
    session.ended().await;
    assert!(wk.session_folder(&session.id).exists());
    wk.ok(["rm", "gone"]).await;
    assert!(!wk.session_folder(&session.id).exists());
    for verb in [&["show", "gone"][..], &["logs", &session.id], &["rm", "gone"]] {
        assert!(wk.wk(verb).await.failed(1).contains("no session"), "{verb:?}");
    }
    assert!(!wk.ok(["ls", "--all"]).await.contains(&session.id));
    let journal = wk.journal().await;
    let kinds = |id: &str| -> Vec<String> {
        let own = journal.iter().filter(|event| event["session_id"] == id);
        own.map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
    };
    let moves: Vec<String> =
        kinds(&session.id).into_iter().filter(|kind| kind != "verdict_reached").collect();
    assert_eq!(moves.last().unwrap(), "session_removed");
    assert!(kinds(&session.id).contains(&"session_created".to_owned()));
    // The name is free, and a rebuild does not bring the old one back.
    wk.run(["--name", "gone", "--", "cat"]).await;
    assert_eq!(wk.wk(["doctor", "--rebuild"]).await.code, 0);
    assert_eq!(wk.sessions().await.len(), 1);
}

#[tokio::test]
async fn a_time_limit_ends_the_whole_tree() {
    let wk = TestDaemon::start().await;
    let words = [
        "--timeout",
        "200ms",
        "--grace",
        "100ms",
        "--",
        "sh",
        "-c",
        "trap '' TERM HUP; sleep 1000 & wait; wait",
    ];
    let session = wk.run(words).await;
    let view = session.ended().await;
    assert_eq!(view.status, Some(Status::Timeout));
    assert_eq!(view.limits.time.map(|limit| limit.value), Some(200));
    assert_eq!(wk.wk(["wait", &session.id]).await.code, 124);
}
