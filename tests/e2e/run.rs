//! `wk run` in a script: a filter with the command's exit code, in the caller's world.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt, process::CommandExt},
    process::Stdio,
    thread::{self, JoinHandle},
};

use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use wk_model::{Phase, Status};
use wk_tests::{Outcome, TestDaemon, Watch, within};

#[tokio::test]
async fn the_exit_code_is_the_commands() {
    let wk = TestDaemon::start().await;
    for (script, want) in [
        ("exit 0", 0),
        ("exit 3", 3),
        ("exit 255", 255),
        ("kill -KILL $$", 137),
        ("kill -TERM $$", 143),
        ("nosuch", 127),
    ] {
        let outcome = wk.wk(["run", "--", "sh", "-c", script]).await;
        assert_eq!(outcome.code, want, "{script}: {outcome}");
    }
    assert_eq!(wk.wk(["run", "--timeout", "50ms", "--", "sleep", "60"]).await.code, 124);
    let statuses: Vec<_> = wk.sessions().await.iter().map(|view| view.status).collect();
    assert_eq!(statuses[0], Some(Status::Timeout));
    assert_eq!(statuses[6], Some(Status::Completed));
    assert_eq!(statuses[1..6], [Some(Status::Failed); 5]);
}

#[tokio::test]
async fn what_cannot_be_run_is_said_as_a_shell_would() {
    let wk = TestDaemon::start().await;
    let text = wk.work().join("text");
    fs::write(&text, "no program").unwrap();
    fs::set_permissions(&text, fs::Permissions::from_mode(0o644)).unwrap();
    for (words, code, want) in [
        (vec!["no-such-command"], 127, "`no-such-command`"),
        (vec!["./missing"], 127, "`./missing`"),
        (vec!["./text"], 126, "`./text`"),
        (vec!["/"], 126, "`/`"),
    ] {
        for detach in [&["--"][..], &["-d", "--"]] {
            let words = [&["run"], detach, &words[..]].concat();
            let outcome = wk.wk(&words).await;
            assert_eq!(outcome.code, code, "{outcome}");
            assert!(
                outcome.stderr.contains(want) && outcome.stderr.starts_with("wk: "),
                "{outcome}"
            );
            assert_eq!(outcome.text(), "");
        }
    }
    let missing = wk.wk(["run", "--cwd", "/no/such/folder", "--", "true"]).await;
    assert!(missing.clone().failed(1).contains("`/no/such/folder`"), "{missing}");
    let view = &wk.sessions().await[0];
    assert_eq!((view.phase, view.exit_code), (Phase::Ended, Some(126)));
    assert!(view.error.as_deref().is_some_and(|error| error.contains("`/`")), "{view:?}");
}

#[tokio::test]
async fn it_is_a_filter_with_stderr_apart() {
    let wk = TestDaemon::start().await;
    let script = "cat; echo to stderr >&2; echo after the end";
    let outcome = Outcome::fed(wk.call(["run", "--", "sh", "-c", script]), b"one\ntwo\n").await;
    assert_eq!(outcome.text(), "one\ntwo\nafter the end\n");
    assert_eq!(outcome.stderr, "to stderr\n");
    assert_eq!(outcome.code, 0);
    // Bytes, not text; and nothing is a terminal.
    let bytes = b"\xff\xfe\0\r\n\x1b[31m\x1c";
    assert_eq!(Outcome::fed(wk.call(["run", "--", "cat"]), bytes).await.stdout, bytes);
    let tests = "for f in 0 1 2; do test -t $f && echo terminal $f; done; echo done";
    assert_eq!(wk.ok(["run", "--", "sh", "-c", tests]).await, "done\n");
}

fn noise(length: usize) -> Vec<u8> {
    let mut bits = 1_u64;
    std::iter::repeat_with(|| {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (bits >> 56) as u8
    })
    .take(length)
    .collect()
}

