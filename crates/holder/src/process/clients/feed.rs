//! What the feeder has of the output, and the session of its input.
//!
//! A feeder stands in a script, where a lost or a doubled byte is a wrong result. Between it
//! and us there is a daemon, which may die with bytes of both directions in it. So both sides
//! count: output is kept until the feeder has confirmed it, and a feeder that comes back is
//! told how much of its input is here.

use std::{collections::VecDeque, rc::Rc};

use wk_holder::protocol::{FEED_WINDOW, HEADER, Reply, put_frame};

use super::MAX_OUTGOING;

/// The feeder is told what was read of its input whenever it is so much more.
const NEWS: u64 = (FEED_WINDOW / 4) as u64;

/// The account of one feeder, over all of its connections.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    /// One is to come (again): all output is kept for it.
    expected: bool,
    /// It confirms what it has received: all output is kept until then.
    confirms: bool,
    /// It was given up, and the input ended behind its back.
    given_up: bool,
    /// What is kept.
    frames: VecDeque<Rc<Vec<u8>>>,
    /// Bytes of output before the first frame, and in all of them.
    start: u64,
    kept: u64,
    /// Bytes of input that are here, and what the feeder was last told of what was read.
    input: u64,
    told: u64,
}

impl Feed {
    /// Keeps output from now on, for a feeder that is to come.
    pub(crate) fn expect(&mut self) {
        self.expected = true;
    }

    pub(crate) fn is_expected(&self) -> bool {
        self.expected
    }

    pub(crate) fn confirms(&self) -> bool {
        self.confirms
    }

    pub(crate) fn was_given_up(&self) -> bool {
        self.given_up
    }

    /// It does not come any more.
    pub(crate) fn give_up(&mut self) {
        self.given_up |= self.expected;
        self.leave();
    }

    /// It has left, and needs nothing more.
    pub(crate) fn leave(&mut self) {
        (self.expected, self.confirms) = (false, false);
        self.drop_all();
    }

    /// Whether a frame of output must be made for it.
    pub(crate) fn keeps(&self) -> bool {
        self.expected || self.confirms
    }

    /// Takes note of output, and keeps it where that is needed.
    pub(crate) fn output(&mut self, bytes: usize, frame: Option<&Rc<Vec<u8>>>) {
        match frame {
            Some(frame) if self.keeps() => {
                self.kept += bytes as u64;
                self.frames.push_back(Rc::clone(frame));
            }
            _ => self.start += bytes as u64,
        }
    }

    /// A feeder has come. Answers what it must be sent.
    pub(crate) fn join(&mut self, received: Option<u64>) -> Vec<Rc<Vec<u8>>> {
        self.expected = false;
        self.confirms = received.is_some();
        let Some(received) = received else {
            let frames = self.frames.iter().cloned().collect();
            self.drop_all();
            return frames;
        };
        self.confirm(received);
        self.told = 0;
        let mut resumed = Vec::new();
        Reply::Resumed { output: self.start, input: self.input }.put(&mut resumed);
        std::iter::once(Rc::new(resumed)).chain(self.frames.iter().cloned()).collect()
    }

    /// It has so much of the output.
    pub(crate) fn confirm(&mut self, received: u64) {
        while let Some(frame) = self.frames.front() {
            let length = frame.len().saturating_sub(HEADER) as u64;
            let had = received.saturating_sub(self.start).min(length);
            if had < length {
                if had > 0 {
                    let rest = rest(frame, had as usize);
                    self.frames.pop_front();
                    self.frames.push_front(Rc::new(rest));
                    self.start += had;
                    self.kept -= had;
                }
                break;
            }
            self.frames.pop_front();
            self.start += length;
            self.kept -= length;
        }
        if self.frames.is_empty() {
            self.frames.shrink_to(8);
        }
    }

    /// Whether something is kept that it has not confirmed.
    pub(crate) fn is_owed(&self) -> bool {
        self.keeps() && !self.frames.is_empty()
    }

    /// Whether it must confirm first, before there is more.
    pub(crate) fn is_behind(&self) -> bool {
        self.confirms && self.kept >= MAX_OUTGOING as u64
    }

    /// Input has come from it.
    pub(crate) fn input(&mut self, bytes: usize) {
        self.input += bytes as u64;
    }

    /// What it should be told, where the child has still to read `waiting` bytes.
    pub(crate) fn news(&mut self, waiting: usize) -> Option<u64> {
        let taken = self.input.saturating_sub(waiting as u64);
        if !self.confirms || taken < self.told + NEWS {
            return None;
        }
        self.told = taken;
        Some(taken)
    }

    fn drop_all(&mut self) {
        self.start += self.kept;
        self.kept = 0;
        self.frames = VecDeque::new();
    }
}

/// A frame without the first bytes of its payload.
fn rest(frame: &[u8], had: usize) -> Vec<u8> {
    let mut rest = Vec::new();
    let kind = frame.get(HEADER - 1).copied().unwrap_or_default();
    put_frame(&mut rest, kind, frame.get(HEADER + had..).unwrap_or_default());
    rest
}

#[cfg(test)]
mod tests {
    use wk_holder::protocol::frame;

    use super::*;

    fn output(feed: &mut Feed, bytes: &[u8]) {
        let mut frame = Vec::new();
        Reply::Output(bytes.to_vec()).put(&mut frame);
        feed.output(bytes.len(), Some(&Rc::new(frame)));
    }

    fn replies(frames: Vec<Rc<Vec<u8>>>) -> Vec<Reply> {
        let read = |bytes: Rc<Vec<u8>>| Reply::read(&frame(&bytes).unwrap().unwrap());
        frames.into_iter().map(|bytes| read(bytes).unwrap().unwrap()).collect()
    }

    #[test]
    fn what_is_not_confirmed_comes_again_from_the_very_byte() {
        let mut feed = Feed::default();
        feed.expect();
        output(&mut feed, b"one");
        assert_eq!(feed.join(Some(0)).len(), 2);
        output(&mut feed, b"two");
        feed.confirm(4);
        feed.expect();
        output(&mut feed, b"three");
        feed.input(10);
        let again = replies(feed.join(Some(5)));
        let parts = [b"o".to_vec(), b"three".to_vec()].map(Reply::Output);
        assert_eq!(again[0], Reply::Resumed { output: 5, input: 10 });
        assert_eq!(again[1..], parts);
        assert!(feed.is_owed());
        feed.confirm(u64::MAX);
        assert!(!feed.is_owed());
        assert_eq!(replies(feed.join(Some(11)))[0], Reply::Resumed { output: 11, input: 10 });
    }

    #[test]
    fn what_was_given_up_is_never_taken_for_whole() {
        let mut feed = Feed::default();
        feed.expect();
        output(&mut feed, b"lost");
        feed.give_up();
        feed.output(3, None);
        assert!(feed.was_given_up() && !feed.keeps());
        assert_eq!(replies(feed.join(Some(0)))[0], Reply::Resumed { output: 7, input: 0 });
    }

    #[test]
    fn what_the_child_has_read_is_told_now_and_then() {
        let mut feed = Feed::default();
        feed.join(Some(0));
        feed.input(FEED_WINDOW);
        assert_eq!(feed.news(FEED_WINDOW), None);
        assert_eq!(feed.news(FEED_WINDOW / 2), Some(FEED_WINDOW as u64 / 2));
        assert_eq!(feed.news(FEED_WINDOW / 2 - 1), None);
        assert_eq!(feed.news(0), Some(FEED_WINDOW as u64));
    }
}
