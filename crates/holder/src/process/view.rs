//! What the session shows: an emulated screen, or the end of the text that came through pipes.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use wk_holder::{protocol::ScreenRequest, spec::Stdio};
use wk_terminal::{LazyScreen, Lines, QueryFilter, Size};

/// Lines that are kept after they have scrolled off.
const HISTORY: usize = 500;

/// How long text waits to be emulated, unless it is a flood.
const PATIENCE: Duration = Duration::from_millis(100);

/// More than this in that time is a flood.
const FLOOD: usize = 64 << 10;

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
    screen: LazyScreen,
    /// Keeps queries from the real terminals: the screen answers them, once.
    filter: QueryFilter,
    /// Since when text may wait.
    since: Option<Instant>,
}

/// The last of a text.
#[derive(Debug, Default)]
pub(crate) struct Tail(VecDeque<u8>);

impl View {
    pub(crate) fn new(stdio: Stdio) -> Self {
        match stdio {
            Stdio::Terminal { cols, rows } => Self::Terminal(Box::new(Terminal {
                screen: LazyScreen::new(Size::new(cols, rows).unwrap_or_default(), HISTORY),
                filter: QueryFilter::default(),
                since: None,
            })),
            Stdio::Pipes { .. } => Self::Text(Tail::default()),
        }
    }

    /// Takes in output.
    pub(crate) fn feed(&mut self, lines: Lines<'_>, now: Instant) {
        match self {
            Self::Terminal(terminal) => terminal.feed(lines, now),
            Self::Text(tail) => tail.push(lines.bytes()),
        }
    }

    /// Does the work that was put off, and gives memory back.
    pub(crate) fn rest(&mut self) {
        if let Self::Terminal(terminal) = self {
            terminal.rest();
        }
    }

    /// What the terminal has to say to the child.
    pub(crate) fn take_answers(&mut self) -> Vec<u8> {
        match self {
            Self::Terminal(terminal) => terminal.screen.take_answers(),
            Self::Text(_) => Vec::new(),
        }
    }

    /// Appends to `out` what other terminals may be shown of output: those of attached clients,
    /// and whichever plays the recording. To be called with all output, in order, or
    /// [`View::pass_over`] where nobody listens.
    pub(crate) fn filter(&mut self, lines: Lines<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Terminal(terminal) => terminal.filter.feed_lines(lines, out),
            Self::Text(_) => out.extend_from_slice(lines.bytes()),
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
                let mut drawn = terminal.screen.now().redraw(history.min(HISTORY as u32) as usize);
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
        match self {
            Self::Terminal(terminal) if request.ansi => {
                terminal.screen.now().ansi(request.history).into_bytes()
            }
            Self::Terminal(terminal) => terminal.screen.now().text(request.history).into_bytes(),
            Self::Text(tail) => String::from_utf8_lossy(&tail.bytes()).into_owned().into_bytes(),
        }
    }

    /// The text of it all, history too, each line whole.
    pub(crate) fn lines(&mut self) -> String {
        match self {
            Self::Terminal(terminal) => terminal.screen.now().unwrapped(true),
            Self::Text(tail) => wk_terminal::plain_text(&tail.bytes()),
        }
    }

    /// The terminal's size; 0x0 without one.
    pub(crate) fn size(&self) -> (u16, u16) {
        match self {
            Self::Terminal(terminal) => {
                let size = terminal.screen.before().size();
                (size.cols(), size.rows())
            }
            Self::Text(_) => (0, 0),
        }
    }

    pub(crate) fn resize(&mut self, cols: u16, rows: u16) {
        if let (Self::Terminal(terminal), Some(size)) = (self, Size::new(cols, rows)) {
            terminal.screen.now().resize(size);
        }
    }

    pub(crate) fn title(&self) -> Option<String> {
        match self {
            Self::Terminal(terminal) => terminal.screen.before().title().map(str::to_owned),
            Self::Text(_) => None,
        }
    }
}

impl Terminal {
    fn feed(&mut self, lines: Lines<'_>, now: Instant) {
        self.screen.feed_lines(lines);
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) > PATIENCE {
            self.since = None;
            // In a flood, most of what waits is soon gone unseen; else, it is memory.
            if self.screen.waiting() < FLOOD {
                self.rest();
            }
        }
    }

    fn rest(&mut self) {
        self.screen.rest();
        self.since = None;
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
