//! Two segments of a recording that hold anything: reading ends, and what is exported reads back.

#![no_main]

use std::{cell::OnceCell, fs};

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use wk_recording::{Events, ExportOptions, export, read_segments};

const START: &str = r#"{"version":3,"term":{"cols":80,"rows":24},"timestamp":1504467315}
# wk {"segment":1,"attempt":1,"time_ms":1504467315250,"stream_offset":0,"checkpoint":0}
"#;

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

fuzz_target!(|data: &[u8]| {
    FOLDER.with(|cell| {
        let folder = cell.get_or_init(|| tempfile::tempdir().expect("a temporary folder")).path();
        let (first, second) = data.split_at(data.len() / 2);
        // Most bytes are no start at all: the first segment is given one.
        let first = [START.as_bytes(), first].concat();
        fs::write(folder.join("000001.cast"), first).expect("a segment is written");
        fs::write(folder.join("000002.cast"), second).expect("a segment is written");

        read_segments(folder).expect("any folder can be listed");
        let _events = Events::new(folder).count();

        let mut out = Vec::new();
        export(folder, &mut out, ExportOptions::default()).expect("the first segment is there");
        for line in out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            assert!(
                line.starts_with(b"#") || serde_json::from_slice::<serde_json::Value>(line).is_ok()
            );
        }
    });
});
