//! What is written is what is read, whatever way it arrives.

use crate::common::{LEAST, at, events, exported, header, kinds, text_of, writer};
use proptest::collection::vec;
use proptest::prelude::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use wk_recording::{ExportOptions, Kind, RecordingError, StderrAs, Stream, Writer, read_segments};

#[test]
fn a_session_is_recorded_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("recording");
    let mut writer = writer(&folder);
    writer.output(Stream::Stdout, b"\x1b[1mhello\r\n", at(5)).unwrap();
    writer.resize(100, 30, at(7)).unwrap();
    writer.marker("a \"mark\"", at(7)).unwrap();
    writer.output(Stream::Stderr, b"oops", at(1500)).unwrap();
    writer.exit(3, at(1501)).unwrap();
    writer.sync().unwrap();

    let read = events(&folder);
    let kinds: Vec<_> = read.iter().map(|event| event.kind.clone()).collect();
    let output = |stream, text: &str| Kind::Output { stream, text: text.into() };
    assert_eq!(
        kinds,
        [
            Kind::Resize { cols: 80, rows: 24 },
            output(Stream::Stdout, "\u{1b}[1mhello\r\n"),
            Kind::Resize { cols: 100, rows: 30 },
            Kind::Marker("a \"mark\"".into()),
            output(Stream::Stderr, "oops"),
            Kind::Exit(3),
        ]
    );
    let times: Vec<_> = read.iter().map(|event| event.time_ms() - at(0).wall_ms).collect();
    assert_eq!(times, [0, 5, 7, 7, 1500, 1501]);
    assert_eq!(read.last().unwrap().offset, writer.stream_offset());

    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&folder.join("000001.cast"))), (0o700, 0o600));
}

#[test]
fn another_attempt_continues_the_recording_on_an_empty_screen() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = writer(folder.path());
    first.output(Stream::Stdout, b"one", at(1)).unwrap();
    first.exit(1, at(2)).unwrap();
    let mut second = Writer::create(folder.path(), header(), LEAST, at(3)).unwrap();
    assert_eq!((second.attempt(), second.stream_offset()), (2, 3));
    second.output(Stream::Stdout, b"two", at(4)).unwrap();
    second.exit(0, at(5)).unwrap();

    let read = kinds(folder.path());
    let place = read.iter().position(|kind| *kind == Kind::Exit(1)).unwrap();
    assert_eq!(
        read[place + 1..place + 4],
        [
            Kind::Resize { cols: 80, rows: 24 },
            Kind::Checkpoint("\u{1b}c".into()),
            Kind::Marker("watchkeeper: attempt 2".into()),
        ]
    );
    let file = exported(folder.path(), ExportOptions::default());
    let codes: String = file.iter().map(|(_, code, _)| code.as_str()).collect();
    assert_eq!(codes, "omromox");
    assert_eq!(file[1].2, "watchkeeper: attempt exited with 1");
    assert_eq!(file.last().unwrap().2, "0");
}

#[test]
fn standard_error_is_exported_as_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    writer.output(Stream::Stdout, b"a\nb\r", at(1)).unwrap();
    writer.output(Stream::Stderr, b"\nc\r\n", at(2)).unwrap();
    let export = |stderr, carriage_returns| {
        let file = exported(folder.path(), ExportOptions { stderr, carriage_returns });
        file.into_iter().map(|(_, code, data)| code + &data).collect::<Vec<_>>()
    };
    assert_eq!(export(StderrAs::Stderr, false), ["oa\nb\r", "e\nc\r\n"]);
    assert_eq!(export(StderrAs::LeftOut, false), ["oa\nb\r"]);
    assert_eq!(export(StderrAs::Output, true), ["oa\r\nb\r", "o\nc\r\n"]);
}

#[test]
fn a_gap_ends_an_unfinished_character() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    writer.output(Stream::Stdout, b"\xe2\x82", at(1)).unwrap();
    writer.gap(7, "disk full", at(2)).unwrap();
    writer.output(Stream::Stdout, b"\xacx", at(3)).unwrap();
    let read = kinds(folder.path());
    let output = |text: &str| Kind::Output { stream: Stream::Stdout, text: text.into() };
    assert_eq!(
        read[1..],
        [
            output("\u{fffd}"),
            Kind::Marker("watchkeeper: gap of 7 bytes (disk full)".into()),
            output("\u{fffd}x"),
        ]
    );
}

#[test]
fn more_than_an_event_holds_becomes_several() {
    let folder = tempfile::tempdir().unwrap();
    let options = wk_recording::Options::default();
    let mut writer = Writer::create(folder.path(), header(), options, at(0)).unwrap();
    let long = "€".repeat(1_000_000);
    writer.output(Stream::Stdout, long.as_bytes(), at(1)).unwrap();
    writer.shrink();
    let read = events(folder.path());
    assert_eq!(read.len(), 4);
    assert!(text_of(&read, Stream::Stdout) == long);
}

