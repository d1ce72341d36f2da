//! Readers cope with what crashes, deletions and damage leave.

use crate::common::{LEAST, at, events, exported, header, kinds, text_of, writer};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use wk_recording::{
    Event, Events, ExportOptions, Follower, Kind, ReadError, Stream, Writer, export, read_segments,
};

fn append(folder: &Path, segment: &str, bytes: &[u8]) {
    let mut file = OpenOptions::new().append(true).open(folder.join(segment)).unwrap();
    file.write_all(bytes).unwrap();
}

fn follow(follower: &mut Follower) -> Vec<Event> {
    let mut events = Vec::new();
    follower.read_new(|event| events.push(event.unwrap())).unwrap();
    events
}

#[test]
fn a_torn_tail_is_no_part_of_the_recording() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = writer(folder.path());
    first.output(Stream::Stdout, b"whole", at(1)).unwrap();
    drop(first);
    append(folder.path(), "000001.cast", b"[0.5,\"o\",\"torn");
    assert_eq!(text_of(&events(folder.path()), Stream::Stdout), "whole");

    let mut second = Writer::create(folder.path(), header(), LEAST, at(2)).unwrap();
    second.output(Stream::Stdout, b"more", at(3)).unwrap();
    let read = events(folder.path());
    assert_eq!(text_of(&read, Stream::Stdout), "wholemore");
    assert!(!read.iter().any(|event| matches!(event.kind, Kind::Dropped { .. })));
}

#[test]
fn every_cut_of_a_segment_reads_as_its_whole_lines() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    for (number, text) in ["ab", "\u{1b}[m", "€"].iter().enumerate() {
        writer.output(Stream::Stdout, text.as_bytes(), at(number as u64)).unwrap();
    }
    let path = folder.path().join("000001.cast");
    let whole = fs::read(&path).unwrap();
    let start = whole.split_inclusive(|byte| *byte == b'\n').take(2).map(<[u8]>::len).sum();
    for length in start..=whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let lines = whole[start..length].iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(events(folder.path()).len(), 1 + lines, "cut at {length}");
    }
}

#[test]
fn damage_is_named_and_passed() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    writer.output(Stream::Stdout, b"before", at(1)).unwrap();
    append(folder.path(), "000001.cast", b"nonsense\n[0.1,\"z\",\"?\"]\n[0.1,\"o\",\"behind\"]\n");
    let read: Vec<_> = Events::new(folder.path()).collect();
    assert!(matches!(&read[2], Err(ReadError::Damaged { line: 4, path, .. })
        if path.ends_with("000001.cast")));
    let read: Vec<_> = read.into_iter().filter_map(Result::ok).collect();
    assert_eq!(read[2].kind, Kind::Other { code: "z".into(), data: "?".into() });
    assert_eq!(text_of(&read, Stream::Stdout), "beforebehind");

    let mut file = Vec::new();
    let done = export(folder.path(), &mut file, ExportOptions::default()).unwrap();
    assert_eq!((done.damaged, done.dropped_bytes, done.events), (1, 0, 4));
}

#[test]
fn a_segment_without_a_readable_start_is_passed() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    for number in 0..3 {
        writer.output(Stream::Stdout, b"12345", at(number)).unwrap();
        writer.rotate(b"screen", 80, 24, at(number)).unwrap();
    }
    fs::write(folder.path().join("000002.cast"), "").unwrap();
    let read: Vec<_> = Events::new(folder.path()).collect();
    assert_eq!(read.iter().filter(|event| event.is_err()).count(), 1);
    let read: Vec<_> = read.into_iter().filter_map(Result::ok).map(|event| event.kind).collect();
    assert!(read.contains(&Kind::Dropped { bytes: 5 }));
    assert!(read.contains(&Kind::Checkpoint("screen".into())));
    let numbers: Vec<_> =
        read_segments(folder.path()).unwrap().iter().map(|segment| segment.number).collect();
    assert_eq!(numbers, [1, 3, 4]);
}

#[test]
fn the_next_attempt_starts_behind_damage_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = writer(folder.path());
    first.output(Stream::Stdout, b"12345", at(1)).unwrap();
    first.rotate(b"", 80, 24, at(2)).unwrap();
    fs::write(folder.path().join("000002.cast"), "").unwrap();
    let second = Writer::create(folder.path(), header(), LEAST, at(3)).unwrap();
    assert_eq!((second.attempt(), second.stream_offset()), (2, 5));
    assert!(folder.path().join("000003.cast").exists());
}

