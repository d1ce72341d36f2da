//! A terminal that is emulated when somebody looks.
//!
//! Most output of a program that prints much is gone before anybody has looked.
//! So lines wait as they came, and are passed over where more lines push them out
//! of the screen and the scrollback. Whatever else a program says, a question above
//! all, is taken in at once, behind what waits.
//!
//! Invariants: screen and waiting bytes together are what an emulator would show
//! that had taken in everything; no more than [`MAX_WAITING`] bytes wait.

use std::fmt;

use crate::flood::{Behind, Lines};
use crate::{Screen, Size};

/// Enough that most of it is passed over, few enough for a processor's cache. Tests come to
/// this end sooner.
const MAX_WAITING: usize = if cfg!(test) { 24 << 10 } else { 256 << 10 };

/// The terminal of one session, which puts its work off.
pub struct LazyScreen {
    screen: Screen,
    waiting: Vec<u8>,
    /// So many of the bytes that wait are lines; the others begin a sequence.
    lines: usize,
}

impl LazyScreen {
    /// `history` is the number of lines to keep of those that scroll away.
    pub fn new(size: Size, history: usize) -> LazyScreen {
        LazyScreen { screen: Screen::new(size, history), waiting: Vec::new(), lines: 0 }
    }

    /// Takes in what the program has written.
    pub fn feed(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(MAX_WAITING / 2) {
            self.feed_lines(Lines::of(piece));
        }
    }

    /// As [`feed`](Self::feed), with bytes that were looked at before.
    pub fn feed_lines(&mut self, lines: Lines<'_>) {
        let Lines { bytes, .. } = lines;
        if bytes.len() > MAX_WAITING / 2 {
            return self.feed(bytes);
        }
        if self.waiting.is_empty() && !self.screen.is_between() {
            return self.screen.feed(bytes);
        }
        if self.waiting.len() + bytes.len() > MAX_WAITING {
            self.make_room();
        }
        let is_whole = self.lines == self.waiting.len();
        self.waiting.extend_from_slice(bytes);
        // What waited may have ended within a sequence.
        let lines = if is_whole { lines } else { Lines::of(&self.waiting[self.lines..]) };
        let (length, behind) = (lines.length, lines.behind);
        self.lines += length;
        if behind == Behind::Other {
            self.settle();
        }
    }

    /// The screen, with everything taken in.
    pub fn now(&mut self) -> &mut Screen {
        self.settle();
        &mut self.screen
    }

    /// The screen as it was when somebody looked, or more than lines came. All but its
    /// rows, history and cursor is as it is now.
    pub fn before(&self) -> &Screen {
        &self.screen
    }

    /// Bytes that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes in what waits, and gives the memory back.
    pub fn rest(&mut self) {
        self.settle();
        self.waiting = Vec::new();
    }

    /// What the program must read as its terminal's answers.
    pub fn take_answers(&mut self) -> Vec<u8> {
        // What waits asks nothing.
        self.screen.take_answers()
    }

    fn settle(&mut self) {
        self.pass_over();
        self.screen.feed(&self.waiting);
        self.waiting.clear();
        self.lines = 0;
    }

    fn make_room(&mut self) {
        self.pass_over();
        if self.waiting.len() > MAX_WAITING / 2 {
            self.settle();
        }
    }

    /// Drops what leaves no trace.
    fn pass_over(&mut self) {
        let traceless = self.screen.traceless(&self.waiting[..self.lines]);
        self.screen.pass_over(&self.waiting[..traceless]);
        self.waiting.drain(..traceless);
        self.lines -= traceless;
    }
}

impl fmt::Debug for LazyScreen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("LazyScreen");
        shown.field("screen", &self.screen).field("waiting", &self.waiting.len()).finish()
    }
}
