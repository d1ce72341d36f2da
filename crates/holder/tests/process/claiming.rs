//! Who runs an attempt, and where it is found.

use std::{fs, os::unix::fs::PermissionsExt};

use rustix::process::{Pid, Signal, kill_process};
use wk_holder::protocol::{Hello, Reply, Request, SignalRequest, SignalTarget, VERSION};
use wk_model::Ending;

use crate::harness::{Session, os, script, spawn_holder, spec};

#[test]
fn an_attempt_runs_once() {
    let mut session = Session::start(&spec(&["cat"]));
    let (mut second, mut control) = spawn_holder();
    control.send(&Request::Launch(Box::new(session.place.launch())));
    assert_eq!(control.answer(), Reply::Refused("attempt 1 is claimed".into()));
    assert!(crate::harness::wait(&mut second).success());
    assert!(matches!(
        session.control.ask(&Request::Hello(Hello { version: VERSION })),
        Reply::Status(_)
    ));
    assert!(session.place.socket().exists());
}

#[test]
fn everything_in_the_folder_is_private() {
    let mut session = Session::start(&script("echo x"));
    session.wait();
    for entry in fs::read_dir(session.place.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}", entry.path());
    }
    assert!(!session.place.socket().exists(), "the socket goes with the holder");
}

#[test]
fn a_lost_socket_is_made_anew_when_asked() {
    let mut session = Session::start(&spec(&["cat"]));
    fs::remove_file(session.place.socket()).unwrap();
    let holder = Pid::from_child(&session.holder);
    kill_process(holder, Signal::USR1).unwrap();
    // The signal is handled before a request that is sent behind it is answered.
    session.control.ask(&Request::Hello(Hello { version: VERSION }));
    let mut client = session.terminal();
    client.type_in(b"hello\n");
    client.until_shows("hello");
}

#[test]
fn nothing_but_its_sessions_end_ends_a_holder() {
    let mut session = Session::start(&script("read line; exit 5"));
    let holder = Pid::from_child(&session.holder);
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::PIPE, Signal::USR2] {
        kill_process(holder, signal).unwrap();
    }
    session.terminal().type_in(b"\n");
    assert_eq!(session.ending(), Ending::Exited { code: 5 });
}

#[test]
fn without_a_place_to_listen_nothing_is_claimed() {
    let place = crate::harness::Place::new(&script("true"));
    let mut launch = place.launch();
    launch.socket = os("/no/such/folder/socket");
    let mut session = Session::launch(place, &launch);
    let Reply::Refused(why) = &session.launched else { panic!("{:?}", session.launched) };
    assert!(why.contains("/no/such/folder/socket"), "{why}");
    session.wait();
    assert!(!wk_holder::folder::record(session.place.path(), 1).exists());
}

#[test]
fn nonsense_is_refused_and_disturbs_nobody() {
    let mut session = Session::start(&spec(&["cat"]));
    let mut stranger = session.connect();
    assert!(matches!(stranger.ask(&Request::Detach), Reply::Refused(_)));
    assert_eq!(stranger.next(), None);
    let mut garbled = session.connect();
    std::io::Write::write_all(&mut garbled.stream, &[255; 64]).unwrap();
    assert!(matches!(garbled.answer(), Reply::Refused(_)));
    for request in [
        Request::Resize { cols: 0, rows: 5 },
        Request::Resize { cols: 80, rows: 1001 },
        Request::Signal(SignalRequest { signal: 0, to: SignalTarget::Leader }),
        Request::Signal(SignalRequest { signal: 9999, to: SignalTarget::Tree }),
    ] {
        assert!(matches!(session.control.ask(&request), Reply::Refused(_)), "{request:?}");
    }
    let hello = Request::Hello(Hello { version: VERSION });
    assert!(matches!(session.control.ask(&hello), Reply::Status(_)));
}
