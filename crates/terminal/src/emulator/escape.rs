//! From parsed sequences to operations.

use alacritty_terminal::vte::ansi::{CharsetIndex, StandardCharset};
use alacritty_terminal::vte::{Params, Perform};

use super::{Emulator, Request};

impl Perform for Emulator {
    fn print(&mut self, c: char) {
        self.print(c);
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            0x08 => self.backspace(),
            0x09 => self.tab_forward(1),
            0x0a..=0x0c => self.new_line(),
            0x0d => self.carriage_return(),
            0x0e => self.state.shifted = true,
            0x0f => self.state.shifted = false,
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, marks: &[u8], broken: bool, action: char) {
        if !broken && !self.discarding {
            self.control(params, marks, action);
        }
    }

    fn esc_dispatch(&mut self, marks: &[u8], broken: bool, byte: u8) {
        if broken || self.discarding {
            return;
        }
        match (marks, byte) {
            ([], b'7') => self.save_cursor(),
            ([], b'8') => self.restore_cursor(),
            ([], b'=') => self.switch_private_mode(66, true),
            ([], b'>') => self.switch_private_mode(66, false),
            ([], b'D') => self.line_feed(),
            ([], b'E') => {
                self.line_feed();
                self.carriage_return();
            }
            ([], b'H') => {
                let column = self.grid().cursor.point.column.0;
                self.state.tabs.set(column, true);
            }
            ([], b'M') => self.reverse_index(),
            ([], b'Z') => self.answer_attributes(None),
            ([], b'c') => self.reset(),
            ([b'#'], b'8') => self.align(),
            ([place], b'0' | b'B') => self.designate(*place, byte),
            _ => {}
        }
    }

    fn osc_dispatch(&mut self, params: &[&[u8]], bell: bool) {
        if !self.discarding {
            self.command(params, bell);
        }
    }

    fn hook(&mut self, _params: &Params, marks: &[u8], broken: bool, action: char) {
        self.request = if broken { None } else { Request::begun_by(marks, action) };
    }

    fn put(&mut self, byte: u8) {
        if let Some(request) = &mut self.request {
            request.push(byte);
        }
    }

    fn unhook(&mut self) {
        if let Some(request) = self.request.take()
            && !self.discarding
        {
            self.answer_request(&request);
        }
    }
}

impl Emulator {
    /// Names the character set of G0 to G3.
    fn designate(&mut self, place: u8, charset: u8) {
        let index = match place {
            b'(' => CharsetIndex::G0,
            b')' => CharsetIndex::G1,
            b'*' => CharsetIndex::G2,
            b'+' => CharsetIndex::G3,
            _ => return,
        };
        self.grid_mut().cursor.charsets[index] = match charset {
            b'0' => StandardCharset::SpecialCharacterAndLineDrawing,
            _ => StandardCharset::Ascii,
        };
    }
}
