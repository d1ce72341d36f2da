//! The terminal that the command has.

use wk_holder::protocol::{AttachRequest, Reply, Request, SignalRequest, SignalTarget};
use wk_holder::spec::{RecordingOptions, Stdio};
use wk_model::{Change, Ending};

use crate::harness::{Session, script};

/// Asks for the cursor's position, and prints the answer without its ESC.
const ASK: &str = r"stty -echo raw; printf '\033[6n'; a=$(dd bs=1 count=6 2>/dev/null); stty sane; printf %s $a | tr -d '\033'; echo '<answer>'";

#[test]
fn a_command_that_is_stopped_and_goes_on_is_told_of_each_time() {
    let mut session = Session::start(&script("read line"));
    for signal in [libc::SIGSTOP, libc::SIGCONT] {
        let to = SignalTarget::Leader;
        session.control.ask(&Request::Signal(SignalRequest { signal, to }));
        session.control.until(|reply| *reply == Reply::Halted);
    }
    session.terminal().type_in(b"\n");
    assert_eq!(session.ending(), Ending::Exited { code: 0 });
}

#[test]
fn a_terminal_has_the_size_that_was_asked_for() {
    let mut spec = script("test -t 0 && test -t 1 && test -t 2 && stty size && tty");
    spec.stdio = Stdio::Terminal { cols: 101, rows: 33 };
    let mut session = Session::start(&spec);
    assert_eq!(session.ending(), Ending::Exited { code: 0 });
    assert!(session.place.recorded().starts_with("33 101\r\n/dev/pts/"));
}

#[test]
fn a_query_is_answered_with_nobody_attached() {
    let mut session = Session::start(&script(ASK));
    assert_eq!(session.ending(), Ending::Exited { code: 0 });
    assert!(session.place.recorded().contains("[1;1R<answer>"));
}

#[test]
fn a_query_is_answered_once_with_two_attached() {
    let ask = format!("read go; {ASK}; stty -echo; printf 'then '; read -r rest; echo \"[$rest]\"");
    let mut session = Session::start(&script(&ask));
    let (mut one, mut two) = (session.terminal(), session.terminal());
    one.type_in(b"\n");
    for client in [&mut one, &mut two] {
        client.until_shows("then");
    }
    one.type_in(b"end\n");
    for client in [&mut one, &mut two] {
        assert_eq!(client.until_end().ending, Ending::Exited { code: 0 });
        let raw = String::from_utf8_lossy(&client.raw);
        assert!(!raw.contains("\x1b[6n"), "no client sees the query: {raw:?}");
        assert!(raw.contains("[end]"), "a second answer would be read as input: {raw:?}");
    }
    session.wait();
}

#[test]
fn the_size_follows_whoever_is_active() {
    let mut session = Session::start(&script("stty -echo; while read line; do stty size; done"));
    let mut one =
        session.attach(AttachRequest { cols: Some(90), rows: Some(30), ..Default::default() });
    let mut two =
        session.attach(AttachRequest { cols: Some(70), rows: Some(20), ..Default::default() });
    two.type_in(b"\n");
    two.until_shows("20 70");
    one.type_in(b"\n");
    one.until_shows("30 90");
    while two.sizes.last() != Some(&(90, 30)) {
        assert!(two.step());
    }
    one.connection.send(&Request::Resize { cols: 100, rows: 40 });
    one.type_in(b"\n");
    one.until_shows("40 100");
    one.type_in(b"\x04");
    one.until_end();
    session.wait();
    let entries = session.place.entries();
    let sizes: Vec<_> = entries
        .iter()
        .filter_map(|entry| match &entry.change {
            Change::SessionResized(resized) => Some((resized.cols, resized.rows)),
            _ => None,
        })
        .collect();
    assert_eq!(sizes.last(), Some(&(100, 40)), "the last size is told before the end");
    assert!(matches!(entries.last().unwrap().change, Change::AttemptExited(_)));
}

#[test]
fn who_only_watches_changes_nothing() {
    let mut session = Session::start(&script("stty -echo; read line; stty size; echo \"[$line]\""));
    let mut watcher = session.attach(AttachRequest {
        cols: Some(50),
        rows: Some(10),
        read_only: true,
        ..Default::default()
    });
    watcher.type_in(b"forged\n");
    watcher.connection.send(&Request::Resize { cols: 51, rows: 11 });
    while watcher.sizes.is_empty() {
        assert!(watcher.step(), "a watcher is told the size of the session");
    }
    assert_eq!(watcher.sizes, [(80, 24)]);
    session.control.ask(&Request::Input(b"real\n".to_vec()));
    watcher.until_end();
    let raw = String::from_utf8_lossy(&watcher.raw);
    assert!(raw.contains("24 80") && raw.contains("[real]"), "{raw}");
    session.wait();
}

#[test]
fn the_foreground_is_what_the_terminal_talks_to() {
    // An interactive shell with job control puts `sleep` into a group of its own.
    let mut session = Session::start(&script("set -m; sleep 1000; echo \"slept $?\"; read line"));
    let terminate = SignalRequest { signal: libc::SIGTERM, to: SignalTarget::Foreground };
    loop {
        // Until the shell has given the terminal away, itself is in the foreground.
        let pid = session.pid();
        let group = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<_> = group.rsplit(')').next().unwrap().split_whitespace().collect();
        if fields[5] != fields[2] {
            break;
        }
        std::thread::yield_now();
    }
    assert_eq!(session.control.ask(&Request::Signal(terminate)), Reply::Done);
    session.until_screen_shows("slept 143");
}

#[test]
fn megabytes_of_escape_junk_are_absorbed() {
    let junk = "stty -echo; head -c 8000000 /dev/urandom | \
                tr '\\000-\\037' '\\033[;?hm#PX]^_\\n\\t\\r\\b()%0-9'; \
                printf '\\033c\\033\\\\\\030after'";
    let mut spec = script(junk);
    spec.recording = Some(RecordingOptions { max_size: 1 << 20, mask: true });
    let mut session = Session::start(&spec);
    assert_eq!(session.ending(), Ending::Exited { code: 0 });
    assert!(session.place.recorded().ends_with("after"));
    assert_eq!(session.finish().usage.gaps, 0);
}
