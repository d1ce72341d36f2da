//! A slot of the witness's ring, and a line of one of its peers, with any bytes in them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wk_witness::{protocol::Ask, raw};

fuzz_target!(|data: &[u8]| {
    assert!(raw::parse(data).is_err() || data.len() == raw::SIZE);
    let mut slot = [0; raw::SIZE];
    let length = data.len().min(raw::SIZE);
    slot[..length].copy_from_slice(&data[..length]);
    for kind in 0..=5u32 {
        slot[16..20].copy_from_slice(&kind.to_ne_bytes());
        assert_eq!(raw::parse(&slot).is_ok(), (1..=4).contains(&kind));
    }
    let _ = raw::arguments(data);
    if let Ok(ask) = serde_json::from_slice::<Ask>(data) {
        let line = serde_json::to_vec(&ask).expect("what was read can be written");
        assert_eq!(serde_json::from_slice::<Ask>(&line).ok(), Some(ask));
    }
});
