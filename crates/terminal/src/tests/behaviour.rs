//! What programs rely on, one by one.

use super::{screen, size};
use crate::{MAX_SEQUENCE, Screen};

fn answers(bytes: impl AsRef<[u8]>) -> String {
    String::from_utf8(screen("80x24", bytes).take_answers()).unwrap()
}

#[test]
fn questions_are_answered() {
    for (question, answer) in [
        ("\x1b[5n", "\x1b[0n"),
        ("ab\r\ncd\x1b[6n", "\x1b[2;3R"),
        ("\x1b[?6n", "\x1b[?1;1R"),
        ("\x1b[3;9r\x1b[?6h\x1b[2;2H\x1b[6n", "\x1b[2;2R"),
        ("\x1b[c", "\x1b[?62;22c"),
        ("\x1bZ", "\x1b[?62;22c"),
        ("\x1b[>c", "\x1b[>0;2600;1c"),
        ("\x1b[=c", "\x1bP!|00000000\x1b\\"),
        ("\x1b[?25$p\x1b[?25l\x1b[?25$p", "\x1b[?25;1$y\x1b[?25;2$y"),
        ("\x1b[4h\x1b[4$p\x1b[77$p", "\x1b[4;1$y\x1b[77;0$y"),
        ("\x1b[?2026$p\x1b[?2026h\x1b[?2026$p", "\x1b[?2026;2$y\x1b[?2026;1$y"),
        ("\x1b[>5u\x1b[?u\x1b[<u\x1b[?u", "\x1b[?5u\x1b[?0u"),
        ("\x1b]11;?\x07", "\x1b]11;rgb:0000/0000/0000\x07"),
        ("\x1b]4;1;#123456\x07\x1b]4;1;?\x1b\\", "\x1b]4;1;rgb:1212/3434/5656\x1b\\"),
        ("\x1b[14t\x1b[16t\x1b[18t", "\x1b[4;384;640t\x1b[6;16;8t\x1b[8;24;80t"),
        ("\x1b[1;31m\x1bP$qm\x1b\\", "\x1bP1$r0;1;31m\x1b\\"),
        ("\x1b[5 q\x1bP$q q\x1b\\", "\x1bP1$r5 q\x1b\\"),
        ("\x1bP$qx\x1b\\\x1bP+q544e\x1b\\", "\x1bP0$r\x1b\\\x1bP0+r544e\x1b\\"),
        ("\x1b[>4;2m\x1b[?4m", "\x1b[>4;2m"),
    ] {
        assert_eq!(answers(question), answer, "{question:?}");
    }
    assert!(answers("\x1b[>q").starts_with("\x1bP>|watchkeeper("));
}

#[test]
fn answers_that_nobody_reads_are_bounded() {
    assert!(answers("\x1b[c".repeat(100_000)).len() <= 16 * 1024);
}

#[test]
fn text_is_what_is_shown() {
    let mut shown = screen("10x4", "one  \r\n\x1b[31mtwo\x1b[m 中e\u{301}\r\n\r\nabcdefghijkl");
    assert_eq!(shown.text(false), "two 中e\u{301}\n\nabcdefghij\nkl\n");
    assert_eq!(shown.text(true), "one\ntwo 中e\u{301}\n\nabcdefghij\nkl\n");
    assert_eq!(shown.ansi(false), "\x1b[0;31mtwo\x1b[0m 中e\u{301}\n\nabcdefghij\nkl\n");
    shown.feed(b"\x1b[?1049h\x1b[Hvim");
    assert_eq!(shown.text(false), "vim\n");
    shown.feed(b"\x1b[?1049l");
    assert_eq!(shown.text(false), "two 中e\u{301}\n\nabcdefghij\nkl\n");
    assert_eq!(screen("10x4", "").text(false), "");
}

#[test]
fn the_scrollback_is_bounded_in_lines_and_bytes() {
    let mut screen = Screen::new(size("200x4"), 10);
    for line in 0..100 {
        screen.feed(format!("{line}\r\n").as_bytes());
    }
    assert_eq!(screen.text(true).lines().next(), Some("87"));
    for _ in 0..10_000 {
        screen.feed(b"\x1b[38;2;1;2;3mx\x1b[38;2;3;2;1my");
    }
    let kept: usize = screen.emulator.history.newest(99).map(|line| line.ansi.len()).sum();
    assert!(kept <= 10 * 512, "{kept}");
    screen.feed(b"\x1b[3J");
    assert_eq!(screen.emulator.history.newest(99).count(), 0);
}

