//! What is put off and passed over could not have been told from what is not.

use proptest::prelude::*;

use super::snapshot::assert_same;
use super::streams::{sizes, stream};
use crate::{LazyScreen, Screen};

/// Text, colours and line ends of all kinds, more than any small screen and scrollback hold.
fn flood() -> impl Strategy<Value = Vec<u8>> {
    let text = |text: &'static str| text.prop_map(String::into_bytes);
    let line = prop_oneof![
        4 => text("[ -~]{0,30}\r\n"),
        40 => text("[ -~]{0,4}\r\n"),
        1 => text("[ -~]{0,30}\n"),
        1 => text("[ -~]{0,200}\r"),
        1 => text("\n"),
        4 => text("[a-c国語ä\u{301}\t\x07\x08\x0b]{0,9}\r\n"),
        1 => text("[a-z]{0,20}\x1b\\[[0-3]?[KPXCDG@][a-z]{0,4}\r\n"),
        8 => text("\x1b\\[(0|1|7|31|48;5;9|4:3)?m[ -~]{0,6}\r\n"),
        1 => Just(b"\xe5\x9b\r\n\xff\xf0\x9f\x98\x1b[1m\x80\r\n".to_vec()),
        1 => Just(b"\x1b[35m\r\n".to_vec()),
    ];
    // What follows them may still be no more than colours.
    let rest = prop_oneof![
        3 => Just(b"the end".to_vec()),
        1 => Just(b"\x1b[1m\r\n".repeat(3000)),
        1 => Just(b"\r\n".repeat(9000)),
    ];
    (prop::collection::vec(line, 200..300), 16_usize..20, rest)
        .prop_map(|(lines, times, rest)| [lines.concat().repeat(times), rest].concat())
}

#[test]
fn a_flood_is_passed_over_without_being_emulated() {
    let mut lazy = LazyScreen::new(super::size("80x24"), 100);
    let lines: Vec<u8> = (0..20_000)
        .flat_map(|n| format!("\x1b[32mINFO\x1b[0m line {n} of ünïcode\r\n").into_bytes())
        .collect();
    lines.chunks(4000).for_each(|piece| lazy.feed(piece));
    assert_eq!(lazy.before().text(true), "", "nobody has looked");
    assert!(lazy.waiting() < lines.len() / 2);
    let shown = lazy.now().text(true);
    assert!(shown.ends_with("line 19999 of ünïcode\n"));
    assert_eq!(shown.lines().count(), 100 + 23);
    assert_eq!(lazy.waiting(), 0);
}

#[test]
fn a_question_behind_a_flood_is_answered_at_once() {
    let mut lazy = LazyScreen::new(super::size("80x24"), 500);
    lazy.feed(b"one\r\ntwo\x1b[");
    assert_eq!(lazy.take_answers(), b"");
    lazy.feed(b"6n");
    assert_eq!(lazy.take_answers(), b"\x1b[2;4R");
    assert_eq!(lazy.take_answers(), b"");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_flood_at_once_is_as_good_as_line_by_line(
        size in sizes(),
        history in 0_usize..40,
        before in stream(20),
        flood in flood(),
        after in stream(10),
        pieces in prop::collection::vec(1_usize..70_000, 1..20),
        looks in any::<[bool; 4]>(),
    ) {
        let (mut lazy, mut eager) = (LazyScreen::new(size, history), Screen::new(size, history));
        let all = [&before[..], &flood, &after, &flood[..flood.len() / 3]].concat();
        let (mut rest, mut number) = (&all[..], 0);
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(pieces[number % pieces.len()].min(rest.len()));
            lazy.feed(piece);
            piece.split_inclusive(|byte| *byte == b'\n').for_each(|line| eager.feed(line));
            prop_assert_eq!(lazy.take_answers(), eager.take_answers());
            if looks[number % looks.len()] && number % 5 == 4 {
                assert_same(lazy.now(), &eager, "looked at");
                prop_assert_eq!(lazy.now().ansi(true), eager.ansi(true));
            }
            (rest, number) = (behind, number + 1);
        }
        assert_same(lazy.now(), &eager, "flooded");
        prop_assert_eq!(lazy.now().ansi(true), eager.ansi(true));
        let repeated = lazy.now().emulator.state.last_char;
        prop_assert_eq!(repeated, eager.emulator.state.last_char);
    }
}

proptest! {
    #[test]
    fn to_put_work_off_changes_nothing(
        size in sizes(),
        stream in stream(40),
        cut in 1_usize..40,
    ) {
        let (mut lazy, mut eager) = (LazyScreen::new(size, 9), Screen::new(size, 9));
        for piece in stream.chunks(cut) {
            lazy.feed(piece);
            eager.feed(piece);
            prop_assert_eq!(lazy.take_answers(), eager.take_answers());
            prop_assert_eq!(lazy.before().title(), eager.title());
        }
        assert_same(lazy.now(), &eager, "put off");
        prop_assert_eq!(lazy.now().ansi(true), eager.ansi(true));
    }
}
