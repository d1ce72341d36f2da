//! The masker: its output depends on the bytes, not on how they were cut, and keeps their number.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wk_mask::{MAX_PENDING, Masker};

fuzz_target!(|data: &[u8]| {
    let Some((size, stream)) = data.split_first() else { return };
    let whole = masked(stream, stream.len().max(1));
    assert_eq!(whole.len(), stream.len());
    assert_eq!(masked(stream, usize::from(*size).max(1)), whole);
    wk_mask::mask_text(&String::from_utf8_lossy(stream));
});

fn masked(stream: &[u8], size: usize) -> Vec<u8> {
    let (mut masker, mut out) = (Masker::new(), Vec::new());
    for piece in stream.chunks(size) {
        masker.feed(piece, &mut out);
        assert!(masker.pending() <= MAX_PENDING);
    }
    masker.finish(&mut out);
    out
}
