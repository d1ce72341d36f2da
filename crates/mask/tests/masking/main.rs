//! What the masker hides, what it leaves alone, and that it does so however a stream is split.

mod assignments;
mod key_blocks;
mod ordinary_text;
mod properties;
mod shapes;
mod streams;

use wk_mask::Masker;

/// Masks pieces of one stream.
fn mask(pieces: &[&[u8]]) -> Vec<u8> {
    let mut masker = Masker::new();
    let mut out = Vec::new();
    for piece in pieces {
        masker.feed(piece, &mut out);
        assert!(masker.pending() <= wk_mask::MAX_PENDING);
    }
    masker.finish(&mut out);
    assert_eq!(masker.pending(), 0);
    out
}

fn mask_string(text: &str) -> String {
    String::from_utf8(mask(&[text.as_bytes()])).expect("as much UTF-8 as before")
}

/// A body like those of real secrets; they are made here, for written out they would alarm
/// every scanner of repositories.
fn body(alphabet: &str, length: usize) -> String {
    let alphabet = alphabet.as_bytes();
    (0..length)
        .map(|index| char::from(alphabet[(index * 7 + index / 5) % alphabet.len()]))
        .collect()
}

const ALNUM: &str = "a7Bq2XkZ9mWc4Rt0LpJd5Vh";
const HEX: &str = "4f09ac71be";
const UPPER: &str = "Q7ZK2XMB4T";
const URL64: &str = "a7B-q2XkZ_9mWc4Rt0Lp";
