//! Our stdin on its way to a session: what may be sent, and what must be kept.
//!
//! A daemon that dies between us and the holder takes bytes with it. Everything is kept here
//! until the holder has it for sure, and sent again from the byte that it misses.

use std::collections::VecDeque;

use wk_holder::protocol::{FEED_WINDOW, Request};

/// Bytes of one frame.
const PIECE: usize = 64 << 10;

/// Stdin from the first byte to the last, over all connections.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    /// What the child has not read yet, as far as we know; the first byte's number is `taken`.
    bytes: VecDeque<u8>,
    taken: u64,
    /// How much was sent.
    sent: u64,
    /// Stdin has ended.
    ended: bool,
    /// This connection: the holder has said what it has; it was told of the end.
    open: bool,
    end_sent: bool,
}

impl Feed {
    /// Whether more may be read.
    pub(crate) fn has_room(&self) -> bool {
        self.bytes.len() < FEED_WINDOW
    }

    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend(chunk);
    }

    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// The connection is gone.
    pub(crate) fn cut(&mut self) {
        (self.open, self.end_sent) = (false, false);
    }

    /// Another attempt reads from here on: what the last one was given is not given again.
    pub(crate) fn begin_anew(&mut self) {
        self.cut();
        self.taken(self.sent);
        (self.taken, self.sent) = (0, 0);
    }

    /// Whether this connection's holder has said what it has.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Whether the session might wait for something that it has not got.
    pub(crate) fn is_unfinished(&self) -> bool {
        !self.bytes.is_empty() || !self.ended
    }

    /// The holder has so much. False: it cannot be, what it misses is here no more.
    pub(crate) fn resume(&mut self, input: u64) -> bool {
        self.sent = input;
        self.open = true;
        (self.taken..=self.taken + self.bytes.len() as u64).contains(&input)
    }

    /// The child has read so much.
    pub(crate) fn taken(&mut self, input: u64) {
        let more = input.min(self.sent).saturating_sub(self.taken);
        self.bytes.drain(..more as usize);
        self.taken += more;
    }

    /// Appends the next frame, if one may be sent now.
    pub(crate) fn put_next(&mut self, out: &mut Vec<u8>) {
        if !self.open {
            return;
        }
        let under_way = (self.sent - self.taken) as usize;
        let end = self.bytes.len().min(FEED_WINDOW).min(under_way + PIECE);
        if under_way < end {
            let piece: Vec<u8> = self.bytes.range(under_way..end).copied().collect();
            self.sent += piece.len() as u64;
            Request::Input(piece).put(out);
        } else if self.ended && under_way == self.bytes.len() && !self.end_sent {
            self.end_sent = true;
            Request::InputEnd.put(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use wk_holder::protocol::frame;

    use super::*;

    fn next(feed: &mut Feed) -> Option<Request> {
        let mut out = Vec::new();
        feed.put_next(&mut out);
        Request::read(&frame(&out).unwrap()?).unwrap()
    }

    #[test]
    fn what_the_holder_misses_is_sent_again_from_the_very_byte() {
        let mut feed = Feed::default();
        feed.push(b"abcdef");
        assert_eq!(next(&mut feed), None, "nobody knows yet what the holder has");
        assert!(feed.resume(0));
        assert_eq!(next(&mut feed), Some(Request::Input(b"abcdef".to_vec())));
        feed.taken(2);
        feed.end();
        feed.cut();
        assert_eq!(next(&mut feed), None);
        assert!(feed.resume(4));
        assert_eq!(next(&mut feed), Some(Request::Input(b"ef".to_vec())));
        assert_eq!(next(&mut feed), Some(Request::InputEnd));
        assert_eq!(next(&mut feed), None);
        feed.cut();
        assert!(feed.resume(6) && feed.is_unfinished());
        assert_eq!(next(&mut feed), Some(Request::InputEnd));
        feed.taken(6);
        assert!(!feed.is_unfinished());
        assert!(!feed.resume(3) && !feed.resume(7));
    }

    #[test]
    fn another_attempt_reads_what_is_left() {
        let mut feed = Feed::default();
        feed.push(b"abcdef");
        feed.end();
        assert!(feed.resume(0));
        assert_eq!(next(&mut feed), Some(Request::Input(b"abcdef".to_vec())));
        feed.taken(2);
        feed.push(b"gh");
        feed.begin_anew();
        assert!(feed.resume(0));
        assert_eq!(next(&mut feed), Some(Request::Input(b"gh".to_vec())));
        assert_eq!(next(&mut feed), Some(Request::InputEnd));
    }

    #[test]
    fn no_more_is_under_way_than_the_holder_takes() {
        let mut feed = Feed::default();
        feed.push(&vec![b'x'; FEED_WINDOW + PIECE]);
        assert!(feed.resume(0) && !feed.has_room());
        let mut sent = 0;
        while let Some(Request::Input(piece)) = next(&mut feed) {
            sent += piece.len();
        }
        assert_eq!(sent, FEED_WINDOW);
        feed.taken(1);
        assert_eq!(next(&mut feed), Some(Request::Input(b"x".to_vec())));
    }
}