#[test]
fn a_title_is_short_and_printable() {
    let long = "t".repeat(1000);
    let screen = screen("80x24", format!("\x1b]0; a\u{9b}\x01b{long}\x07"));
    let title = screen.title().unwrap();
    assert!(title.starts_with("abttt") && title.len() <= 256, "{title}");
}

#[test]
fn a_string_that_never_ends_is_not_collected() {
    let mut screen = screen("80x24", "\x1b]2;");
    for _ in 0..1000 {
        screen.feed(&[b'x'; 1000]);
    }
    screen.feed(b"\x07after");
    assert_eq!(screen.title(), None);
    assert_eq!(screen.text(false), "after\n");
    screen.feed(format!("\x1b]2;{}\x07", "y".repeat(MAX_SEQUENCE - 10)).as_bytes());
    assert!(screen.title().is_some_and(|title| title.starts_with("yyy")));
}

#[test]
fn combining_characters_do_not_pile_up() {
    let screen = screen("80x24", format!("e{}", "\u{301}".repeat(100_000)));
    assert!(screen.text(false).len() < 100);
}

#[test]
fn a_line_is_reflowed_and_comes_back() {
    let mut screen = screen("20x6", "0123456789abcdefghij\r\nnext");
    screen.resize(size("10x6"));
    assert_eq!(screen.text(false), "0123456789\nabcdefghij\nnext\n");
    screen.resize(size("20x6"));
    assert_eq!(screen.text(false), "0123456789abcdefghij\nnext\n");
}

#[test]
fn rows_that_a_smaller_size_pushes_out_are_in_the_scrollback() {
    for alternate in [false, true] {
        let mut screen = screen("10x4", "a\r\nb\r\nc\r\n0123456789");
        if alternate {
            screen.feed(b"\x1b[?1049h");
        }
        screen.resize(size("5x3"));
        screen.feed(b"\x1b[?1049l");
        assert_eq!(screen.text(true), "a\nb\nc\n01234\n56789\n");
        assert_eq!(screen.text(false), "c\n01234\n56789\n");
    }
}

#[test]
fn a_redraw_keeps_wrapped_lines_whole() {
    let mut original = screen("5x3", "0123456789");
    let mut other = screen("5x3", original.redraw(0));
    other.resize(size("10x3"));
    assert_eq!(other.text(false), "0123456789\n");
}

#[test]
fn after_the_modes_are_reset_a_terminal_is_as_fresh() {
    let everything = "\x1b[?1;5;6;66;1003;1004;1006;2004;2026h\x1b[4;20h\x1b[?7;25l\x1b=\x1b[>9u\
        \x1b[>4;2m\x1b[3;5r\x1b[5 q\x1b)0\x0e\x1b[1;31m\x1b]8;;http://x\x1b\\\x1b[?1049h\x1b[>5u";
    let mut used = screen("80x24", everything);
    used.feed(Screen::modes_reset());
    let fresh = screen("80x24", "\x1b[3H\x1b7");
    super::snapshot::assert_same(&used, &fresh, "reset");
}

#[test]
fn resetting_modes_leaves_the_cursor_where_it_is() {
    let mut used = screen("80x24", "one\r\ntwo");
    used.feed(Screen::modes_reset());
    used.feed(b"!");
    assert_eq!(used.text(false), "one\ntwo!\n");
}

#[test]
fn deleting_at_the_end_of_a_row_spares_what_is_left_of_the_cursor() {
    assert_eq!(screen("10x2", "0123456789\x1b[8G\x1b[9P").text(false), "0123456\n");
}

#[test]
fn half_a_wide_character_is_none() {
    assert_eq!(screen("10x2", "a中b\x1b[3G\x1b[X").text(false), "a  b\n");
    assert_eq!(screen("10x2", "a中b\x1b[3Gx").text(false), "a xb\n");
    assert_eq!(screen("10x2", "a中b\x1b[3G\x1b[4hx").text(false), "a x b\n");
}

#[test]
fn moves_stay_within_the_scroll_region() {
    let screen = screen("10x6", "\x1b[2;4r\x1b[3H\x1b[9Aa\x1b[9Bb\x1b[6H\x1b[9Ac");
    assert_eq!(screen.text(false), "\nc\n\n b\n");
}

#[test]
fn a_character_in_two_pieces_swallows_nothing() {
    let mut screen = screen("10x2", b"\xc2");
    screen.feed(b"\x80a\x80b\xe4");
    screen.feed(b"c\xe4\xb8");
    screen.feed(b"\xaddefg");
    assert_eq!(screen.text(false), "ab\u{fffd}c\u{4e2d}defg\n");
}