#[tokio::test]
async fn ten_megabytes_go_in_and_come_out() {
    let wk = TestDaemon::start().await;
    let input = noise(10 << 20);
    let outcome = Outcome::fed(wk.call(["run", "--", "cat"]), &input).await;
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(outcome.stdout.len(), input.len());
    assert!(outcome.stdout == input, "bytes differ");
}

#[tokio::test]
async fn signals_are_passed_on_and_the_command_decides() {
    let wk = TestDaemon::start().await;
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let script = "trap 'echo heard; exit 5' INT TERM HUP; sleep 1000 & echo ready; wait";
        let mut command = wk.call(["run", "--", "sh", "-c", script]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        let process = Watch::new(child.id());
        process.signal(signal);
        process.ended().await;
        assert_eq!(lines.next().unwrap().unwrap(), "heard", "{signal:?}");
        assert_eq!(child.wait().unwrap().code(), Some(5), "{signal:?}");
    }
}

#[tokio::test]
async fn nobody_reading_the_output_ends_it() {
    let wk = TestDaemon::start().await;
    let mut command = wk.call(["run", "--name", "noisy", "--", "yes"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let process = Watch::new(child.id());
    let mut some = [0; 2];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    assert_eq!(&some, b"y\n");
    process.ended().await;
    assert_eq!(child.wait().unwrap().code(), Some(141));
    let view = wk.session("noisy").ended().await;
    assert_eq!(view.signal, Some(1));
}

#[tokio::test]
async fn a_filter_survives_its_daemon() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let mut command =
        wk.call(["run", "--name", "filter", "--", "sh", "-c", "read line; echo got $line; exit 7"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    wk.events().await.until(|event| event.kind == "attempt_started").await;
    wk.kill().await;
    wk.ok(["daemon", "start"]).await;
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"it\n").unwrap();
    let process = Watch::new(child.id());
    process.ended().await;
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "got it\n");
    assert_eq!(output.status.code(), Some(7));
    drop(stdin);
}

/// Reads to the end. Says each time when another `step` bytes have come, and waits to go on.
fn read_in_steps(
    mut from: impl Read + Send + 'static,
    step: usize,
    go_on: std::sync::mpsc::Receiver<()>,
) -> (JoinHandle<Vec<u8>>, UnboundedReceiver<usize>) {
    let (sender, steps) = unbounded_channel();
    let reader = thread::spawn(move || {
        let (mut all, mut piece, mut told) = (Vec::new(), [0; 16 << 10], 0);
        while let Ok(count @ 1..) = from.read(&mut piece) {
            all.extend_from_slice(&piece[..count]);
            if all.len() / step > told {
                told = all.len() / step;
                let _ = sender.send(told);
                let _ = go_on.recv();
            }
        }
        all
    });
    (reader, steps)
}

#[tokio::test]
async fn twenty_daemons_die_under_a_filter_and_no_byte_is_lost_or_doubled() {
    const KILLS: usize = 20;
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let input = noise(10 << 20);
    let mut command = wk.call(["run", "--name", "filter", "--", "cat"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut stdin, bytes) = (child.stdin.take().unwrap(), input.clone());
    let writer = thread::spawn(move || stdin.write_all(&bytes));
    let (go_on, may_go_on) = std::sync::mpsc::channel();
    let step = input.len() / (KILLS + 1);
    let (reader, mut steps) = read_in_steps(child.stdout.take().unwrap(), step, may_go_on);
    let mut kills = 0;
    while let Some(step) = within("more output", steps.recv()).await {
        // At the very end everything may have come, and nobody else starts a daemon.
        if step <= KILLS {
            wk.ok(["daemon", "start"]).await;
            wk.kill().await;
            kills += 1;
        }
        go_on.send(()).unwrap();
    }
    writer.join().unwrap().unwrap();
    let output = reader.join().unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
    assert_eq!(output.len(), input.len());
    assert!(output == input, "bytes differ");
    assert_eq!(kills, KILLS);
}

#[tokio::test]
async fn detached_it_prints_the_id() {
    let wk = TestDaemon::new();
    let text = wk.ok(["run", "-d", "--name", "idler", "--", "sleep", "1000"]).await;
    let id = text.strip_suffix('\n').unwrap();
    assert!(id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
    let words = [
        "run",
        "-d",
        "--kind",
        "agent",
        "--agent-id",
        "a7",
        "--component",
        "search",
        "-l",
        "team=x",
        "-l",
        "tier=1",
        "--no-record",
        "--size",
        "100x30",
        "--format",
        "json",
        "--",
        "sleep",
        "1000",
    ];
    let view = wk.wk(words).await.json();
    assert_eq!(view["session_id"].as_str().unwrap().len(), 12);
    assert_eq!((&view["kind"], &view["agent_id"]), (&"agent".into(), &"a7".into()));
    assert_eq!(view["component_name"], "search");
    assert_eq!(view["labels"]["team"], "x");
    assert_eq!(view["labels"]["tier"], "1");
    assert_eq!((&view["status"], &view["phase"]), (&"running".into(), &"running".into()));
    assert!(view["recording"].is_null() && view["terminal"] == true);
    assert_eq!(view["attempt"], 1);
    // Keys are there although nothing is known.
    for key in ["exit_code", "signal", "end_time", "parent_id", "memory_bytes", "verdict", "tmux"] {
        assert!(
            view.as_object().unwrap().get(key).is_some_and(serde_json::Value::is_null),
            "{key}"
        );
    }
    assert_eq!(wk.session(id).view().await.name.as_deref(), Some("idler"));
}

#[tokio::test]
async fn a_session_gets_a_terminal_of_the_size_that_was_asked_for() {
    let wk = TestDaemon::start().await;
    let plain = wk.script("stty size; test -t 0 && echo all terminal; exec sleep 1000").await;
    plain.until_shows("24 80").await;
    plain.until_shows("all terminal").await;
    let sized = wk.run(["--size", "100x30", "--", "sh", "-c", "stty size; exec sleep 1000"]).await;
    sized.until_shows("30 100").await;
}

#[tokio::test]
async fn a_session_lives_in_the_callers_world() {
    let wk = TestDaemon::start().await;
    let script =
        "pwd; umask; ulimit -n; ulimit -Hn; printf %s \"$ODD\" | od -An -tx1; echo \"$WK_ATTEMPT\"";
    let mut command = wk.call(["run", "--env", "ADDED=a b", "--", "sh", "-c", script]);
    command.env("ODD", OsStr::from_bytes(b"\xff\xfe=\n!"));
    // SAFETY: only system calls that are allowed between fork and exec.
    unsafe {
        command.pre_exec(|| {
            rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o031));
            let limit = Rlimit { current: Some(77), maximum: Some(99) };
            Ok(setrlimit(Resource::Nofile, limit)?)
        });
    }
    let folder = wk.work().join("there");
    fs::create_dir(&folder).unwrap();
    command.current_dir(&folder);
    let text = Outcome::of(command).await.ok();
    let want = format!("{}\n0031\n77\n99\n ff fe 3d 0a 21\n1\n", folder.display());
    assert_eq!(text, want);
    let added = wk
        .ok(["run", "--env", "ADDED=a b", "--cwd", "/", "--", "sh", "-c", "echo $ADDED; pwd"])
        .await;
    assert_eq!(added, "a b\n/\n");
}

#[tokio::test]
async fn the_callers_environment_is_kept_in_one_private_file() {
    let wk = TestDaemon::start().await;
    let mut command = wk.call(["run", "-d", "--", "sh", "-c", "echo $QUIET; exec sleep 1000"]);
    command.env("QUIET", "hush-hush-4711");
    let id = Outcome::of(command).await.ok();
    let session = wk.session(id.trim());
    session.until_shows("hush-hush-4711").await;
    let spec = wk.session_folder(&session.id).join("spec.json");
    assert_eq!(fs::metadata(&spec).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(&spec).unwrap().contains("hush-hush-4711"));
    let events = wk.ok(["events"]).await;
    assert!(!events.contains("hush-hush"), "{events}");
    for name in ["journal.db", "journal.db-wal"] {
        let bytes = fs::read(wk.state().join(name)).unwrap_or_default();
        assert!(!bytes.windows(9).any(|nine| nine == b"hush-hush"), "{name}");
    }
}

#[tokio::test]
async fn bad_words_are_named_and_start_nothing() {
    let wk = TestDaemon::new();
    for (words, want) in [
        (&["run", "--name", "no good", "--", "true"][..], "bad name `no good`"),
        (&["run", "-l", "novalue", "--", "true"], "KEY=VALUE"),
        (&["run", "--size", "0x0", "--", "true"], "80x24"),
        (&["run", "--timeout", "soon", "--", "true"], "soon"),
        (&["run", "--kind", "tmux", "--", "true"], "tmux"),
        (&["run"], "COMMAND"),
        (&["frobnicate"], "frobnicate"),
    ] {
        let outcome = wk.wk(words).await;
        assert_eq!(outcome.code, 2, "{outcome}");
        assert!(outcome.stderr.contains(want), "{outcome}");
    }
    assert!(!wk.state().exists(), "a bad call leaves nothing");
}

#[tokio::test]
async fn a_name_belongs_to_one_living_session() {
    let wk = TestDaemon::start().await;
    let first = wk.run(["--name", "web", "--", "cat"]).await;
    let outcome = wk.wk(["run", "-d", "--name", "web", "--", "cat"]).await;
    assert!(outcome.clone().failed(1).contains(&first.id), "{outcome}");
    wk.ok(["send", "web", "--key", "C-d"]).await;
    first.ended().await;
    let second = wk.run(["--name", "web", "--", "cat"]).await;
    assert_ne!(first.id, second.id);
    assert_eq!(wk.session("web").view().await.session_id, second.id);
}

#[tokio::test]
async fn what_has_returned_is_over_for_whoever_asks_next() {
    let wk = TestDaemon::start().await;
    for _ in 0..10 {
        // The name is free again, at once.
        assert_eq!(wk.ok(["run", "--name", "again", "--", "echo", "x"]).await, "x\n");
    }
    wk.ok(["rm", "again"]).await;
}

#[tokio::test]
async fn a_trace_goes_with_the_events() {
    let wk = TestDaemon::start().await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut command = wk.call(["run", "--", "true"]);
    command.env("TRACEPARENT", trace);
    Outcome::of(command).await.ok();
    let journal = wk.journal().await;
    let created = journal.iter().find(|event| event["kind"] == "session_created").unwrap();
    assert_eq!(created["trace_parent"], trace);
}

#[tokio::test]
async fn detached_with_pipes_stdin_is_empty_and_stderr_apart() {
    let wk = TestDaemon::start().await;
    let session =
        wk.run(["--no-pty", "--", "sh", "-c", "cat; echo out; echo err >&2; exit 4"]).await;
    let view = within("the end", session.ended()).await;
    assert_eq!((view.exit_code, view.terminal), (Some(4), false));
    assert_eq!(wk.ok(["logs", "--stdout", &session.id]).await, "out\n");
    assert_eq!(wk.ok(["logs", "--stderr", &session.id]).await, "err\n");
}

#[tokio::test]
async fn secrets_in_the_command_are_masked_wherever_it_is_shown() {
    let wk = TestDaemon::start().await;
    let secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
    let text = wk.ok(["run", "--", "echo", secret]).await;
    assert_eq!(text.trim(), secret, "the command itself gets it");
    let (shown, events) = (wk.ok(["ls", "--format", "json"]).await, wk.ok(["events"]).await);
    assert!(!shown.contains(secret) && !events.contains(secret), "{shown}{events}");
}
