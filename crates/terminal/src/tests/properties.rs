//! A redraw repeats everything, and pieces do not matter.

use proptest::prelude::*;

use super::snapshot::assert_same;
use super::streams::{apply, pieces, sizes, stream};
use crate::Screen;

const HISTORY: usize = 30;

/// Ends whatever sequence or character is open.
const CANCEL: &[u8] = b"\x18";

proptest! {
    #[test]
    fn a_redraw_brings_a_fresh_terminal_into_the_same_state(
        size in sizes(),
        before in pieces(50),
        after in pieces(20),
    ) {
        let mut screen = Screen::new(size, HISTORY);
        apply(&mut screen, &before);
        screen.feed(CANCEL);

        let mut other = Screen::new(screen.size(), HISTORY);
        other.feed(&screen.redraw(0));
        assert_same(&screen, &other, "redrawn");
        // This has its own property; on a screen full of E it cannot be drawn.
        other.emulator.state.last_char = screen.emulator.state.last_char;

        // What was not to be seen now may be seen later.
        apply(&mut screen, &after);
        apply(&mut other, &after);
        screen.feed(CANCEL);
        other.feed(CANCEL);
        screen.redraw(0);
        other.redraw(0);
        assert_same(&screen, &other, "and gone on");
    }

    #[test]
    fn a_redraw_covers_whatever_was_shown_before(
        size in sizes(),
        before in stream(30),
        wanted in stream(30),
    ) {
        let mut screen = Screen::new(size, 0);
        screen.feed(&wanted);
        screen.feed(CANCEL);
        let mut other = Screen::new(size, 0);
        other.feed(&before);
        other.feed(CANCEL);
        other.feed(&screen.redraw(0));

        // These are not reset: they may be the user's own.
        let state = &mut other.emulator.state;
        state.titles = screen.emulator.state.titles.clone();
        state.colors = screen.emulator.state.colors.clone();
        state.tabs = screen.emulator.state.tabs.clone();
        state.other_modes = screen.emulator.state.other_modes.clone();
        assert_same(&screen, &other, "drawn over");
    }

    #[test]
    fn a_stream_means_the_same_in_any_pieces(
        size in sizes(),
        stream in stream(40),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut whole = Screen::new(size, HISTORY);
        whole.feed(&stream);
        let mut bytewise = Screen::new(size, HISTORY);
        stream.chunks(1).for_each(|byte| bytewise.feed(byte));
        let mut cut = Screen::new(size, HISTORY);
        let mut cuts: Vec<usize> = cuts.iter().map(|at| at.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        cuts.windows(2).for_each(|ends| cut.feed(&stream[ends[0]..ends[1]]));

        for mut other in [bytewise, cut] {
            assert_same(&whole, &other, "in pieces");
            prop_assert_eq!(whole.emulator.state.last_char, other.emulator.state.last_char);
            prop_assert_eq!(whole.ansi(true), other.ansi(true));
            prop_assert_eq!(&whole.emulator.answers, &other.take_answers());
        }
    }

    #[test]
    fn the_scrollback_is_redrawn_above_the_screen(
        size in sizes(),
        stream in stream(40),
        count in 0..HISTORY,
    ) {
        let mut screen = Screen::new(size, HISTORY);
        screen.feed(&stream);
        screen.feed(CANCEL);
        let mut other = Screen::new(size, HISTORY);
        other.feed(&screen.redraw(count));

        // The blanks of a wrapped line are none if the next one is missing.
        let lines = |screen: &Screen, count| -> Vec<String> {
            let lines = screen.emulator.history.newest(count);
            lines.map(|line| line.ansi.trim_ascii_end().escape_ascii().to_string()).collect()
        };
        prop_assert_eq!(lines(&screen, count), lines(&other, HISTORY));
        assert_same(&screen, &other, "with scrollback");
    }

    #[test]
    fn what_would_be_repeated_is_repeated_after_a_redraw(
        size in sizes(),
        stream in stream(20),
        count in 1..30_u8,
    ) {
        let repeat = format!("\x1b[{count}b");
        let mut screen = Screen::new(size, 0);
        screen.feed(&stream);
        screen.feed(CANCEL);
        // As programs do it: the character stands before the cursor.
        screen.feed(b"x");
        let mut other = Screen::new(size, 0);
        other.feed(&screen.redraw(0));
        screen.feed(repeat.as_bytes());
        other.feed(repeat.as_bytes());
        screen.redraw(0);
        other.redraw(0);
        assert_same(&screen, &other, "repeated");
    }

    #[test]
    fn no_bytes_and_no_sizes_panic(
        sizes in prop::collection::vec((1..=3_u16, 1..=3_u16), 1..5),
        streams in prop::collection::vec(stream(15), 5),
    ) {
        let mut screen = Screen::new(super::size("3x2"), 2);
        for ((cols, rows), stream) in sizes.into_iter().zip(streams) {
            screen.resize(crate::Size::new(cols, rows).unwrap());
            screen.feed(&stream);
            screen.redraw(9);
            screen.ansi(true);
        }
    }
}
