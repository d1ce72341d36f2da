//! The filter of queries: cutting the stream never matters, and what it lets through is stable.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wk_terminal::QueryFilter;

fuzz_target!(|data: &[u8]| {
    let Some((size, stream)) = data.split_first() else { return };
    let whole = filtered(stream, stream.len().max(1));
    assert_eq!(filtered(stream, usize::from(*size).max(1)), whole);
});

fn filtered(stream: &[u8], size: usize) -> Vec<u8> {
    let (mut filter, mut out) = (QueryFilter::new(), Vec::new());
    for piece in stream.chunks(size) {
        filter.feed(piece, &mut out);
    }
    out
}
