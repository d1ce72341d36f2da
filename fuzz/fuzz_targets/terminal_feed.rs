//! The emulator: any bytes in any pieces, sizes that change, and a redraw that says it all.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wk_terminal::{Screen, Size};

fuzz_target!(|data: &[u8]| {
    let [cols, rows, wider, stream @ ..] = data else { return };
    let size = |cols: u8, rows: u8| Size::new(u16::from(cols % 100) + 1, u16::from(rows % 50) + 1);
    let (Some(first), Some(second)) = (size(*cols, *rows), size(*wider, *cols)) else { return };
    let (before, after) = stream.split_at(stream.len() / 2);

    let mut screen = Screen::new(first, 50);
    screen.feed(before);
    screen.resize(second);
    for byte in after {
        screen.feed(&[*byte]);
    }
    screen.take_answers();

    let mut copy = Screen::new(second, 50);
    copy.feed(&screen.redraw(50));
    assert_eq!(copy.text(false), screen.text(false));
    assert_eq!(copy.ansi(false), screen.ansi(false));
    assert_eq!(copy.title(), screen.title());
});
