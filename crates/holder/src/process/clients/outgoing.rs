//! Frames on their way to a client that may be slow.

use std::{collections::VecDeque, os::fd::AsFd, rc::Rc};

use rustix::{
    io::Errno,
    net::{SendFlags, send},
};

/// A queue of whole frames; the first one may have been sent in part.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    frames: VecDeque<Rc<Vec<u8>>>,
    /// Bytes of the first frame that are sent.
    sent: usize,
    bytes: usize,
}

impl Outgoing {
    pub(crate) fn push(&mut self, frame: Rc<Vec<u8>>) {
        self.bytes += frame.len();
        self.frames.push_back(frame);
    }

    /// Bytes that are not sent yet.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Drops what can be dropped without tearing a frame.
    pub(crate) fn clear(&mut self) {
        self.frames.truncate(usize::from(self.sent > 0));
        self.bytes = self.frames.front().map_or(0, |frame| frame.len() - self.sent);
    }

    /// Sends what the client takes. Returns whether it took anything.
    pub(crate) fn flush(&mut self, to: impl AsFd) -> Result<bool, Errno> {
        let mut any = false;
        while let Some(frame) = self.frames.front() {
            let rest = frame.get(self.sent..).unwrap_or_default();
            match send(&to, rest, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Ok(count) => {
                    any = true;
                    self.sent += count;
                    self.bytes = self.bytes.saturating_sub(count);
                    if self.sent >= frame.len() {
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
}
