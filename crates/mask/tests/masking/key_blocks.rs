//! Private keys over many lines.

use crate::{body, mask, mask_string};

const BASE64: &str = "MIIEvQ+BADan/Bgkqhki9w0x";

fn lines(count: usize) -> String {
    (0..count).map(|index| format!("{}\n", body(BASE64, 64 - index % 3))).collect()
}

fn stars(text: &str) -> String {
    text.chars().map(|shown| if shown.is_ascii_graphic() { '*' } else { shown }).collect()
}

#[test]
fn keys_keep_their_first_and_last_line_and_all_line_breaks() {
    for label in ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "] {
        for line_break in ["\n", "\r\n"] {
            let begin = format!("-----BEGIN {label}PRIVATE KEY-----{line_break}");
            let end = format!("-----END {label}PRIVATE KEY-----{line_break}after {BASE64}");
            let key = lines(26).replace('\n', line_break);
            assert_eq!(
                mask_string(&format!("before {begin}{key}{end}")),
                format!("before {begin}{}{end}", stars(&key)),
            );
        }
    }
}

#[test]
fn headers_and_short_last_lines_belong_to_the_key() {
    let text = format!("Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00FF\n\n{}ab==\n", lines(5));
    let (begin, end) = ("-----BEGIN RSA PRIVATE KEY-----\n", "-----END RSA PRIVATE KEY-----\n");
    assert_eq!(
        mask_string(&format!("{begin}{text}-{end}")),
        format!("{begin}{}*{end}", stars(&text)),
    );
    let (begin, end) =
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\n", "-----END PGP PRIVATE KEY BLOCK-----\n");
    assert_eq!(
        mask_string(&format!("{begin}{text}{end}")),
        format!("{begin}{}{end}", stars(&text))
    );
}

#[test]
fn keys_inside_json_keep_their_escaped_line_breaks() {
    let text = lines(3).replace('\n', "\\n");
    let expected = stars(&lines(3)).replace('\n', "\\n");
    let (begin, end) = ("\"-----BEGIN PRIVATE KEY-----\\n", "-----END PRIVATE KEY-----\\n\"");
    assert_eq!(mask_string(&format!("{begin}{text}{end}")), format!("{begin}{expected}{end}"));
}

#[test]
fn keys_on_a_screen_lose_neither_colours_nor_frames() {
    let line = body(BASE64, 64);
    let hidden = "*".repeat(64);
    let row = |text: &str| format!("\x1b[2;1H\x1b[38;5;8m│\x1b[0m \x1b(B{text}\x1b[K\r\n");
    let show = |text: &str| {
        row("-----BEGIN PRIVATE KEY-----")
            + &row(text).repeat(9)
            + &row("-----END PRIVATE KEY-----")
    };
    assert_eq!(mask_string(&show(&line)), show(&hidden));
}

#[test]
fn a_key_without_end_stops_hiding() {
    let begin = "-----BEGIN PRIVATE KEY-----";
    let endless = format!("\n{}", lines(2000));
    let masked = mask_string(&format!("{begin}{endless}"));
    let (hidden, shown) = endless.split_at(64 * 1024);
    // Not `assert_eq`, for its message would be the key twice.
    assert!(masked == format!("{begin}{}{shown}", stars(hidden)), "{}", &masked[65_500..65_700]);

    let cut_off = format!("{begin}\n{}", lines(3));
    let prose = "and then some words of plain text\n".repeat(100);
    let masked = mask_string(&format!("{cut_off}{prose}"));
    assert!(masked.ends_with(&prose[600..]), "{masked}");
}

#[test]
fn an_end_line_that_never_comes_is_hidden() {
    let text = "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIV";
    assert_eq!(mask(&[text.as_bytes()]), b"-----BEGIN PRIVATE KEY-----\n***\n******** ****");
}

#[test]
fn mentions_hide_nothing_even_split_from_what_follows() {
    let pieces: [&[u8]; 3] =
        [b"if starts_with(\"-----BEGIN PRIVATE KEY-----", b"\\", b"\") return;"];
    assert_eq!(mask(&pieces), pieces.concat());
}