#[test]
fn nothing_to_read_is_an_error_only_for_export() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent");
    assert_eq!(kinds(&absent), []);
    assert_eq!(read_segments(&absent).unwrap(), []);
    let error = export(&absent, &mut Vec::new(), ExportOptions::default()).unwrap_err();
    assert!(matches!(error, ReadError::Empty { .. }), "{error}");
}

#[test]
fn a_follower_sees_each_event_once_across_segments() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("recording");
    let mut follower = Follower::from_start(&absent);
    assert_eq!(follow(&mut follower), []);
    let mut writer = writer(&absent);
    let mut late = Follower::from_end(&absent).unwrap();
    let (mut seen, mut seen_late) = (Vec::new(), Vec::new());
    for number in 0..20_u8 {
        writer.output(Stream::Stdout, &[b'a' + number], at(u64::from(number))).unwrap();
        if number % 3 == 0 {
            writer.rotate(b"screen", 80, 24, at(u64::from(number))).unwrap();
        }
        if number % 2 == 0 {
            seen.extend(follow(&mut follower));
        }
        if number % 7 == 0 {
            seen_late.extend(follow(&mut late));
        }
    }
    seen.extend(follow(&mut follower));
    seen_late.extend(follow(&mut late));
    assert_eq!(seen, events(&absent));
    assert_eq!(seen[1..], seen_late);
    assert_eq!(text_of(&seen, Stream::Stdout), "abcdefghijklmnopqrst");
    assert_eq!((follower.offset(), late.offset()), (20, 20));
    assert_eq!(follow(&mut follower), []);
}

#[test]
fn a_follower_from_the_end_of_a_bounded_recording_sees_only_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    writer.output(Stream::Stdout, b"old", at(1)).unwrap();
    writer.rotate(b"screen", 80, 24, at(2)).unwrap();
    writer.output(Stream::Stdout, b"old too", at(3)).unwrap();
    let mut follower = Follower::from_end(folder.path()).unwrap();
    assert_eq!((follow(&mut follower), follower.offset()), (vec![], 10));
    writer.output(Stream::Stdout, b"new", at(4)).unwrap();
    assert_eq!(text_of(&follow(&mut follower), Stream::Stdout), "new");
}

#[test]
fn a_follower_survives_the_deletion_of_its_segment_and_tells_what_it_missed() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    writer.output(Stream::Stdout, b"seen", at(1)).unwrap();
    let mut follower = Follower::from_start(folder.path());
    follow(&mut follower);
    writer.output(Stream::Stdout, b"deleted but open", at(2)).unwrap();
    let piece = vec![b'x'; 40_000];
    for number in 3..30 {
        writer.rotate(b"screen", 90, 30, at(number)).unwrap();
        writer.output(Stream::Stdout, &piece, at(number)).unwrap();
    }
    assert!(!folder.path().join("000001.cast").exists());
    let new = follow(&mut follower);
    assert_eq!(
        new[0].kind,
        Kind::Output { stream: Stream::Stdout, text: "deleted but open".into() }
    );
    let Kind::Dropped { bytes } = new[1].kind else { panic!("{:?}", new[1].kind) };
    assert_eq!(new[2].kind, Kind::Resize { cols: 90, rows: 30 });
    assert_eq!(new[3].kind, Kind::Checkpoint("screen".into()));
    let read = text_of(&new[1..], Stream::Stdout).len() as u64;
    assert_eq!(read + bytes, 27 * 40_000);
    assert_eq!(exported(folder.path(), ExportOptions::default())[0].2, "screen");
}

#[test]
fn a_follower_at_a_line_being_written_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let _writer = writer(folder.path());
    let mut follower = Follower::from_end(folder.path()).unwrap();
    for byte in b"[0.5,\"o\",\"slow\"]" {
        append(folder.path(), "000001.cast", &[*byte]);
        assert_eq!(follow(&mut follower), []);
    }
    append(folder.path(), "000001.cast", b"\n");
    assert_eq!(text_of(&follow(&mut follower), Stream::Stdout), "slow");
}
