//! What is ours shows the same as alacritty's own terminal.
//!
//! On streams without what is better here on purpose: alacritty's terminal
//! leaves halves of wide characters, writes tabulators into cells, erases left
//! of the cursor, forgets the scroll region when it moves the cursor, and keeps
//! the cursor saved on an alternate screen for the next one.

use alacritty_terminal::event::VoidListener;
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::Line;
use alacritty_terminal::term::cell::Flags;
use alacritty_terminal::term::test::TermSize;
use alacritty_terminal::term::{Config, Term};
use alacritty_terminal::vte::ansi::{Processor, StdSyncHandler};
use proptest::prelude::*;
use proptest::sample::select;

use crate::{Screen, Size};

const COLUMNS: usize = 10;
const ROWS: usize = 5;

fn pieces() -> impl Strategy<Value = String> {
    let text = prop_oneof![3 => "[ -~]{1,14}", 1 => "[a-z中語😀é]{1,6}", 1 => "[a-z]\u{301}"];
    let place = (1..7_u8, 1..13_u8).prop_map(|(line, column)| format!("\x1b[{line};{column}H"));
    let region = (1..4_u8, 1..3_u8).prop_map(|(top, more)| format!("\x1b[{top};{}r", top + more));
    let count = (0..7_u8, select(vec!["C", "D", "S", "T", "L", "M", "G", "d"]))
        .prop_map(|(count, action)| format!("\x1b[{count}{action}"));
    let color = (0..9_u8, 0..8_u8, 40..48_u8)
        .prop_map(|(style, fg, bg)| format!("\x1b[0;{style};{};{bg}m", 30 + fg));
    let rest = select(vec![
        "\r\n",
        "\r\n",
        "\n",
        "\r",
        "\x08",
        "\x1b[m",
        "\x1bM",
        "\x1bD",
        "\x1bE",
        "\x1b7",
        "\x1b8",
        "\x1b[?1049h\x1b7",
        "\x1b[?1049l",
        "\x1b[?7l",
        "\x1b[?7h",
        "\x1b(0",
        "\x1b(B",
        "\x0e",
        "\x0f",
        "\x1b)0",
        "\x1b[r",
        "\x1bc",
        "\x1b[38;5;99m",
        "\x1b[48;2;1;2;3m",
        "\x1b[58:5:3m",
        "\x1b[4:3m",
    ]);
    prop_oneof![5 => text, 3 => place, 1 => region, 3 => count, 2 => color, 5 => rest.prop_map(str::to_owned)]
}

proptest! {
    #[test]
    fn the_screen_shows_what_alacritty_shows(stream in prop::collection::vec(pieces(), 0..50)) {
        let stream = stream.concat();
        let mut screen = Screen::new(Size::new(COLUMNS as u16, ROWS as u16).unwrap(), 0);
        screen.feed(stream.as_bytes());
        let config = Config { scrolling_history: 0, ..Config::default() };
        let mut term = Term::new(config, &TermSize::new(COLUMNS, ROWS), VoidListener);
        Processor::<StdSyncHandler>::new().advance(&mut term, stream.as_bytes());

        let (ours, theirs) = (screen.emulator.grid(), term.grid());
        prop_assert_eq!(ours.cursor.point, theirs.cursor.point);
        prop_assert_eq!(ours.cursor.input_needs_wrap, theirs.cursor.input_needs_wrap);
        // Scrolled rows keep it, and nobody sees it.
        let shown = Flags::all() - Flags::LEADING_WIDE_CHAR_SPACER;
        for line in (0..ours.screen_lines() as i32).map(Line) {
            for (ours, theirs) in ours[line].into_iter().zip(&theirs[line]) {
                prop_assert_eq!(ours.c, theirs.c);
                prop_assert_eq!((ours.fg, ours.bg), (theirs.fg, theirs.bg));
                prop_assert_eq!(ours.flags & shown, theirs.flags & shown);
                prop_assert_eq!(&ours.zerowidth(), &theirs.zerowidth());
                prop_assert_eq!(ours.underline_color(), theirs.underline_color());
            }
        }
    }
}
