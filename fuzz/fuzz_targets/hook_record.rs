//! What hooks leave behind, and what agents send through them: any bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wk_hook::{
    payload::Payload,
    record::{Head, Known, KnownBy, Record},
    shrink::Shrinker,
};
use wk_sources::hooks::{Told, Who};

fuzz_target!(|data: &[u8]| {
    if let Ok(record) = Record::decode(data) {
        assert_eq!(Record::decode(&record.encode()).as_ref(), Ok(&record));
        let _ = Told::of(record);
    }
    // As an agent's call.
    let bound = 1024;
    let payload = Payload::of(data, bound);
    assert_eq!(payload.bytes, data.len() as u64);
    assert!(payload.body.len() <= 2 * bound);
    let session = Known { id: payload.fields().session_id.unwrap_or_default(), by: KnownBy::Stdin };
    let head = Head { agent: "claude".into(), session, ..Head::default() };
    let record = Record { head, body: payload.body };
    match Told::of(Record::decode(&record.encode()).expect("what was written is read")).who {
        Who::Agent(agent) => {
            assert!(agent.event.len() <= 1024);
            assert!(agent.id.is_none_or(|id| !id.contains(['/', '\n', '\0']) && id.len() <= 256));
        }
        other => panic!("{other:?}"),
    }
    // Shortened JSON stays JSON, in pieces of any length.
    let shrink = |length: usize| {
        let mut shrinker = Shrinker::new(bound);
        data.chunks(length).for_each(|piece| shrinker.feed(piece));
        shrinker.finish()
    };
    let short = shrink(usize::MAX / 2);
    assert_eq!(short, shrink(3));
    let is_object = serde_json::from_slice::<serde_json::Map<_, serde_json::Value>>(data).is_ok();
    if is_object {
        assert!(serde_json::from_slice::<serde_json::Value>(&short).is_ok());
    }
});
