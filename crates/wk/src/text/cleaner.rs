//! Output of a terminal session, as lines to read: no cursor movement, no modes, no titles.
//!
//! A carriage return begins the line anew, as a progress bar means it. Colours stay where
//! they are wanted.

/// Turns pieces of output into readable lines.
#[derive(Debug, Default)]
pub(crate) struct Cleaner {
    colours: bool,
    state: State,
    sequence: String,
    line: String,
    /// A carriage return has been seen, and nothing since.
    returned: bool,
    /// Part of the line has been handed out already.
    begun: bool,
    coloured: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    Escape,
    /// `ESC (` and the like: one more character.
    Intermediate,
    Control,
    /// OSC, DCS and the like: until BEL or ST.
    Message,
    MessageEscape,
}

/// A longer line is handed out in pieces, a longer sequence is none.
const MAX_LINE: usize = 64 << 10;
const MAX_SEQUENCE: usize = 256;

impl Cleaner {
    /// `colours`: keeps what sets them.
    pub(crate) fn new(colours: bool) -> Self {
        Self { colours, ..Self::default() }
    }

    /// Takes a piece; lines that are complete are appended to `out`.
    pub(crate) fn feed(&mut self, text: &str, out: &mut String) {
        for c in text.chars() {
            match self.state {
                State::Text => self.text(c, out),
                State::Escape => self.escape(c),
                State::Intermediate => {
                    if !(' '..='/').contains(&c) {
                        self.state = State::Text;
                    }
                }
                State::Control => self.control(c),
                State::Message => match c {
                    '\u{7}' | '\u{9c}' | '\u{18}' | '\u{1a}' => self.state = State::Text,
                    '\u{1b}' => self.state = State::MessageEscape,
                    _ => {}
                },
                State::MessageEscape if c == '\\' => self.state = State::Text,
                State::MessageEscape => self.escape(c),
            }
        }
    }

    /// Hands out the line that is not complete: nothing else is known to come soon.
    pub(crate) fn flush(&mut self, out: &mut String) {
        if !self.line.is_empty() {
            out.push_str(&self.line);
            self.line.clear();
            self.begun = true;
        }
    }

    /// Ends the output: the last line is complete, colours are off.
    pub(crate) fn finish(&mut self, out: &mut String) {
        self.flush(out);
        if self.coloured {
            out.push_str("\u{1b}[0m");
            self.coloured = false;
        }
        if self.begun {
            out.push('\n');
            self.begun = false;
        }
    }

    fn text(&mut self, c: char, out: &mut String) {
        match c {
            '\n' => {
                out.push_str(&self.line);
                out.push('\n');
                self.line.clear();
                (self.returned, self.begun) = (false, false);
            }
            '\r' => self.returned = true,
            '\u{1b}' => self.state = State::Escape,
            '\u{9b}' => {
                self.sequence.clear();
                self.state = State::Control;
            }
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => self.state = State::Message,
            '\u{8}' => {
                self.line.pop();
            }
            '\t' => self.push('\t', out),
            c if c.is_control() => {}
            c => self.push(c, out),
        }
    }

    fn push(&mut self, c: char, out: &mut String) {
        if std::mem::take(&mut self.returned) {
            self.line.clear();
            if std::mem::take(&mut self.begun) {
                out.push('\n');
            }
        }
        self.line.push(c);
        if self.line.len() >= MAX_LINE {
            self.flush(out);
        }
    }

    fn escape(&mut self, c: char) {
        self.state = match c {
            '[' => {
                self.sequence.clear();
                State::Control
            }
            ']' | 'P' | 'X' | '^' | '_' => State::Message,
            ' '..='/' => State::Intermediate,
            '\u{1b}' => State::Escape,
            _ => State::Text,
        };
    }

    fn control(&mut self, c: char) {
        match c {
            '\u{40}'..='\u{7e}' => {
                let plain = self.sequence.bytes().all(|b| b.is_ascii_digit() || b";:".contains(&b));
                if self.colours && c == 'm' && plain {
                    self.line.push_str("\u{1b}[");
                    self.line.push_str(&self.sequence);
                    self.line.push('m');
                    self.coloured = true;
                }
                self.state = State::Text;
            }
            '\u{1b}' => self.state = State::Escape,
            ' '..='?' if self.sequence.len() < MAX_SEQUENCE => self.sequence.push(c),
            _ => self.state = State::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clean(colours: bool, pieces: &[&str]) -> String {
        let (mut cleaner, mut out) = (Cleaner::new(colours), String::new());
        for piece in pieces {
            cleaner.feed(piece, &mut out);
        }
        cleaner.finish(&mut out);
        out
    }

    #[test]
    fn only_what_can_be_read_is_left() {
        for (text, want) in [
            ("a\r\nb\r\n", "a\nb\n"),
            ("no newline", "no newline\n"),
            ("10%\r50%\r100%\r\n", "100%\n"),
            ("ab\u{8}c\n", "ac\n"),
            ("\u{1b}[31mred\u{1b}[0m\u{1b}[2J\u{1b}[1;1H\n", "red\n"),
            ("\u{1b}]0;title\u{7}x\u{1b}]8;;http://a\u{1b}\\y\n", "xy\n"),
            ("\u{1b}(B\u{1b}=\u{1b}Pq#1\u{1b}\\z\u{9b}5mw\n", "zw\n"),
            ("a\tb\u{0}\u{7f}\n", "a\tb\n"),
            ("", ""),
        ] {
            assert_eq!(clean(false, &[text]), want, "{text:?}");
        }
    }

    #[test]
    fn colours_stay_where_they_are_wanted_and_end_with_the_text() {
        assert_eq!(clean(true, &["\u{1b}[1;31mred\u{1b}[?25l\n"]), "\u{1b}[1;31mred\n\u{1b}[0m");
    }

    #[test]
    fn a_line_that_was_shown_is_not_overwritten() {
        let (mut cleaner, mut out) = (Cleaner::new(false), String::new());
        cleaner.feed("10%", &mut out);
        cleaner.flush(&mut out);
        cleaner.feed("\r20%\r\n", &mut out);
        cleaner.finish(&mut out);
        assert_eq!(out, "10%\n20%\n");
    }

    proptest! {
        #[test]
        fn nothing_acts_whatever_comes_and_however_it_is_split(text: String, at in 0_usize..40) {
            let split = text.floor_char_boundary(at.min(text.len()));
            let whole = clean(false, &[&text]);
            prop_assert_eq!(clean(false, &[&text[..split], &text[split..]]), whole.clone());
            let acts = |c: char| c.is_control() && c != '\n' && c != '\t';
            prop_assert!(!whole.contains(acts));
        }
    }
}
