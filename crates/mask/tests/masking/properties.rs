//! What holds for all streams and all ways to split them.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::{ALNUM, URL64, body, mask};

/// Text with what openers are made of, so that candidates begin, fail and overlap.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let fragments = [
        "ghp_",
        "sk-",
        "ant-",
        "eyJ",
        ".eyJ",
        "token",
        "=",
        ": ",
        "\"",
        "\\\"",
        "API_KEY",
        "://",
        "user:",
        "@",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "-----END ",
        "\x1b[32m",
        "\x1b",
        "\r\n",
        " ",
        "hf_",
        "SG.",
        "AKIA",
        "Bearer ",
        "word",
        "0123456789",
        "/",
        "-",
        "é",
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "--password ",
    ];
    let fragment = prop_oneof![
        4 => prop::sample::select(fragments.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..20),
    ];
    vec(fragment, 0..60).prop_map(|fragments| fragments.concat())
}

fn prose() -> impl Strategy<Value = String> {
    let words = [
        "compiling",
        "src/main.rs:12:5",
        "ok",
        "3.14",
        "task-1",
        "tokens",
        "✔",
        "\x1b[1m",
        "\n",
        "x=1",
    ];
    vec(prop::sample::select(words.to_vec()), 0..40).prop_map(|words| words.join(" "))
}

/// A shape: what stays before the secret, the secret, what ends it.
fn secret() -> impl Strategy<Value = (&'static str, String, &'static str)> {
    let shapes = vec![
        ("ghp_", ALNUM, 36, "\n"),
        ("\x1b[31msk-ant-", URL64, 90, "\x1b[0m"),
        ("export MY_SECRET=", URL64, 24, " "),
        ("\"password\": \"", ALNUM, 12, "\","),
        ("Authorization: Bearer ", URL64, 40, "\r\n"),
        ("amqp://user:", ALNUM, 14, "@host/"),
        ("-----BEGIN PRIVATE KEY-----\n", ALNUM, 640, "\n-----END PRIVATE KEY-----\n"),
    ];
    (prop::sample::select(shapes), 0..1000_usize).prop_map(
        |((before, alphabet, length, after), salt)| {
            let body: String = body(alphabet, length + salt).split_off(salt);
            (before, body, after)
        },
    )
}

/// Cuts at the given places, taken modulo the length.
fn split<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

proptest! {
    #[test]
    fn the_output_does_not_depend_on_how_a_stream_is_split(
        bytes in noise(),
        cuts in vec(any::<usize>(), 0..40),
    ) {
        let whole = mask(&[&bytes]);
        prop_assert_eq!(&mask(&split(&bytes, &cuts)), &whole);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(&mask(&single), &whole);
        prop_assert_eq!(whole.len(), bytes.len());
        for (masked, byte) in whole.iter().zip(&bytes) {
            prop_assert!(masked == byte || (*masked == b'*' && matches!(byte, b' '..=b'~')));
        }
    }

    #[test]
    fn arbitrary_bytes_keep_their_length(bytes in vec(any::<u8>(), 0..5000)) {
        prop_assert_eq!(mask(&[&bytes]).len(), bytes.len());
    }

    #[test]
    fn planted_secrets_never_survive(
        pieces in vec((prose(), secret()), 1..6),
        cuts in vec(any::<usize>(), 0..40),
    ) {
        let (mut stream, mut expected) = (String::new(), String::new());
        for (text, (before, secret, after)) in &pieces {
            stream += &format!("{text} {before}{secret}{after}");
            expected += &format!("{text} {before}{}{after}", "*".repeat(secret.len()));
        }
        let masked = mask(&split(stream.as_bytes(), &cuts));
        prop_assert_eq!(String::from_utf8(masked).unwrap(), expected);
    }

    #[test]
    fn text_without_secrets_is_unchanged(text in prose(), cuts in vec(any::<usize>(), 0..20)) {
        prop_assert_eq!(mask(&split(text.as_bytes(), &cuts)), text.as_bytes());
    }

    #[test]
    fn much_at_once_is_masked_like_single_bytes(
        lines in vec(prop_oneof![1 => noise(), 9 => prose().prop_map(String::into_bytes)], 20..40),
        times in 1..9_usize,
    ) {
        let bytes = lines.join(&b'\n').repeat(times);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(mask(&[&bytes]), mask(&single));
    }
}
