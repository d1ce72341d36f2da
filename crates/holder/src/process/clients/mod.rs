//! Everybody who is connected to the holder.

mod client;
mod feed;
mod outgoing;

use std::{os::fd::OwnedFd, rc::Rc};

use wk_holder::protocol::{Ended, Reply, put_frame};

pub(crate) use self::client::{Attached, Client, MAX_OUTGOING, Role};
use self::feed::Feed;

/// More connections than this are turned away.
const MAX_CLIENTS: usize = 64;

/// How a feeder went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    /// It said so.
    Left,
    /// Its connection is cut: by its own end, or by that of a daemon in between.
    Cut,
}

/// The connections, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    pub(crate) list: Vec<Client>,
    pub(crate) feed: Feed,
}

impl Clients {
    /// Lets a connection in.
    pub(crate) fn add(&mut self, fd: OwnedFd, role: Role, incoming: Vec<u8>) {
        let mut client = Client::new(fd, role, incoming);
        if self.list.len() >= MAX_CLIENTS {
            client.send(&Reply::Refused(format!("{MAX_CLIENTS} clients are connected already")));
            return;
        }
        self.list.push(client);
    }

    /// Forgets who is gone. Returns how the last feeder went, if it is among them.
    pub(crate) fn remove_gone(&mut self) -> Option<Departure> {
        let gone = self.list.iter().filter(|client| client.is_feed() && client.is_over());
        let mut departures = gone.map(|client| match client.leaving {
            true => Departure::Left,
            false => Departure::Cut,
        });
        let departure = departures.next_back();
        self.list.retain(|client| !client.is_over());
        departure.filter(|_| !self.list.iter().any(Client::is_feed))
    }

    /// Tells every control connection that the record has grown.
    pub(crate) fn bell(&mut self) {
        let frame = frame(&Reply::Bell);
        for client in self.list.iter_mut().filter(|client| client.is_control()) {
            client.push(Rc::clone(&frame));
        }
    }

    /// Tells every control connection that reads what it is told: it is worth a look, no more.
    pub(crate) fn halted(&mut self) {
        for client in self.list.iter_mut().filter(|client| client.is_control()) {
            if client.outgoing.is_empty() {
                client.send(&Reply::Halted);
            }
        }
    }

    /// Tells those who wait for it that there was output.
    pub(crate) fn activity(&mut self) {
        for client in &mut self.list {
            if let Role::Control { armed: armed @ true } = &mut client.role {
                *armed = false;
                client.send(&Reply::Activity);
            }
        }
    }

    /// Brings output to all who are attached.
    pub(crate) fn output(&mut self, kind: u8, bytes: &[u8]) {
        if bytes.is_empty() || !self.want_output() {
            self.feed.output(bytes.len(), None);
            return;
        }
        let mut frame = Vec::new();
        put_frame(&mut frame, kind, bytes);
        let frame = Rc::new(frame);
        for client in &mut self.list {
            client.push_output(Rc::clone(&frame));
        }
        self.feed.output(bytes.len(), Some(&frame));
    }

    /// Takes note of output that nobody wants.
    pub(crate) fn pass_over(&mut self, bytes: usize) {
        self.feed.output(bytes, None);
    }

    /// Lets a feeder take its place: it is sent what it does not have. What its earlier
    /// connection said and nobody has read is void, since it says that again.
    pub(crate) fn join_feeder(&mut self, index: usize, received: Option<u64>) {
        if received.is_some() {
            let others = self.list.iter_mut().enumerate().filter(|(at, _)| *at != index);
            others.filter(|(_, client)| client.is_feed()).for_each(|(_, client)| client.drop());
        }
        let frames = self.feed.join(received);
        if let Some(client) = self.list.get_mut(index) {
            frames.into_iter().for_each(|frame| client.push(frame));
        }
    }

    /// Tells the feeder what the child has read, where `waiting` bytes are still to be.
    pub(crate) fn tell_feeder(&mut self, waiting: usize) {
        if let Some(taken) = self.feed.news(waiting) {
            for client in self.list.iter_mut().filter(|client| client.is_feed()) {
                client.send(&Reply::Taken(taken));
            }
        }
    }

    /// Whether a feeder is there that does not have all of the output.
    pub(crate) fn feeder_waits(&self) -> bool {
        let owed = self.feed.is_owed();
        let mut feeders = self.list.iter().filter(|client| client.is_feed());
        feeders.any(|client| owed || !client.outgoing.is_empty())
    }

    /// Whether all output must be filtered and framed.
    pub(crate) fn want_output(&self) -> bool {
        self.feed.keeps() || self.attached() > 0
    }

    /// Tells all who are attached but `except` of a new size.
    pub(crate) fn resized(&mut self, cols: u16, rows: u16, except: Option<usize>) {
        let frame = frame(&Reply::Resized { cols, rows });
        for (index, client) in self.list.iter_mut().enumerate() {
            if client.attached().is_some() && Some(index) != except {
                client.push(Rc::clone(&frame));
            }
        }
    }

    /// Tells all who are attached that it is over, behind the last output.
    pub(crate) fn ended(&mut self, ended: &Ended) {
        for client in self.list.iter_mut().filter(|client| client.attached().is_some()) {
            client.send(&Reply::Ended(ended.clone()));
            // One that owes a confirmation is heard, until the last byte is safe.
            client.leaving = !(client.is_feed() && self.feed.is_owed());
        }
    }

    pub(crate) fn attached(&self) -> usize {
        self.list.iter().filter(|client| client.attached().is_some()).count()
    }

    pub(crate) fn has_control(&self) -> bool {
        self.list.iter().any(Client::is_control)
    }

    /// Whether somebody must not lose output, and is behind.
    pub(crate) fn feeder_is_behind(&self) -> bool {
        let full = |client: &Client| client.is_feed() && client.outgoing.bytes() >= MAX_OUTGOING;
        self.feed.is_behind() || self.list.iter().any(full)
    }
}

fn frame(reply: &Reply) -> Rc<Vec<u8>> {
    let mut frame = Vec::new();
    reply.put(&mut frame);
    Rc::new(frame)
}
