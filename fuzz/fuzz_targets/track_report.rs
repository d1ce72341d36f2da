//! What clients tell of their shells: any JSON, from anybody.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wk_api::{TrackEnd, TrackHeartbeat, TrackStart};

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = serde_json::from_slice(bytes) else { return };
    if let Ok(start) = TrackStart::read(&value) {
        assert!((1..=4_194_304).contains(&start.pid));
        assert!(start.username.chars().count() <= 100 && !start.hostname.contains('\n'));
    }
    for faults in [
        TrackStart::read(&value).err(),
        TrackEnd::read(&value).err(),
        TrackHeartbeat::read(&value).err(),
    ] {
        // What is said of bad input is bounded, and one line.
        let text = faults.map(|faults| faults.to_string()).unwrap_or_default();
        assert!(text.len() < 4096 && !text.contains('\n'));
    }
});
