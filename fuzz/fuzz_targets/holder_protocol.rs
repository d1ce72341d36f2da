//! Frames of the holder's protocol: whatever reads as a message is written and read back alike.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wk_holder::protocol::{Frame, Reply, Request, frame};

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    while let Ok(Some(found)) = frame(rest) {
        if let Ok(Some(request)) = Request::read(&found) {
            let mut wire = Vec::new();
            request.put(&mut wire);
            assert_eq!(Request::read(&whole(&wire)).ok().flatten(), Some(request));
        }
        if let Ok(Some(reply)) = Reply::read(&found) {
            let mut wire = Vec::new();
            reply.put(&mut wire);
            assert_eq!(Reply::read(&whole(&wire)).ok().flatten(), Some(reply));
        }
        rest = &rest[found.taken..];
    }
});

fn whole(wire: &[u8]) -> Frame<'_> {
    let found = frame(wire).ok().flatten().expect("what was written is a frame");
    assert_eq!(found.taken, wire.len());
    found
}
