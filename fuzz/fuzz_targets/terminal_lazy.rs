//! The lazy emulator: to put work off, and to pass lines over, is never seen.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wk_terminal::{LazyScreen, Screen, Size};

fuzz_target!(|data: &[u8]| {
    let [cols, rows, cut, times, stream @ ..] = data else { return };
    let size = Size::new(u16::from(cols % 100) + 1, u16::from(rows % 50) + 1);
    let Some(size) = size else { return };
    // More than may wait, now and then.
    let stream = stream.repeat(usize::from(*times) * 4 + 1);
    let (mut lazy, mut eager) = (LazyScreen::new(size, 9), Screen::new(size, 9));
    for piece in stream.chunks(usize::from(*cut) * 64 + 1) {
        lazy.feed(piece);
        eager.feed(piece);
        assert_eq!(lazy.take_answers(), eager.take_answers());
    }
    assert_eq!(lazy.now().ansi(true), eager.ansi(true));
    assert_eq!(lazy.now().redraw(9), eager.redraw(9));
});
