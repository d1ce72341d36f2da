//! Sessions without a terminal: they can stand in a script.

use std::io::Write;

use wk_holder::{
    protocol::{AttachRequest, Reply, Request},
    spec::Stdio,
};
use wk_model::Ending;

use crate::harness::{PIPES, Session, script, spec};

const FEED: AttachRequest = AttachRequest {
    feed: true,
    read_only: false,
    cols: None,
    rows: None,
    history: 0,
    received: None,
};

#[test]
fn ten_megabytes_pass_through_unharmed() {
    let mut spec = spec(&["cat"]);
    spec.stdio = Stdio::Pipes { feed: true };
    let mut session = Session::start(&spec);
    let mut client = session.attach(FEED);
    let bytes: Vec<u8> =
        (0..10_u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut writer = client.connection.stream.try_clone().unwrap();
    let input = bytes.clone();
    let feeder = std::thread::spawn(move || {
        for piece in input.chunks(60_000) {
            let mut frame = Vec::new();
            Request::Input(piece.to_vec()).put(&mut frame);
            writer.write_all(&frame).unwrap();
        }
        let mut end = Vec::new();
        Request::InputEnd.put(&mut end);
        writer.write_all(&end).unwrap();
    });
    assert_eq!(client.until_end().ending, Ending::Exited { code: 0 });
    feeder.join().unwrap();
    assert!(client.raw == bytes, "{} of {} bytes came through", client.raw.len(), bytes.len());
    session.wait();
}

#[test]
fn streams_stay_apart_and_wait_for_the_feeder() {
    let mut spec = script("echo out; echo err >&2; exit 9");
    spec.stdio = Stdio::Pipes { feed: true };
    let mut session = Session::start(&spec);
    // It has ended before anybody reads.
    while session.place.exited().is_none() {
        session.control.until(|reply| *reply == Reply::Bell);
    }
    let mut client = session.attach(FEED);
    assert_eq!(client.until_end().ending, Ending::Exited { code: 9 });
    assert_eq!((&client.raw[..], &client.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
    session.wait();
}

#[test]
fn a_slow_feeder_loses_nothing() {
    let mut spec = script("seq 1 500000");
    spec.stdio = Stdio::Pipes { feed: true };
    let mut session = Session::start(&spec);
    let mut client = session.attach(FEED);
    // The child cannot end before its output is taken: more than the queue is on its way.
    let hello = Request::Hello(wk_holder::protocol::Hello { version: 1 });
    let Reply::Status(status) = session.control.ask(&hello) else { panic!("no status") };
    assert_eq!(status.ended, None);
    client.until_end();
    let text = String::from_utf8(client.raw.clone()).unwrap();
    assert!(text.lines().map(|line| line.parse::<u32>().unwrap()).eq(1..=500_000));
    session.wait();
}

#[test]
fn a_feeder_that_leaves_ends_the_input() {
    let mut spec = spec(&["cat"]);
    spec.stdio = Stdio::Pipes { feed: true };
    let mut session = Session::start(&spec);
    let mut client = session.attach(FEED);
    client.type_in(b"last words");
    client.connection.send(&Request::Detach);
    assert_eq!(session.ending(), Ending::Exited { code: 0 });
    assert_eq!(session.place.recorded(), "last words");
}

#[test]
fn a_feeder_that_is_cut_off_may_come_back() {
    let mut spec = spec(&["cat"]);
    spec.stdio = Stdio::Pipes { feed: true };
    let mut session = Session::start(&spec);
    let mut client = session.attach(FEED);
    client.type_in(b"before, ");
    drop(client);
    let mut client = session.attach(FEED);
    client.type_in(b"after");
    client.connection.send(&Request::InputEnd);
    client.until_end();
    assert_eq!(session.ending(), Ending::Exited { code: 0 });
    assert_eq!(session.place.recorded(), "before, after");
}

#[test]
fn without_a_feeder_stdin_is_empty_and_the_tail_can_be_seen() {
    let mut spec = script("cat; echo nothing came; exec sleep 1000");
    spec.stdio = PIPES;
    let mut session = Session::start(&spec);
    session.until_screen_shows("nothing came");
    assert!(matches!(session.control.ask(&Request::InputEnd), Reply::Done));
}
