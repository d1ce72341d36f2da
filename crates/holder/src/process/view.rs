//! What the session shows: an emulated screen, or the end of the text that came through pipes.

use std::collections::VecDeque;

use wk_holder::{protocol::ScreenRequest, spec::Stdio};
use wk_terminal::{QueryFilter, Screen, Size};

/// Lines that are kept after they have scrolled off.
const HISTORY: usize = 500;

/// Text that waits to be emulated in one go.
const MAX_WAITING: usize = 512 << 10;

/// Bytes that are kept of a session without a terminal.
const TAIL: usize = 64 << 10;

/// The view of a session, fed with everything that it prints.
#[derive(Debug)]
pub(crate) enum View {
    Terminal(Box<Terminal>),
    Text(Tail),
}

#[derive(Debug)]
pub(crate) struct Terminal {
    screen: Screen,
    /// Keeps queries from the real terminals: the screen answers them, once.
    filter: QueryFilter,
    /// Plain text that the screen has not taken in yet.
    waiting: Vec<u8>,
}

/// The last of a text.
#[derive(Debug, Default)]
pub(crate) struct Tail(VecDeque<u8>);

impl View {
    pub(crate) fn new(stdio: Stdio) -> Self {
        match stdio {
            Stdio::Terminal { cols, rows } => Self::Terminal(Box::new(Terminal {
                screen: Screen::new(Size::new(cols, rows).unwrap_or_default(), HISTORY),
                filter: QueryFilter::default(),
                waiting: Vec::new(),
            })),
            Stdio::Pipes { .. } => Self::Text(Tail::default()),
        }
    }

    /// Takes in output. Where `more` is on its way, plain text may wait for it: most of a
    /// flood is never looked at by anybody, and the screen is quick to pass over it.
    pub(crate) fn feed(&mut self, bytes: &[u8], more: bool) {
        match self {
            Self::Terminal(terminal) => terminal.feed(bytes, more),
            Self::Text(tail) => tail.push(bytes),
        }
    }

    /// Takes in what still waits.
    pub(crate) fn settle(&mut self) {
        if let Self::Terminal(terminal) = self {
            terminal.settle();
            terminal.waiting = Vec::new();
        }
    }

    /// What the terminal has to say to the child.
    pub(crate) fn take_answers(&mut self) -> Vec<u8> {
        match self {
            Self::Terminal(terminal) => terminal.screen.take_answers(),
            Self::Text(_) => Vec::new(),
        }
    }

    /// Appends to `out` what other terminals may be shown of `bytes`: those of attached clients,
    /// and whichever plays the recording. To be called with all output, in order, or
    /// [`View::pass_over`] where nobody listens.
    pub(crate) fn filter(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Terminal(terminal) => terminal.filter.feed(bytes, out),
            Self::Text(_) => out.extend_from_slice(bytes),
        }
    }

    pub(crate) fn pass_over(&mut self, bytes: &[u8]) {
        if let Self::Terminal(terminal) = self {
            terminal.filter.skip(bytes);
        }
    }

    /// What brings the terminal of a new client to where the session's is.
    pub(crate) fn redraw(&mut self, history: u32) -> Vec<u8> {
        match self {
            Self::Terminal(terminal) => {
                terminal.settle();
                let mut drawn = terminal.screen.redraw(history.min(HISTORY as u32) as usize);
                drawn.extend_from_slice(terminal.filter.joining());
                drawn
            }
            Self::Text(tail) => tail.bytes(),
        }
    }

    /// What a segment of the recording begins with.
    pub(crate) fn checkpoint(&mut self) -> Vec<u8> {
        match self {
            Self::Terminal(_) => self.redraw(0),
            Self::Text(_) => Vec::new(),
        }
    }

    /// What is shown now, for a person or a program.
    pub(crate) fn show(&mut self, request: ScreenRequest) -> Vec<u8> {
        self.settle();
        match self {
            Self::Terminal(terminal) if request.ansi => {
                terminal.screen.ansi(request.history).into_bytes()
            }
            Self::Terminal(terminal) => terminal.screen.text(request.history).into_bytes(),
            Self::Text(tail) => String::from_utf8_lossy(&tail.bytes()).into_owned().into_bytes(),
        }
    }

    /// The text of it all, history too, each line whole.
    pub(crate) fn lines(&mut self) -> String {
        self.settle();
        match self {
            Self::Terminal(terminal) => terminal.screen.unwrapped(true),
            Self::Text(tail) => wk_terminal::plain_text(&tail.bytes()),
        }
    }

    /// The terminal's size; 0x0 without one.
    pub(crate) fn size(&self) -> (u16, u16) {
        match self {
            Self::Terminal(terminal) => {
                (terminal.screen.size().cols(), terminal.screen.size().rows())
            }
            Self::Text(_) => (0, 0),
        }
    }

    pub(crate) fn resize(&mut self, cols: u16, rows: u16) {
        self.settle();
        if let (Self::Terminal(terminal), Some(size)) = (self, Size::new(cols, rows)) {
            terminal.screen.resize(size);
        }
    }

    pub(crate) fn title(&self) -> Option<String> {
        match self {
            Self::Terminal(terminal) => terminal.screen.title().map(str::to_owned),
            Self::Text(_) => None,
        }
    }
}

impl Terminal {
    fn feed(&mut self, bytes: &[u8], more: bool) {
        // A question is not kept waiting.
        if more && wk_terminal::asks_nothing(bytes) {
            if self.waiting.len() + bytes.len() > MAX_WAITING {
                self.settle();
            }
            self.waiting.extend_from_slice(bytes);
        } else {
            self.settle();
            self.screen.feed(bytes);
        }
    }

    fn settle(&mut self) {
        self.screen.feed(&self.waiting);
        self.waiting.clear();
    }
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        let bytes = bytes.get(bytes.len().saturating_sub(TAIL)..).unwrap_or(bytes);
        let over = (self.0.len() + bytes.len()).saturating_sub(TAIL);
        self.0.drain(..over);
        self.0.extend(bytes);
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_keeps_the_last_bytes_only() {
        let mut tail = Tail::default();
        tail.push(b"begin");
        tail.push(&vec![b'x'; TAIL - 2]);
        tail.push(b"end");
        let bytes = tail.bytes();
        assert_eq!(bytes.len(), TAIL);
        assert!(bytes.ends_with(b"xend") && bytes.starts_with(b"x"));
        tail.push(&vec![b'y'; 3 * TAIL]);
        assert_eq!(tail.bytes(), vec![b'y'; TAIL]);
    }
}
