//! A disk that refuses leaves a whole recording with a marked gap.
//!
//! The kernel refuses for real, by the limit of this process on the size of
//! files. That limit is why there is one test here only.

#![allow(clippy::unwrap_used)]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;
use wk_recording::{Events, Header, Kind, Options, RecordingError, Stamp, Stream, Writer};

fn at(ms: u64) -> Stamp {
    Stamp { wall_ms: ms, monotonic_us: ms * 1000 }
}

/// Runs `act` while no file may grow beyond `limit` bytes.
fn with_files_up_to<T>(limit: u64, act: impl FnOnce() -> T) -> T {
    let before = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, Rlimit { current: Some(limit), ..before }).unwrap();
    let value = act();
    setrlimit(Resource::Fsize, before).unwrap();
    value
}

#[derive(Clone, Debug)]
struct Step {
    bytes: Vec<u8>,
    /// How far the newest segment may grow in this step.
    room: u64,
    rotate: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = prop_oneof![
        vec(any::<u8>(), 1..200),
        "[a-z€😀\n]{1,40}".prop_map(String::into_bytes),
        // More than the writer's buffer: the disk refuses in the middle of a line.
        (1..6_u8).prop_map(|size| vec![b'\x1b'; usize::from(size) * 40_000]),
    ];
    let room = prop_oneof![3 => Just(u64::MAX / 2), 2 => 0..300_u64, 1 => 0..900_000_u64];
    (bytes, room, proptest::bool::weighted(0.1)).prop_map(|(bytes, room, rotate)| Step {
        bytes,
        room,
        rotate,
    })
}

/// Records the steps as a holder would; what must be read is what was accepted, gaps marked.
fn record(steps: &[Step]) {
    let folder = tempfile::tempdir().unwrap();
    let header = Header { cols: 80, rows: 24, ..Header::default() };
    let options = Options { max_size: 1 << 30 };
    let mut writer = Writer::create(folder.path(), header, options, at(0)).unwrap();
    let mut want = String::new();
    let mut accepted = Vec::new();
    let mut lost = 0;
    let mut segment = 1;
    for (number, step) in steps.iter().enumerate() {
        let now = at(number as u64);
        let path = folder.path().join(format!("{segment:06}.cast"));
        let limit = fs::metadata(&path).unwrap().len() + step.room;
        with_files_up_to(limit, || {
            if step.rotate && writer.rotate(&[b's'; 200], 80, 24, now).is_ok() {
                segment += 1;
            }
            if lost > 0 && writer.gap(lost, "disk full", now).is_ok() {
                want.push_str(&String::from_utf8_lossy(&accepted));
                want.push_str(&format!("<watchkeeper: gap of {lost} bytes (disk full)>"));
                accepted.clear();
                lost = 0;
            }
            // Behind a loss nothing is taken before the gap is told.
            let taken = if lost > 0 {
                false
            } else {
                match writer.output(Stream::Stdout, &step.bytes, now) {
                    Ok(()) => true,
                    Err(RecordingError::Write { .. }) => false,
                    Err(error) => panic!("{error}"),
                }
            };
            if taken {
                accepted.extend_from_slice(&step.bytes);
            } else {
                lost += step.bytes.len() as u64;
            }
        });
        let content = fs::read(folder.path().join(format!("{segment:06}.cast"))).unwrap();
        assert!(content.ends_with(b"\n"), "a torn line stays behind");
        assert!(!folder.path().join("segment.new").exists());
    }
    writer.exit(0, at(99)).unwrap();
    want.push_str(&String::from_utf8_lossy(&accepted));

    let mut read = String::new();
    for event in Events::new(folder.path()) {
        match event.unwrap().kind {
            Kind::Output { text, .. } => read.push_str(&text),
            Kind::Marker(label) => read.push_str(&format!("<{label}>")),
            _ => {}
        }
    }
    assert!(read == want, "{} bytes read, {} wanted", read.len(), want.len());
}

/// A recording at its bound drops its oldest part before it needs the space.
fn make_room_first() {
    let folder = tempfile::tempdir().unwrap();
    let header = Header { cols: 80, rows: 24, ..Header::default() };
    let options = Options { max_size: 256 * 1024 };
    let mut writer = Writer::create(folder.path(), header, options, at(0)).unwrap();
    let oldest = folder.path().join("000001.cast");
    while writer.bytes() + 64 * 1024 < options.max_size {
        writer.output(Stream::Stdout, &[b'x'; 33_000], at(1)).unwrap();
        writer.rotate(b"screen", 80, 24, at(1)).unwrap();
    }
    writer.output(Stream::Stdout, &[b'x'; 33_000], at(2)).unwrap();
    assert!(oldest.exists());
    let refused = with_files_up_to(0, || writer.rotate(b"screen", 80, 24, at(2)));
    assert!(matches!(refused, Err(RecordingError::Start { .. })));
    assert!(!oldest.exists());
    writer.rotate(b"screen", 80, 24, at(3)).unwrap();
}

#[test]
fn a_full_disk_leaves_whole_lines_and_marked_gaps() {
    // Otherwise the kernel ends a process that goes over the limit.
    // SAFETY: ignoring a signal runs no code of ours.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };

    make_room_first();
    let refused = |room| Step { bytes: b"refused".to_vec(), room, rotate: false };
    let fits = Step { bytes: b"fits".to_vec(), room: 1000, rotate: false };
    record(&[fits.clone(), refused(0), refused(9), Step { rotate: true, ..refused(20) }, fits]);

    let config = ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() };
    let mut runner = TestRunner::new(config);
    runner
        .run(&vec(step(), 1..25), |steps| {
            record(&steps);
            Ok(())
        })
        .unwrap();
}
