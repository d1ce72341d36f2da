//! Ends that are asked for, and who is told.

use std::{
    fs,
    io::Read,
    os::unix::{fs::PermissionsExt, net::UnixListener},
};

use wk_holder::protocol::{Reply, Request, SignalRequest, SignalTarget, StopRequest};
use wk_model::{Ending, LimitKind};

use crate::harness::{PIPES, Place, Session, TERMINAL, Watch, os, script, spec};

const TERM: Ending = Ending::Signaled { signal: libc::SIGTERM, core_dumped: false };
const KILL: Ending = Ending::Signaled { signal: libc::SIGKILL, core_dumped: false };

#[test]
fn a_stop_asks_first() {
    let mut session = Session::start(&script(
        "trap 'echo bye; exit 6' TERM; echo ready; while :; do sleep 0.01; done",
    ));
    session.until_screen_shows("ready");
    session.control.ask(&Request::Stop(StopRequest { grace_ms: 30_000 }));
    assert_eq!(session.ending(), Ending::Exited { code: 6 });
    assert!(session.place.recorded().contains("bye"));
}

#[test]
fn a_stop_kills_what_does_not_listen_and_a_shorter_grace_counts() {
    let mut session =
        Session::start(&script("trap '' TERM HUP; echo ready; while :; do sleep 0.01; done"));
    session.until_screen_shows("ready");
    session.control.ask(&Request::Stop(StopRequest { grace_ms: u64::MAX }));
    session.control.ask(&Request::Stop(StopRequest { grace_ms: 1 }));
    assert_eq!(session.ending(), KILL);
}

#[test]
fn an_interactive_shell_can_be_stopped() {
    let mut session = Session::start(&spec(&["sh", "-i"]));
    session.control.ask(&Request::Input(b"echo re''ady\n".to_vec()));
    session.until_screen_shows("ready");
    session.control.ask(&Request::Stop(StopRequest { grace_ms: 30_000 }));
    let ending = session.ending();
    assert!(matches!(ending.shell_code(), 129 | 143 | 0), "{ending:?}");
}

#[test]
fn a_stopped_process_is_ended_too() {
    let mut session = Session::start(&script("kill -STOP $$; echo went on"));
    session.control.ask(&Request::Stop(StopRequest { grace_ms: 30_000 }));
    assert!(session.ending().signal().is_some());
}

#[test]
fn a_time_limit_ends_the_attempt_and_says_so() {
    let mut spec = spec(&["sleep", "1000"]);
    spec.tree_limits.time_ms = Some(50);
    let mut session = Session::start(&spec);
    let exited = session.finish();
    assert_eq!(exited.limit, Some(LimitKind::Time));
    assert!(exited.ending.signal().is_some());
}

#[test]
fn a_failure_keeps_its_last_lines_masked_and_a_success_none() {
    // Wider than the terminal: a secret that is wrapped is hidden whole.
    let secret = format!("MY_TOKEN={}", "a1B2c3D4".repeat(12));
    let say =
        format!("echo begin; echo; echo '{secret}'; printf '\\033[31mno space\\033[0m\\n\\n'");
    for (stdio, code, recorded, kept) in [
        (TERMINAL, 3, true, true),
        (PIPES, 3, true, true),
        (TERMINAL, 0, true, false),
        (PIPES, 3, false, false),
    ] {
        let mut spec = script(&format!("{say}; exit {code}"));
        spec.stdio = stdio;
        spec.recording = spec.recording.filter(|_| recorded);
        let last_lines = Session::start(&spec).finish().last_lines;
        let want = format!("begin\nMY_TOKEN={}\nno space", "*".repeat(96));
        assert_eq!(last_lines, kept.then_some(want), "{stdio:?}, code {code}");
    }
}

#[test]
fn the_leader_can_be_signalled_alone() {
    let mut session = Session::start(&spec(&["sleep", "1000"]));
    let term = SignalRequest { signal: libc::SIGTERM, to: SignalTarget::Leader };
    assert_eq!(session.control.ask(&Request::Signal(term)), Reply::Done);
    assert_eq!(session.ending(), TERM);
}

#[test]
fn the_end_of_the_holder_is_the_end_of_the_session() {
    let mut session = Session::start(&spec(&["sleep", "1000"]));
    let command = Watch::new(session.pid());
    session.holder.kill().unwrap();
    session.wait();
    assert!(command.ends());
    assert_eq!(session.place.exited(), None);
}

/// A daemon to be started: it writes how it was called into a pipe.
fn daemon(place: &Place) -> (Vec<wk_model::OsText>, std::path::PathBuf) {
    let program = place.path().join("daemon-program");
    fs::write(&program, "#!/bin/sh\necho \"$1 $MARK $(readlink /proc/self/fd/1)\" >\"$OUT\"\n")
        .unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let pipe = place.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    (vec![os(program.to_str().unwrap()), os("serve")], pipe)
}

#[test]
fn a_daemon_is_started_when_nobody_answers() {
    let place = Place::new(&script("read line"));
    let (command, pipe) = daemon(&place);
    let mut launch = place.launch();
    launch.daemon_command = command;
    launch.daemon_environment = vec![os("MARK=yes"), os(format!("OUT={}", pipe.to_str().unwrap()))];
    // A socket that nobody listens at.
    drop(UnixListener::bind(place.path().join("daemon")).unwrap());
    let mut session = Session::launch(place, &launch);
    let mut client = session.terminal();
    let (_, nobody) = std::os::unix::net::UnixStream::pair().unwrap();
    session.control.stream = nobody;
    client.type_in(b"\n");
    let mut said = String::new();
    fs::File::open(&pipe).unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said.split_whitespace().take(2).collect::<Vec<_>>(), ["serve", "yes"]);
    assert_eq!(session.ending(), Ending::Exited { code: 0 });
}

#[test]
fn no_daemon_is_started_when_one_listens_or_is_connected() {
    for connected in [true, false] {
        let place = Place::new(&script("read line"));
        let (command, pipe) = daemon(&place);
        let mut launch = place.launch();
        launch.daemon_command = command;
        launch.daemon_environment = vec![os(format!("OUT={}", pipe.to_str().unwrap()))];
        let _listener =
            (!connected).then(|| UnixListener::bind(place.path().join("daemon")).unwrap());
        let mut session = Session::launch(place, &launch);
        let mut client = session.terminal();
        if !connected {
            let (_, nobody) = std::os::unix::net::UnixStream::pair().unwrap();
            session.control.stream = nobody;
        }
        client.type_in(b"\n");
        session.wait();
        // Whoever was started would be a child of the holder, and write into the pipe.
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK;
        let reader = rustix::fs::open(&pipe, flags, rustix::fs::Mode::empty()).unwrap();
        assert_eq!(rustix::io::read(&reader, &mut [0; 64]), Ok(0), "connected: {connected}");
    }
}
