//! Clients see everything but the questions, whenever they join.

use proptest::prelude::*;

use super::snapshot::assert_same;
use super::streams::{sizes, stream};
use crate::{MAX_SEQUENCE, QueryFilter, Screen};

const CANCEL: &[u8] = b"\x18";

fn filtered(pieces: &[&[u8]]) -> Vec<u8> {
    let mut filter = QueryFilter::new();
    let mut out = Vec::new();
    pieces.iter().for_each(|piece| filter.feed(piece, &mut out));
    out
}

proptest! {
    #[test]
    fn a_client_that_joins_anywhere_sees_what_the_emulator_sees(
        size in sizes(),
        stream in stream(40),
        at in any::<prop::sample::Index>(),
        attended in any::<bool>(),
    ) {
        let stream = [&*stream, CANCEL].concat();
        let (before, after) = stream.split_at(at.index(stream.len()));
        let mut whole = Screen::new(size, 0);
        let mut filter = QueryFilter::new();
        whole.feed(before);
        if attended {
            filter.feed(before, &mut Vec::new());
        } else {
            before.chunks(7).for_each(|piece| filter.skip(piece));
        }

        let mut client = Screen::new(size, 0);
        client.feed(&whole.redraw(0));
        client.emulator.state.last_char = whole.emulator.state.last_char;
        client.feed(filter.joining());
        let mut rest = Vec::new();
        filter.feed(after, &mut rest);
        client.feed(&rest);
        whole.feed(after);

        whole.redraw(0);
        client.redraw(0);
        assert_same(&whole, &client, "joined");
        let answers = client.take_answers();
        prop_assert!(answers.is_empty(), "asked: {:?}", String::from_utf8_lossy(&answers));
    }

    #[test]
    fn pieces_do_not_matter(stream in stream(40)) {
        let stream = [&*stream, CANCEL].concat();
        let bytewise: Vec<&[u8]> = stream.chunks(1).collect();
        prop_assert_eq!(filtered(&[&stream]), filtered(&bytewise));
    }

    #[test]
    fn little_is_held_back(stream in prop::collection::vec(any::<u8>(), 0..6000)) {
        let mut filter = QueryFilter::new();
        let mut out = Vec::new();
        for byte in [b"\x1b]", stream.as_slice()].concat() {
            filter.feed(&[byte], &mut out);
            prop_assert!(filter.held.len() <= MAX_SEQUENCE);
        }
    }
}

#[test]
fn questions_are_dropped_and_nothing_else() {
    for (input, want) in [
        ("a\x1b[cb\x1b[0cc\x1b[>cd\x1b[>0ce\x1b[=cf", "abcdef"),
        ("a\x1b[5nb\x1b[6nc\x1b[?6nd\x1b[?996ne", "abcde"),
        ("a\x1b[?2026$pb\x1b[20$pc", "abc"),
        ("a\x1b[?ub\x1b[>qc\x1b[>0qd\x1b[?4me", "abcde"),
        ("a\x1b[14tb\x1b[16tc\x1b[18td\x1b[21te\x1b[14;2tf", "abcdef"),
        ("a\x1b]10;?\x07b\x1b]11;?\x1b\\c\x1b]4;7;?\x07d\x1b]52;c;?\x1b\\e", "abcde"),
        ("a\x1bP$q q\x1b\\b\x1bP+q544e;636f\x1b\\c\x05d\x1bZe", "abcde"),
        ("a\x1b_Gi=31,s=1,a=q;AAAA\x1b\\b", "ab"),
        ("\x1b]4;1;?;2;#112233\x07", "\x1b]4;2;#112233\x07"),
        ("\x1b]10;#112233;?\x1b\\", "\x1b]10;#112233;\x1b\\"),
        ("a\x1b[3\x05\x0bJ", "a\x0b\x1b[3J"),
    ] {
        let out = filtered(&[input.as_bytes()]);
        assert_eq!(String::from_utf8_lossy(&out), want, "{input:?}");
    }
    for harmless in [
        "\x1b[31m\x1b[2J\x1b[1;1H\x1b[?25l\x1b[4 q\x1b[!p\x1b[22;0t\x1b[8;24;80t\x1b[u\x1b[>1u",
        "\x1b[<u\x1b[=1;1u\x1b[>4;2m\x1b[?2004h\x1b[>4n\x1b[?5W\x1b(0\x1b#8\x1b7\x1bc",
        "\x1b]0;title?\x07\x1b]8;;http://x/?\x1b\\\x1b]52;c;YQ==\x07\x1b]4;1;red\x07\x1b]133;A\x07",
        "\x1bPq#0;2;0;0;0\x1b\\\x1b_Ga=T,f=100;AAAA\x1b\\\x1b^x\x1b\\text é 中 😀\r\n\t\x07\x7f",
    ] {
        let out = filtered(&[harmless.as_bytes()]);
        assert_eq!(String::from_utf8_lossy(&out), harmless);
    }
    let invalid = b"\xff\xfe\xc3(\xe4\xb8 \xf0\x9f\x9bx\x80";
    assert_eq!(filtered(&[invalid]), invalid);
}

#[test]
fn long_pictures_and_clipboards_pass_whole() {
    for (begin, end) in [("\x1bPq", "\x1b\\"), ("\x1b]52;c;", "\x07"), ("\x1b_Ga=T;", "\x1b\\")] {
        let input = format!("a{begin}{}{end}b", "QUJD".repeat(5000));
        let pieces: Vec<&[u8]> = input.as_bytes().chunks(1000).collect();
        assert_eq!(filtered(&pieces), input.as_bytes());
    }
}

#[test]
fn a_client_that_joins_within_what_is_too_long_sees_none_of_it() {
    let long = "1".repeat(MAX_SEQUENCE + 1);
    for (begun, rest) in [
        ("\x1bPq#0~~".to_owned(), "~~visible?\x1b\\"),
        (format!("\x1bP{long}"), "1;1q~~visible?\x1b\\"),
        (format!("\x1bP{long}<"), "visible?\x1b\\"),
        (format!("\x1bP{}", " ".repeat(long.len())), " qvisible?\x1b\\"),
        (format!("\x1b]2;{long}"), "visible?\x07"),
        (format!("\x1b]2;{long}"), "visible?\x1b\\"),
        (format!("\x1b_Ga=T;{long}"), "visible?\x1b\\"),
        (format!("\x1b^{long}"), "visible?\x1b\\"),
        (format!("\x1b[{long}"), "31m"),
        (format!("\x1b[{}", " ".repeat(long.len())), " q"),
        (format!("\x1b[{}<", "1".repeat(long.len())), "1m"),
        (format!("\x1b({}", " ".repeat(long.len())), " 0"),
    ] {
        let mut filter = QueryFilter::new();
        filter.feed(begun.as_bytes(), &mut Vec::new());
        let mut stream = filter.joining().to_vec();
        filter.feed([rest, "after"].concat().as_bytes(), &mut stream);

        let client = super::screen("20x2", stream);
        let whole = super::screen("20x2", [&begun, rest, "after"].concat());
        assert_same(&whole, &client, rest);
        assert_eq!(client.ansi(false), "after\n", "{rest:?}");
        assert_eq!(client.title(), None, "{rest:?}");
    }
}
