//! Modes and other state as control sequences.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;

use alacritty_terminal::term::TermMode;
use alacritty_terminal::vte::ansi::{NamedColor, Rgb};

use crate::emulator::{FLAGS, Keyboard, State, TabStops, Titles, style_number};

/// See [`Screen::modes_reset`](crate::Screen::modes_reset).
///
/// The cursor is saved and restored around everything that moves it: leaving
/// an alternate screen that is not shown, and putting the region back.
pub(super) const RESET: &[u8] = b"\x1b7\x1b[?1049l\x1b[!p\x1b7\x1b[?6l\x1b[r\x1b8\
    \x1b[?1;5;9;45;1000;1002;1003;1004;1005;1006;1015;1016;2004;2026;2031l\
    \x1b[4;20l\x1b[?7;25h\x1b>\x1b[>4m\x1b[<16u\x1b[=0;1u\x1b[0 q\
    \x1b(B\x1b)B\x1b*B\x1b+B\x0f\x1b[m\x1b]8;;\x1b\\";

/// Terminals that know it show the drawing at once.
pub(super) const BEGIN_UPDATE: &[u8] = b"\x1b[?2026h";
pub(super) const END_UPDATE: &[u8] = b"\x1b[?2026l";

macro_rules! put {
    ($out:expr, $($arguments:tt)*) => {
        // Writing to a vector cannot fail.
        let _ = write!($out, $($arguments)*);
    };
}

pub(super) fn titles(out: &mut Vec<u8>, titles: &Titles) {
    for title in titles.stack() {
        if let Some(title) = title {
            put!(out, "\x1b]2;{title}\x1b\\");
        }
        put!(out, "\x1b[22;0t");
    }
    if let Some(title) = titles.current() {
        put!(out, "\x1b]2;{title}\x1b\\");
    }
}

pub(super) fn colors(out: &mut Vec<u8>, colors: &BTreeMap<u16, Rgb>) {
    const FOREGROUND: u16 = NamedColor::Foreground as u16;
    for (&index, Rgb { r, g, b }) in colors {
        match index {
            0..FOREGROUND => {
                put!(out, "\x1b]4;{index};rgb:{r:02x}/{g:02x}/{b:02x}\x1b\\");
            }
            _ => {
                let number = index - FOREGROUND + 10;
                put!(out, "\x1b]{number};rgb:{r:02x}/{g:02x}/{b:02x}\x1b\\");
            }
        }
    }
}

pub(super) fn tabs(out: &mut Vec<u8>, tabs: &TabStops) {
    let Some(stops) = tabs.changed() else { return };
    put!(out, "\x1b[3g");
    for column in stops {
        put!(out, "\x1b[{}G\x1bH", column + 1);
    }
}

/// The flags of the screen that is shown.
pub(super) fn keyboard(out: &mut Vec<u8>, keyboard: &Keyboard) {
    let Some((base, pushed)) = keyboard.stack().split_first() else { return };
    put!(out, "\x1b[={base};1u");
    for flags in pushed {
        put!(out, "\x1b[>{flags}u");
    }
}

pub(super) fn region(out: &mut Vec<u8>, region: &Range<i32>, rows: usize) {
    if *region != (0..rows as i32) {
        put!(out, "\x1b[{};{}r", region.start + 1, region.end);
    }
}

/// Everything that is on or off or has a number.
pub(super) fn switches(out: &mut Vec<u8>, state: &State) {
    let default = State::default_modes();
    for (number, flag) in FLAGS {
        let on = state.modes.contains(flag);
        if flag == TermMode::APP_KEYPAD && on {
            // Known everywhere, unlike its number.
            put!(out, "\x1b=");
        } else if on != default.contains(flag) {
            put!(out, "\x1b[?{number}{}", switch(on));
        }
    }
    for (number, flag) in [(4, TermMode::INSERT), (20, TermMode::LINE_FEED_NEW_LINE)] {
        if state.modes.contains(flag) {
            put!(out, "\x1b[{number}h");
        }
    }
    for (number, on) in state.other_modes.switched() {
        put!(out, "\x1b[?{number}{}", switch(on));
    }
    if let Some(style) = state.cursor_style {
        put!(out, "\x1b[{} q", style_number(style.shape, style.blinking));
    }
    if let Some(level) = state.modify_other_keys {
        put!(out, "\x1b[>4;{level}m");
    }
    if state.shifted {
        put!(out, "\x0e");
    }
}

fn switch(on: bool) -> char {
    if on { 'h' } else { 'l' }
}
