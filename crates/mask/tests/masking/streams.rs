//! What waits, for how long, and what the end of a stream releases.

use wk_mask::{MAX_PENDING, Masker};

use crate::{ALNUM, URL64, body, mask};

/// The output so far, and how much waits.
fn after_feeding(text: &str) -> (String, usize) {
    let mut masker = Masker::new();
    let mut out = Vec::new();
    masker.feed(text.as_bytes(), &mut out);
    (String::from_utf8(out).expect("ASCII"), masker.pending())
}

#[test]
fn only_an_undecided_body_waits() {
    assert_eq!(after_feeding("$ make\nghp_"), ("$ make\nghp_".to_owned(), 0));
    assert_eq!(after_feeding("ghp_abc123"), ("ghp_".to_owned(), 6));
    assert_eq!(after_feeding("ghp_abc123 "), ("ghp_abc123 ".to_owned(), 0));
    let text = format!("ghp_{}", body(ALNUM, 40));
    assert_eq!(after_feeding(&text), (format!("ghp_{}", "*".repeat(40)), 0));
    assert_eq!(after_feeding("-----BEGIN PRIVATE KEY-----\nMIIE").1, 0);
}

#[test]
fn a_secret_split_after_every_byte_is_hidden() {
    let text = format!("a ghp_{} b", body(ALNUM, 36));
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
    assert_eq!(mask(&pieces), format!("a ghp_{} b", "*".repeat(36)).as_bytes());
}

#[test]
fn the_end_releases_what_was_undecided_but_hides_secrets_inside_it() {
    assert_eq!(mask(&[b"ghp_abc", b"def"]), b"ghp_abcdef");
    // The header of a web token may hold another secret, to which it is no boundary.
    let text = format!("eyJ{}-ghp_{}", body(URL64, 30), body(ALNUM, 36));
    let masked = format!("eyJ{}-ghp_{}", body(URL64, 30), "*".repeat(36));
    assert_eq!(mask(&[text.as_bytes()]), masked.as_bytes());
}

#[test]
fn a_masker_is_as_new_after_the_end() {
    let mut masker = Masker::new();
    let mut out = Vec::new();
    masker.feed(b"-----BEGIN PRIVATE KEY-----\nabc token=", &mut out);
    masker.finish(&mut out);
    out.clear();
    masker.feed(b"plain words", &mut out);
    assert_eq!(out, b"plain words");
}

#[test]
fn a_candidate_that_fails_is_read_again_for_others() {
    let token = body(ALNUM, 36);
    let stars = "*".repeat(36);
    for before in ["sk-proj-", "https://", "glpat-short-", "token: <hf_", "eyJhbGci.", "SG.abc-"] {
        let text = format!("{before}/ghp_{token}/");
        let masked = mask(&[text.as_bytes()]);
        assert_eq!(String::from_utf8(masked).unwrap(), format!("{before}/ghp_{stars}/"));
    }
}

#[test]
fn a_web_token_with_a_huge_header_is_hidden_and_waits_in_bounds() {
    let (header, payload) = (body(URL64, 9000), body(URL64, 50));
    let text = format!("eyJ{header}.eyJ{payload}.{payload} end");
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(100).collect();
    let masked = String::from_utf8(mask(&pieces)).unwrap();
    assert_eq!(masked, format!("eyJ{} end", "*".repeat(9000 + 4 + 50 + 1 + 50)));
}

#[test]
fn hostile_candidates_stay_within_bounds() {
    for piece in ["-eyJ", "eyJ-", "token=", "://a:", "sk-sk-", "-----END ", "\x1b[", ".eyJa-hf_"] {
        let mut masker = Masker::new();
        let mut out = Vec::new();
        let mut length = 0;
        for _ in 0..20_000 {
            masker.feed(piece.as_bytes(), &mut out);
            length += piece.len();
            assert!(masker.pending() <= MAX_PENDING);
            assert_eq!(out.len() + masker.pending(), length, "{piece:?}");
        }
    }
}
