//! Frames on their way to a client that may be slow.

use std::{collections::VecDeque, os::fd::AsFd, rc::Rc};

use rustix::{
    io::Errno,
    net::{SendFlags, send},
};

/// A queue of whole frames; the first one may have been sent in part.
///
/// Some belong together: half of a screen must be followed by the other half.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    frames: VecDeque<Queued>,
    /// The frame that was sent last belongs together with the first one.
    torn: bool,
    /// Bytes of the first frame that are sent.
    sent: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Queued {
    frame: Rc<Vec<u8>>,
    /// The next one belongs to it.
    goes_on: bool,
}

impl Outgoing {
    pub(crate) fn push(&mut self, frame: Rc<Vec<u8>>) {
        self.bytes += frame.len();
        self.frames.push_back(Queued { frame, goes_on: false });
    }

    /// Queues frames that are sent all, or none of them.
    pub(crate) fn push_together(&mut self, frames: Vec<Vec<u8>>) {
        let before = self.frames.len();
        frames.into_iter().for_each(|frame| self.push(Rc::new(frame)));
        let last = self.frames.len().saturating_sub(1);
        self.frames.range_mut(before..last).for_each(|queued| queued.goes_on = true);
    }

    /// Bytes that are not sent yet.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Drops what can be dropped without tearing a frame, or what belongs together.
    pub(crate) fn clear(&mut self) {
        let begun = self.torn || self.sent > 0;
        let end = self.frames.iter().position(|queued| !queued.goes_on);
        self.frames.truncate(end.filter(|_| begun).map_or(0, |end| end + 1));
        let bytes: usize = self.frames.iter().map(|queued| queued.frame.len()).sum();
        self.bytes = bytes - self.sent;
    }

    /// Sends what the client takes. Returns whether it took anything.
    pub(crate) fn flush(&mut self, to: impl AsFd) -> Result<bool, Errno> {
        let mut any = false;
        while let Some(Queued { frame, goes_on }) = self.frames.front() {
            let rest = frame.get(self.sent..).unwrap_or_default();
            match send(&to, rest, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Ok(count) => {
                    any = true;
                    self.sent += count;
                    self.bytes = self.bytes.saturating_sub(count);
                    if self.sent >= frame.len() {
                        self.torn = *goes_on;
                        self.frames.pop_front();
                        self.sent = 0;
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(any),
                Err(error) => return Err(error),
            }
        }
        self.frames.shrink_to(8);
        Ok(any)
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read, os::unix::net::UnixStream};

    use super::*;

    #[test]
    fn clearing_never_tears_a_frame() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let frame = |byte: u8| Rc::new(vec![byte; 1 << 20]);
        let mut outgoing = Outgoing::default();
        outgoing.push(frame(1));
        outgoing.push(frame(2));
        assert!(outgoing.flush(&ours).unwrap());
        assert!(!outgoing.is_empty());

        outgoing.clear();
        outgoing.push(frame(3));
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).unwrap();
            all
        });
        while !outgoing.is_empty() {
            outgoing.flush(&ours).unwrap();
        }
        drop(ours);

        let all = reader.join().unwrap();
        assert_eq!(all.len(), 2 << 20);
        assert!(all[..1 << 20].iter().all(|b| *b == 1) && all[1 << 20..].iter().all(|b| *b == 3));
        assert_eq!(outgoing.bytes(), 0);
    }

    #[test]
    fn clearing_never_tears_what_belongs_together() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut outgoing = Outgoing::default();
        outgoing.push_together(vec![vec![1; 10], vec![2; 1 << 20], vec![3; 10]]);
        outgoing.push_together(vec![vec![4; 10], vec![5; 10]]);
        assert!(outgoing.flush(&ours).unwrap());

        outgoing.clear();
        outgoing.push_together(vec![vec![6; 10], vec![7; 10]]);
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).unwrap();
            all
        });
        while !outgoing.is_empty() {
            outgoing.flush(&ours).unwrap();
        }
        drop(ours);
        let mut all = reader.join().unwrap();
        all.dedup();
        assert_eq!(all, [1, 2, 3, 6, 7]);

        outgoing.push_together(vec![vec![1; 10], vec![2; 10]]);
        outgoing.clear();
        assert!(outgoing.is_empty() && outgoing.bytes() == 0, "nothing of it was sent");
    }
}