#[test]
fn a_segment_that_nobody_ends_is_full_one_day() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    let refused = (0..100).find_map(|_| writer.output(Stream::Stdout, &[b'x'; 9000], at(1)).err());
    assert!(matches!(refused, Some(RecordingError::Full { .. })));
    assert!(writer.bytes() < LEAST.max_size + 10_000);
    writer.rotate(b"", 80, 24, at(2)).unwrap();
    writer.output(Stream::Stdout, b"again", at(3)).unwrap();
    assert_eq!(text_of(&events(folder.path()), Stream::Stdout), "again");
}

#[test]
fn an_unusable_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording");
    fs::write(&path, "a file").unwrap();
    let error = Writer::create(&path, header(), LEAST, at(0)).unwrap_err().to_string();
    assert!(error.contains("recording"), "{error}");
}

#[derive(Clone, Debug)]
enum Step {
    Output(bool, Vec<u8>),
    Resize(u16, u16),
    Rotate(Vec<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    let cut = "[a-z€😀\u{1b}\n]{0,9}".prop_map(|text| {
        let cut = text.len().saturating_sub(1);
        text.into_bytes()[..cut].to_vec()
    });
    prop_oneof![
        4 => (any::<bool>(), prop_oneof![vec(any::<u8>(), 0..300), cut])
            .prop_map(|(error, bytes)| Step::Output(error, bytes)),
        1 => (1..500_u16, 1..500_u16).prop_map(|(cols, rows)| Step::Resize(cols, rows)),
        1 => vec(any::<u8>(), 0..40).prop_map(Step::Rotate),
    ]
}

proptest! {
    #[test]
    fn what_is_read_is_the_lossy_text_of_what_was_written(steps in vec(step(), 0..40)) {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = writer(folder.path());
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        for (number, step) in steps.iter().enumerate() {
            let now = at(number as u64);
            match step {
                Step::Output(false, bytes) => {
                    stdout.extend_from_slice(bytes);
                    writer.output(Stream::Stdout, bytes, now).unwrap();
                }
                Step::Output(true, bytes) => {
                    stderr.extend_from_slice(bytes);
                    writer.output(Stream::Stderr, bytes, now).unwrap();
                }
                Step::Resize(cols, rows) => writer.resize(*cols, *rows, now).unwrap(),
                Step::Rotate(checkpoint) => writer.rotate(checkpoint, 80, 24, now).unwrap(),
            }
        }
        writer.exit(0, at(99)).unwrap();
        let read = events(folder.path());
        prop_assert_eq!(text_of(&read, Stream::Stdout), String::from_utf8_lossy(&stdout));
        prop_assert_eq!(text_of(&read, Stream::Stderr), String::from_utf8_lossy(&stderr));
        prop_assert!(read.windows(2).all(|pair| pair[0].time_us <= pair[1].time_us));
        prop_assert_eq!(read.last().unwrap().time_ms(), at(99).wall_ms);
        prop_assert_eq!(read.last().unwrap().offset, writer.stream_offset());

        let total: u64 = read_segments(folder.path()).unwrap().iter().map(|s| s.bytes).sum();
        prop_assert_eq!(total, writer.bytes());
    }

    #[test]
    fn the_recording_stays_in_its_bound_and_tells_what_was_dropped(
        sizes in vec(1..60_000_usize, 1..60),
        checkpoint in 0..5000_usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = writer(folder.path());
        let screen = vec![b'#'; checkpoint];
        for (number, size) in sizes.iter().enumerate() {
            let now = at(number as u64);
            if writer.wants_checkpoint() {
                writer.rotate(&screen, 90, 30, now).unwrap();
            }
            writer.output(Stream::Stdout, &vec![b'a' + (number % 26) as u8; *size], now).unwrap();
            prop_assert!(writer.bytes() <= LEAST.max_size + 60_100);
        }
        let read = events(folder.path());
        let dropped = match read[0].kind {
            Kind::Dropped { bytes } => bytes,
            _ => 0,
        };
        let written: usize = sizes.iter().sum();
        let kept = text_of(&read, Stream::Stdout).len();
        prop_assert_eq!(kept as u64 + dropped, written as u64);
        // No more is dropped than a segment of room and the longest one here ask for.
        prop_assert!(dropped == 0 || kept > 64 * 1024);

        let file = exported(folder.path(), ExportOptions::default());
        prop_assert!(file.iter().all(|(interval, ..)| *interval >= 0.0));
        let shown: String =
            file.iter().filter(|(_, code, _)| code == "o").map(|(.., data)| data.as_str()).collect();
        if dropped > 0 {
            prop_assert!(shown.starts_with(str::from_utf8(&screen).unwrap()));
            let label = format!("watchkeeper: {dropped} bytes of earlier output dropped");
            prop_assert_eq!(file.iter().filter(|(_, code, _)| code == "m").count(), 1);
            prop_assert_eq!(&file[usize::from(checkpoint > 0)].2, &label);
        }
        let screens = if dropped > 0 { checkpoint } else { 0 };
        prop_assert_eq!(shown.len(), kept + screens);
    }
}
