//! What `/proc` says of a process, whose name may hold any bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wk_sources::sampling::{ProcessUse, read_io};

fuzz_target!(|data: &[u8]| {
    let _ = read_io(data);
    if let Some(process) = ProcessUse::parse(data) {
        assert!(process.comm.len() <= 3 * data.len());
        let _ = process.is_dead();
    }
    // A name cannot pass itself off as the fields behind it.
    let name = String::from_utf8_lossy(data).into_owned();
    let text = format!("7 ({name}) S 3 7 7 0 -1 64 0 0 0 0 1 2 3 4 20 0 2 0 99 1 5 0\n");
    let process = ProcessUse::parse(text.as_bytes()).expect("this is a stat");
    assert_eq!((process.pid, process.parent, process.start_time), (7, 3, 99));
    assert_eq!((process.comm, process.resident_pages), (name, 5));
});
