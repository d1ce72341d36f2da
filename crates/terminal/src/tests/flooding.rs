//! What is skipped of a flood could not have been told from what is not.

use proptest::prelude::*;

use super::snapshot::assert_same;
use super::streams::{sizes, stream};
use crate::Screen;

/// Text, colours and line ends of all kinds, more than any small screen and scrollback hold.
fn flood() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => "[ -~]{0,30}\r\n",
        40 => "[ -~]{0,4}\r\n",
        1 => "[ -~]{0,30}\n",
        1 => "[ -~]{0,200}\r",
        1 => Just("\n".to_owned()),
        8 => "\x1b\\[(0|1|7|31|48;5;9|4:3)?m[ -~]{0,6}\r\n",
    ];
    let lines = prop::collection::vec(line, 200..300);
    (lines, 16_usize..20).prop_map(|(lines, times)| lines.concat().repeat(times).into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_flood_at_once_is_as_good_as_line_by_line(
        size in sizes(),
        history in 0_usize..40,
        before in stream(20),
        flood in flood(),
        after in stream(10),
    ) {
        let (mut at_once, mut by_lines) = (Screen::new(size, history), Screen::new(size, history));
        at_once.feed(&[&before[..], &flood].concat());
        for piece in [&before[..], &flood].concat().split_inclusive(|byte| *byte == b'\n') {
            by_lines.feed(piece);
        }
        at_once.feed(&after);
        by_lines.feed(&after);
        assert_same(&at_once, &by_lines, "flooded");
        prop_assert_eq!(at_once.ansi(true), by_lines.ansi(true));
        prop_assert_eq!(at_once.emulator.state.last_char, by_lines.emulator.state.last_char);
    }
}
