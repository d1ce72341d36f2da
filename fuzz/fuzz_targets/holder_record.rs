//! A holder's record and exit, as a crash or a foreign hand may have left them.

#![no_main]

use std::{cell::OnceCell, fs};

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use wk_holder::{folder, record};

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

fuzz_target!(|data: &[u8]| {
    FOLDER.with(|cell| {
        let session = cell.get_or_init(|| tempfile::tempdir().expect("a temporary folder")).path();
        let (written, exit) = data.split_at(data.len() / 2);
        fs::write(folder::record(session, 1), written).expect("the record is written");
        fs::write(folder::exit(session, 1), exit).expect("the exit is written");

        let all = record::read(session, 1, 0).expect("any bytes can be read");
        let numbers: Vec<u64> = all.entries.iter().map(|entry| entry.number).collect();
        if let Some(last) = numbers.iter().max() {
            let after = record::read(session, 1, *last).expect("any bytes can be read");
            assert!(after.entries.is_empty());
        }
    });
});
