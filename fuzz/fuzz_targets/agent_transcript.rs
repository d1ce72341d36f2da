//! Transcripts: agents write them, and anybody may say that a file is one.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wk_agents::{
    agent::Version,
    transcript::{Counter, nano_dollars},
};

fuzz_target!(|data: &[u8]| {
    let (mut whole, mut pieces) = (Counter::default(), Counter::default());
    whole.feed(data);
    let cut = data.first().map_or(0, |first| usize::from(*first).min(data.len()));
    pieces.feed(&data[..cut]);
    pieces.feed(&data[cut..]);
    assert_eq!(whole.tokens(), pieces.tokens());
    // Messages with a name are counted once; numbers only grow.
    let before = whole.tokens().unwrap_or_default();
    whole.feed(b"\n");
    whole.feed(data);
    let after = whole.tokens().unwrap_or_default();
    assert!(after.messages >= before.messages);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = (Version::find(text), nano_dollars(text));
    }
});
