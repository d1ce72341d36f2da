//! The recording of a session.

use std::fs;

use wk_holder::{folder, spec::RecordingOptions};
use wk_model::{Change, Ending};

use crate::harness::{Place, Session, os, script};

#[test]
fn everything_is_recorded_and_secrets_are_not() {
    let secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
    let mut spec = script(
        "printf \"key ${S%??????????????????????????}\"; printf \"${S#??????????????}\"; \
                           echo; echo $S; seq 1 20000",
    );
    spec.environment.push(os(format!("S={secret}")));
    let mut session = Session::start(&spec);
    assert_eq!(session.ending(), Ending::Exited { code: 0 });
    let recorded = session.place.recorded();
    let mut lines = recorded.split("\r\n");
    let masked = "ghp_************************************";
    assert_eq!(lines.next(), Some(format!("key {masked}").as_str()));
    assert_eq!(lines.next(), Some(masked));
    let numbers: Vec<u32> =
        lines.filter(|line| !line.is_empty()).map(|l| l.parse().unwrap()).collect();
    assert!(numbers.into_iter().eq(1..=20_000));
    for entry in fs::read_dir(session.place.path().join(folder::RECORDING)).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains("89abcdefghij"), "a secret reached the disk");
    }
    assert!(session.finish().usage.recorded_bytes > 0);
}

#[test]
fn a_recording_stays_within_its_bound_and_loses_no_newer_line() {
    let mut spec = script("seq 1 300000");
    spec.recording = Some(RecordingOptions { max_size: 256 << 10, mask: true });
    let mut session = Session::start(&spec);
    assert_eq!(session.finish().usage.gaps, 0);
    let folder = session.place.path().join(folder::RECORDING);
    let segments =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
    assert!(segments.sum::<u64>() <= 256 << 10);
    let mut exported = Vec::new();
    wk_recording::export(&folder, &mut exported, wk_recording::ExportOptions::default()).unwrap();
    let recorded = session.place.recorded();
    let numbers: Vec<u32> =
        recorded.split("\r\n").skip(1).filter_map(|line| line.parse().ok()).collect();
    assert!(numbers.len() > 1000 && numbers.last() == Some(&300_000));
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "torn at a boundary");
}

#[test]
fn a_session_without_a_recording_leaves_none() {
    let mut spec = script("echo x");
    spec.recording = None;
    let mut session = Session::start(&spec);
    assert_eq!(session.ending(), Ending::Exited { code: 0 });
    assert!(!session.place.path().join(folder::RECORDING).exists());
}

#[test]
fn a_session_runs_on_where_nothing_can_be_recorded() {
    let place = Place::new(&script("echo hello; read line; exit 3"));
    fs::write(place.path().join(folder::RECORDING), "a file is in the way").unwrap();
    let launch = place.launch();
    let mut session = Session::launch(place, &launch);
    session.until_screen_shows("hello");
    session.terminal().type_in(b"\n");
    assert_eq!(session.ending(), Ending::Exited { code: 3 });
    let entries = session.place.entries();
    let gap = entries.iter().find_map(|entry| match &entry.change {
        Change::OutputGap(gap) => Some(gap),
        _ => None,
    });
    assert!(gap.expect("the gap is told").reason.contains("recording"), "{entries:?}");
}

#[test]
fn players_get_a_header_sizes_and_the_exit() {
    let mut session = Session::start(&script("echo x; exit 2"));
    session.wait();
    let folder = session.place.path().join(folder::RECORDING);
    let text = fs::read_to_string(folder.join("000001.cast")).unwrap();
    let first = text.lines().next().unwrap();
    assert!(first.contains("\"version\":3") && first.contains("\"cols\":80"), "{first}");
    assert!(text.lines().last().unwrap().ends_with("\"x\",\"2\"]"), "{text}");
}
