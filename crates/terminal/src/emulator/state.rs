//! Everything that a terminal remembers beside its screens.

use std::collections::BTreeMap;
use std::ops::Range;

use alacritty_terminal::term::TermMode;
use alacritty_terminal::vte::ansi::{CursorStyle, Rgb};

use super::keyboard::Keyboard;
use super::modes::OtherModes;
use super::tabs::TabStops;
use super::titles::Titles;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    pub(crate) modes: TermMode,
    pub(crate) other_modes: OtherModes,
    /// The rows that scroll; never empty.
    pub(crate) region: Range<i32>,
    pub(crate) tabs: TabStops,
    /// G1 is active (SO), not G0.
    pub(crate) shifted: bool,
    /// `None` while the program has not asked for one.
    pub(crate) cursor_style: Option<CursorStyle>,
    pub(crate) titles: Titles,
    /// Colours that the program changed, by the numbers of `NamedColor`.
    pub(crate) colors: BTreeMap<u16, Rgb>,
    pub(crate) main_keyboard: Keyboard,
    pub(crate) alternate_keyboard: Keyboard,
    /// XTMODKEYS 4, off as `None`.
    pub(crate) modify_other_keys: Option<u16>,
    /// Inside a synchronized update (mode 2026).
    pub(crate) synchronized: bool,
    /// What REP would repeat.
    pub(crate) last_char: Option<char>,
}

impl State {
    pub(crate) fn new(columns: usize, rows: usize) -> State {
        State {
            modes: State::default_modes(),
            other_modes: OtherModes::default(),
            region: 0..rows as i32,
            tabs: TabStops::new(columns),
            shifted: false,
            cursor_style: None,
            titles: Titles::default(),
            colors: BTreeMap::new(),
            main_keyboard: Keyboard::default(),
            alternate_keyboard: Keyboard::default(),
            modify_other_keys: None,
            synchronized: false,
            last_char: None,
        }
    }

    pub(crate) fn default_modes() -> TermMode {
        TermMode::SHOW_CURSOR | TermMode::LINE_WRAP
    }
}
