//! Attached clients: what they see, however late and slow they are.

use std::io::Read;

use wk_holder::{
    protocol::{AttachRequest, MAX_PAYLOAD, Reply, Request, ScreenRequest, StopRequest},
    spec::Stdio,
};
use wk_model::Ending;
use wk_terminal::{Screen, Size};

use crate::harness::{Session, script, spec};

#[test]
fn who_attaches_sees_the_screen_as_it_is() {
    let draw = r"printf '\033[?1049h\033[2;5H\033[31mred\033[0m\033]2;the title\007\033[5;5r\033[?2004h'; read line";
    let mut session = Session::start(&script(draw));
    session.until_screen_shows("red");
    let mut client = session.terminal();
    client.until_shows("red");
    assert_eq!(client.screen.text(false), "\n    red\n");
    assert_eq!(client.screen.title(), Some("the title"));
    let Reply::Screen(drawn) =
        session.control.ask(&Request::Screen(ScreenRequest { ansi: true, history: false }))
    else {
        panic!("no screen")
    };
    assert_eq!(String::from_utf8(drawn).unwrap(), client.screen.ansi(false));
    let Reply::Status(status) =
        session.control.ask(&Request::Hello(wk_holder::protocol::Hello { version: 1 }))
    else {
        panic!("no status")
    };
    assert_eq!((status.clients, status.title.as_deref()), (1, Some("the title")));
}

#[test]
fn history_comes_before_the_screen() {
    let mut session = Session::start(&script("seq 1 100; read line"));
    session.until_screen_shows("100");
    let mut client = session.attach(AttachRequest { history: 50, ..Default::default() });
    client.until_shows("100");
    let raw = String::from_utf8_lossy(&client.raw).into_owned();
    assert!(raw.contains("\r\n60\r\n") && !raw.contains("\r\n20\r\n"), "{raw:?}");
}

#[test]
fn a_screen_larger_than_a_frame_is_shown_and_redrawn_whole() {
    let script = r#"awk 'BEGIN {
        printf "\033[4;38;2;201;202;203;48;2;204;205;206;58:2::207:208:209m"
        for (i = 0; i < 70000; i++) printf "\033[1mx\033[22my"
        printf "\033[0mthe end"
    }'; read line"#;
    let mut spec = crate::harness::script(script);
    spec.stdio = Stdio::Terminal { cols: 1000, rows: 160 };
    let mut session = Session::start(&spec);
    session.until_screen_shows("the end");
    let drawn = session.control.screen_bytes(ScreenRequest { ansi: true, history: true });
    assert!(drawn.len() > MAX_PAYLOAD, "{} bytes fit one frame", drawn.len());
    assert!(drawn.ends_with(b"the end\n"));
    let mut client =
        session.attach(AttachRequest { cols: Some(1000), rows: Some(160), ..Default::default() });
    client.screen = Screen::new(Size::new(1000, 160).unwrap(), 0);
    client.until_shows("the end");
    assert!(client.raw.len() > MAX_PAYLOAD, "{} bytes fit one frame", client.raw.len());
    assert!(client.screen.ansi(false).as_bytes() == drawn, "it looks otherwise");
}

#[test]
fn detaching_leaves_the_session_alone() {
    let mut session = Session::start(&spec(&["cat"]));
    let mut client = session.terminal();
    client.type_in(b"first\n");
    client.until_shows("first");
    client.connection.send(&Request::Detach);
    while client.step() {}
    assert_eq!(client.ended, None);
    let mut client = session.terminal();
    client.until_shows("first");
    client.type_in(b"\x04");
    assert_eq!(client.until_end().ending, Ending::Exited { code: 0 });
    session.wait();
}

#[test]
fn a_client_that_stops_reading_is_redrawn_and_holds_up_nobody() {
    let session = Session::start(&script(
        "stty -echo; read line; seq 1 1000000; printf 'the end'; read line",
    ));
    let mut slow = session.terminal();
    slow.until_shows("");
    let mut quick = session.terminal();
    quick.type_in(b"\n");
    quick.until_shows("the end");
    slow.until_shows("the end");
    assert!(slow.raw.len() < 5_000_000, "{} bytes were not dropped", slow.raw.len());
    assert!(slow.screen.text(false).contains("1000000"));
}

#[test]
fn the_end_waits_for_a_client_that_is_announced() {
    let place = crate::harness::Place::new(&script("echo quick; exit 7"));
    let mut launch = place.launch();
    launch.attach_wait_ms = 20_000;
    let mut session = Session::launch(place, &launch);
    session.control.until(|reply| *reply == Reply::Bell);
    while session.place.exited().is_none() {
        session.control.until(|reply| *reply == Reply::Bell);
    }
    let mut client = session.terminal();
    assert_eq!(client.until_end().ending, Ending::Exited { code: 7 });
    assert!(client.screen.text(false).contains("quick"));
    session.wait();
}

#[test]
fn input_that_nobody_reads_is_bounded_and_a_stop_still_works() {
    let mut session = Session::start(&spec(&["sleep", "1000"]));
    let mut client = session.terminal();
    client.connection.stream.set_nonblocking(true).unwrap();
    let mut frame = Vec::new();
    Request::Input(vec![b'x'; 4096]).put(&mut frame);
    let mut sent = 0;
    // The socket fills up once the holder has stopped to read it.
    let mut refused = 0;
    while refused < 100 {
        match std::io::Write::write(&mut &client.connection.stream, &frame) {
            Ok(count) => sent += count,
            Err(_) => {
                refused += 1;
                std::thread::yield_now();
            }
        }
        assert!(sent < 16 << 20, "the holder takes in without end");
    }
    while !matches!(session.control.ask(&Request::Input(vec![b'y'; 65536])), Reply::Refused(_)) {}
    assert_eq!(session.control.ask(&Request::Stop(StopRequest { grace_ms: 0 })), Reply::Done);
    assert!(matches!(session.ending(), Ending::Signaled { .. }));
    let mut rest = Vec::new();
    client.connection.stream.set_nonblocking(false).unwrap();
    let _ = client.connection.stream.read_to_end(&mut rest);
}
