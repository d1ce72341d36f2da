//! Switching modes.

use alacritty_terminal::term::TermMode;

use super::Emulator;

/// Private modes that change nothing here, but that a terminal which is
/// attached later must be told. Off in every fresh terminal.
const OFF_AT_START: [u16; 6] = [5, 9, 45, 1015, 1016, 2031];
/// The same for modes that start on or off, by the terminal's own choice.
const UNKNOWN_AT_START: [u16; 6] = [1007, 1034, 1036, 1039, 1042, 2027];

/// The modes that the program has switched away from what they are at start.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct OtherModes {
    on: Vec<u16>,
    off: Vec<u16>,
}

impl OtherModes {
    /// What the mode was switched to, if it is known and was.
    pub(crate) fn get(&self, mode: u16) -> Option<bool> {
        if self.on.contains(&mode) {
            Some(true)
        } else if self.off.contains(&mode) || OFF_AT_START.contains(&mode) {
            Some(false)
        } else {
            None
        }
    }

    pub(crate) fn switched(&self) -> impl Iterator<Item = (u16, bool)> {
        let on = self.on.iter().map(|&mode| (mode, true));
        on.chain(self.off.iter().map(|&mode| (mode, false)))
    }

    fn switch(&mut self, mode: u16, on: bool) {
        let off_at_start = OFF_AT_START.contains(&mode);
        if !off_at_start && !UNKNOWN_AT_START.contains(&mode) {
            return;
        }
        self.on.retain(|&other| other != mode);
        self.off.retain(|&other| other != mode);
        if on {
            insert(&mut self.on, mode);
        } else if !off_at_start {
            insert(&mut self.off, mode);
        }
    }
}

impl Emulator {
    /// SM and RM
    pub(super) fn switch_mode(&mut self, mode: u16, on: bool) {
        match mode {
            4 => self.state.modes.set(TermMode::INSERT, on),
            20 => self.state.modes.set(TermMode::LINE_FEED_NEW_LINE, on),
            _ => {}
        }
    }

    /// DECSET and DECRST
    pub(super) fn switch_private_mode(&mut self, mode: u16, on: bool) {
        match mode {
            3 => self.change_columns(),
            6 => {
                self.state.modes.set(TermMode::ORIGIN, on);
                self.go_home();
            }
            12 => self.state.cursor_style.get_or_insert_default().blinking = on,
            47 | 1047 => self.switch_screen(on, false),
            1048 if on => self.save_cursor(),
            1048 => self.restore_cursor(),
            1049 => self.switch_screen(on, true),
            2026 => self.state.synchronized = on,
            _ => match flag(mode) {
                Some(flag) => {
                    if on {
                        self.state.modes.remove(rivals(flag));
                    }
                    self.state.modes.set(flag, on);
                }
                None => self.state.other_modes.switch(mode, on),
            },
        }
    }

    /// Whether a mode is on; `None` if there is no such mode.
    pub(super) fn mode_state(&self, mode: u16) -> Option<bool> {
        match mode {
            4 => Some(self.mode(TermMode::INSERT)),
            20 => Some(self.mode(TermMode::LINE_FEED_NEW_LINE)),
            _ => None,
        }
    }

    /// Whether a private mode is on; `None` if there is no such mode.
    pub(super) fn private_mode_state(&self, mode: u16) -> Option<bool> {
        match mode {
            6 => Some(self.mode(TermMode::ORIGIN)),
            12 => Some(self.state.cursor_style.is_some_and(|style| style.blinking)),
            47 | 1047 | 1049 => Some(self.on_alternate()),
            2026 => Some(self.state.synchronized),
            _ => match flag(mode) {
                Some(flag) => Some(self.mode(flag)),
                None => self.state.other_modes.get(mode),
            },
        }
    }

    fn switch_screen(&mut self, alternate: bool, restore_cursor: bool) {
        if alternate {
            self.enter_alternate();
        } else if self.on_alternate() {
            let cursor = self.grid().cursor.clone();
            self.leave_alternate();
            if !restore_cursor {
                self.main.cursor = cursor;
            }
        }
    }
}

/// Private modes that are no more than a flag.
pub(crate) const FLAGS: [(u16, TermMode); 11] = [
    (1, TermMode::APP_CURSOR),
    (7, TermMode::LINE_WRAP),
    (25, TermMode::SHOW_CURSOR),
    (66, TermMode::APP_KEYPAD),
    (1000, TermMode::MOUSE_REPORT_CLICK),
    (1002, TermMode::MOUSE_DRAG),
    (1003, TermMode::MOUSE_MOTION),
    (1004, TermMode::FOCUS_IN_OUT),
    (1005, TermMode::UTF8_MOUSE),
    (1006, TermMode::SGR_MOUSE),
    (2004, TermMode::BRACKETED_PASTE),
];

fn flag(mode: u16) -> Option<TermMode> {
    FLAGS.iter().find(|(number, _)| *number == mode).map(|(_, flag)| *flag)
}

/// The modes that end when this one begins.
fn rivals(flag: TermMode) -> TermMode {
    match flag {
        TermMode::MOUSE_REPORT_CLICK | TermMode::MOUSE_DRAG | TermMode::MOUSE_MOTION => {
            TermMode::MOUSE_MODE
        }
        TermMode::UTF8_MOUSE | TermMode::SGR_MOUSE => TermMode::UTF8_MOUSE | TermMode::SGR_MOUSE,
        _ => TermMode::NONE,
    }
}

fn insert(modes: &mut Vec<u16>, mode: u16) {
    modes.push(mode);
    modes.sort_unstable();
}
