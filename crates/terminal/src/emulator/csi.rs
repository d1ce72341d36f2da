//! Control sequences: `CSI … final`.

use alacritty_terminal::vte::Params;
use alacritty_terminal::vte::ansi::{CursorShape, CursorStyle};

use super::keyboard::Keyboard;
use super::{Emulator, sgr};

/// A parameter; missing and zero both mean the default.
fn number(params: &Params, index: usize, default: u16) -> u16 {
    params.iter().nth(index).map(|param| param[0]).filter(|&value| value != 0).unwrap_or(default)
}

impl Emulator {
    /// `marks` are the private prefix and the intermediates.
    pub(super) fn control(&mut self, params: &Params, marks: &[u8], action: char) {
        let count = || usize::from(number(params, 0, 1));
        let which = || usize::from(number(params, 0, 0));
        match (marks, action) {
            ([], '@') => self.insert_blanks(count()),
            ([], 'A') => self.move_up(count()),
            ([], 'B' | 'e') => self.move_down(count()),
            ([], 'C' | 'a') => self.move_forward(count()),
            ([], 'D') => self.move_backward(count()),
            ([], 'E') => {
                self.move_down(count());
                self.carriage_return();
            }
            ([], 'F') => {
                self.move_up(count());
                self.carriage_return();
            }
            ([], 'G' | '`') => self.go_to_column(count() - 1),
            ([], 'H' | 'f') => {
                let column = usize::from(number(params, 1, 1)) - 1;
                self.go_to(count() as i32 - 1, column);
            }
            ([], 'I') => self.tab_forward(count()),
            ([] | [b'?'], 'J') => self.erase_in_display(which()),
            ([] | [b'?'], 'K') => self.erase_in_line(which()),
            ([], 'L') => self.insert_lines(count()),
            ([], 'M') => self.delete_lines(count()),
            ([], 'P') => self.delete_chars(count()),
            ([], 'S') => self.scroll_up(count()),
            ([], 'T') => self.scroll_down(count()),
            ([], 'X') => self.erase_chars(count()),
            ([], 'Z') => self.tab_backward(count()),
            ([], 'b') => self.repeat(count()),
            ([], 'd') => self.go_to_line(count() as i32 - 1),
            ([], 'm') => sgr::apply(&mut self.grid_mut().cursor.template, params),
            ([], 'r') => {
                let bottom = number(params, 1, 0);
                self.set_region(count(), (bottom != 0).then_some(usize::from(bottom)));
            }
            ([], 's') => self.save_cursor(),
            ([], 'u') => self.restore_cursor(),
            _ => self.control_state(params, marks, action),
        }
    }

    /// Sequences that change no cell and move no cursor.
    fn control_state(&mut self, params: &Params, marks: &[u8], action: char) {
        let first = number(params, 0, 0);
        let numbers = || params.iter().map(|param| param[0]);
        match (marks, action) {
            ([], 'h') => numbers().for_each(|mode| self.switch_mode(mode, true)),
            ([], 'l') => numbers().for_each(|mode| self.switch_mode(mode, false)),
            ([b'?'], 'h') => numbers().for_each(|mode| self.switch_private_mode(mode, true)),
            ([b'?'], 'l') => numbers().for_each(|mode| self.switch_private_mode(mode, false)),
            ([], 'g') => self.clear_tabs(first),
            ([b'?'], 'W') if first == 5 => {
                self.state.tabs = super::tabs::TabStops::new(self.columns());
            }
            ([], 't') if first == 22 => self.state.titles.push(),
            ([], 't') if first == 23 => self.state.titles.pop(),
            ([b'>'], 'm') if first == 4 || first == 0 => {
                let level = number(params, 1, 0);
                self.state.modify_other_keys = (level != 0).then_some(level);
            }
            ([b' '], 'q') => self.set_cursor_style(first),
            ([b'!'], 'p') => self.soft_reset(),
            ([b'='], 'u') => self.keyboard().set(first, number(params, 1, 1)),
            ([b'>'], 'u') => self.keyboard().push(first),
            ([b'<'], 'u') => self.keyboard().pop(first.max(1)),
            _ => self.answer_control(first, marks, action),
        }
    }

    /// The keyboard flags of the screen that is shown.
    pub(super) fn keyboard(&mut self) -> &mut Keyboard {
        if self.on_alternate() {
            &mut self.state.alternate_keyboard
        } else {
            &mut self.state.main_keyboard
        }
    }

    fn clear_tabs(&mut self, which: u16) {
        let column = self.grid().cursor.point.column.0;
        match which {
            0 => self.state.tabs.set(column, false),
            3 => self.state.tabs.clear(),
            _ => {}
        }
    }

    /// DECSCUSR
    fn set_cursor_style(&mut self, style: u16) {
        let shape = match style {
            0 => {
                self.state.cursor_style = None;
                return;
            }
            1 | 2 => CursorShape::Block,
            3 | 4 => CursorShape::Underline,
            5 | 6 => CursorShape::Beam,
            _ => return,
        };
        self.state.cursor_style = Some(CursorStyle { shape, blinking: style % 2 == 1 });
    }
}
