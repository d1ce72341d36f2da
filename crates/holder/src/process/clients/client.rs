//! One connection: what it said so far, and what waits to be said to it.

use std::{os::fd::OwnedFd, rc::Rc};

use rustix::{
    io::Errno,
    net::{RecvFlags, recv},
};
use wk_holder::protocol::{self, HEADER, MAX_PAYLOAD, ProtocolError, Reply, Request};

use super::outgoing::Outgoing;

/// Requests that wait to be carried out, unless a single one is longer.
const MAX_INCOMING: usize = 256 << 10;

/// A slow client's output; more is dropped for a terminal, and waited for by a feeder.
pub(crate) const MAX_OUTGOING: usize = 1 << 20;

/// What a connection is for; its first frame tells.
#[derive(Debug)]
pub(crate) enum Role {
    New,
    Control {
        /// Waits to be told of the next output.
        armed: bool,
    },
    Attached(Attached),
}

#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) read_only: bool,
    pub(crate) feed: bool,
    pub(crate) size: Option<(u16, u16)>,
    /// It was too slow: it gets the whole screen anew once it has taken the rest.
    pub(crate) resync: bool,
}

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) fd: OwnedFd,
    pub(crate) role: Role,
    incoming: Vec<u8>,
    /// Bytes of `incoming` that have been taken.
    taken: usize,
    pub(crate) outgoing: Outgoing,
    /// It sends no more.
    pub(crate) finished: bool,
    /// It is to be let go: now, or behind the last of its output.
    pub(crate) leaving: bool,
    /// It hears no more; what it has said still counts.
    deaf: bool,
}

impl Client {
    pub(crate) fn new(fd: OwnedFd, role: Role, incoming: Vec<u8>) -> Self {
        let outgoing = Outgoing::default();
        let (finished, leaving, deaf) = (false, false, false);
        Self { fd, role, incoming, taken: 0, outgoing, finished, leaving, deaf }
    }

    pub(crate) fn attached(&self) -> Option<&Attached> {
        match &self.role {
            Role::Attached(attached) => Some(attached),
            Role::New | Role::Control { .. } => None,
        }
    }

    pub(crate) fn is_control(&self) -> bool {
        matches!(self.role, Role::Control { .. })
    }

    pub(crate) fn is_feed(&self) -> bool {
        self.attached().is_some_and(|attached| attached.feed)
    }

    /// Whether more may be read: nothing waits that alone fills the bound.
    pub(crate) fn wants_to_read(&self) -> bool {
        let waiting = self.waiting().len();
        !self.finished && !self.leaving && (waiting < MAX_INCOMING || waiting < self.first_length())
    }

    /// Reads what has come.
    pub(crate) fn read(&mut self) {
        self.incoming.drain(..self.taken);
        self.taken = 0;
        while self.wants_to_read() {
            self.incoming.reserve(16 << 10);
            let spare = rustix::buffer::spare_capacity(&mut self.incoming);
            match recv(&self.fd, spare, RecvFlags::DONTWAIT) {
                Ok((1.., _)) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Ok((0, _)) | Err(_) => self.finished = true,
            }
        }
    }

    /// Takes the next request; an unknown one is none, and skipped.
    pub(crate) fn next(&mut self) -> Result<Option<Request>, ProtocolError> {
        loop {
            let Some(frame) = protocol::frame(self.waiting())? else {
                if self.waiting().is_empty() {
                    (self.incoming, self.taken) = (Vec::new(), 0);
                }
                return Ok(None);
            };
            let request = Request::read(&frame)?;
            self.taken += frame.taken;
            if let Some(request) = request {
                return Ok(Some(request));
            }
        }
    }

    /// Whether a whole request waits to be taken.
    pub(crate) fn has_next(&self) -> bool {
        !matches!(protocol::frame(self.waiting()), Ok(None))
    }

    /// Whether nothing more can be had from it or brought to it.
    pub(crate) fn is_over(&self) -> bool {
        self.outgoing.is_empty() && (self.leaving || (self.finished && !self.has_next()))
    }

    /// Queues a reply, in as many frames as it takes, and sends what can be sent.
    pub(crate) fn send(&mut self, reply: &Reply) {
        if !self.deaf {
            self.outgoing.push_together(reply.frames());
            self.flush();
        }
    }

    /// Queues a frame and sends what can be sent.
    pub(crate) fn push(&mut self, frame: Rc<Vec<u8>>) {
        if !self.deaf {
            self.outgoing.push(frame);
            self.flush();
        }
    }

    /// Queues a frame of output; a slow terminal loses all of it until it has caught up.
    pub(crate) fn push_output(&mut self, frame: Rc<Vec<u8>>) {
        let full = self.outgoing.bytes() + frame.len() > MAX_OUTGOING;
        let Role::Attached(attached) = &mut self.role else { return };
        if attached.resync {
            return;
        }
        if full && !attached.feed {
            attached.resync = true;
            self.outgoing.clear();
            return;
        }
        self.push(frame);
    }

    /// Lets go of it at once, with all that it has said and has not heard.
    pub(crate) fn drop(&mut self) {
        (self.incoming, self.taken) = (Vec::new(), 0);
        self.outgoing = Outgoing::default();
        self.leaving = true;
    }

    pub(crate) fn flush(&mut self) -> bool {
        self.outgoing.flush(&self.fd).unwrap_or_else(|_| {
            self.deaf = true;
            self.outgoing = Outgoing::default();
            true
        })
    }

    fn waiting(&self) -> &[u8] {
        self.incoming.get(self.taken..).unwrap_or_default()
    }

    /// The length of the first frame, as far as its header tells.
    fn first_length(&self) -> usize {
        match self.waiting().first_chunk() {
            Some([a, b, c, d]) => {
                HEADER + (u32::from_le_bytes([*a, *b, *c, *d]) as usize).min(MAX_PAYLOAD)
            }
            None => HEADER,
        }
    }
}
