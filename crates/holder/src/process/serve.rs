//! What clients ask for, and what they get.

use std::{os::fd::AsRawFd, time::Duration};

use rustix::process::Signal;
use wk_holder::protocol::{
    AttachRequest, FEED_WINDOW, HolderStatus, Reply, Request, SignalRequest, SignalTarget, VERSION,
};

use super::{
    child::Child,
    clients::{Attached, Role},
    holder::Holder,
    launch::is_size,
    signal_of, tree,
};

/// Input that the child has not read; then a client who types has to wait.
const MAX_INPUT: usize = 256 << 10;

const TOO_LATE: &str = "its client was away for too long, and its input was ended";

const HAS_ENDED: &str = "the session has ended";

impl Holder {
    /// Carries out what a client has asked for, as far as there is room for its input.
    pub(crate) fn serve(&mut self, index: usize) {
        loop {
            let waiting = self.child.as_ref().map_or(0, Child::input_waiting);
            let full = waiting >= MAX_INPUT;
            // A feeder that confirms keeps to its window, and must be heard: what it confirms
            // may be what makes the child read on.
            let window = if self.clients.feed.confirms() { FEED_WINDOW } else { 0 };
            let Some(client) = self.clients.list.get_mut(index) else { return };
            let room = MAX_INPUT + if client.is_feed() { window } else { 0 };
            if client.leaving || (waiting >= room && client.attached().is_some()) {
                return;
            }
            match client.next() {
                Ok(Some(request)) => self.carry_out(index, request, full),
                Ok(None) => return,
                Err(error) => {
                    client.send(&Reply::Refused(error.to_string()));
                    client.leaving = true;
                }
            }
        }
    }

    /// Draws the screen anew for those who were too slow and have caught up.
    pub(crate) fn resync_clients(&mut self) {
        for client in &mut self.clients.list {
            if let Role::Attached(attached) = &mut client.role
                && attached.resync
                && client.outgoing.is_empty()
            {
                attached.resync = false;
                client.send(&Reply::Output(self.output.view.redraw(0)));
                if let Some(end) = &self.end {
                    client.send(&Reply::Ended(end.ended.clone()));
                    client.leaving = true;
                }
            }
        }
    }

    /// Gives up on a client that was to attach.
    pub(crate) fn stop_expecting(&mut self) {
        self.expected_until = None;
        self.reads_wait = false;
        self.clients.feed.give_up();
        // Nobody is left to fill stdin.
        self.child.iter_mut().for_each(Child::end_input);
    }

    /// The holder's word on how everything stands.
    pub(crate) fn status(&mut self) -> Reply {
        Reply::Status(Box::new(HolderStatus {
            version: VERSION,
            session_id: self.session_id,
            attempt: self.attempt,
            holder: self.me,
            process: self.child.as_ref().map(|child| child.process),
            ended: self.end.as_ref().map(|end| end.ended.clone()),
            clients: u32::try_from(self.clients.attached()).unwrap_or(u32::MAX),
            title: self.output.view.title(),
        }))
    }

    fn carry_out(&mut self, index: usize, request: Request, full: bool) {
        let Some(client) = self.clients.list.get_mut(index) else { return };
        match (&mut client.role, request) {
            (Role::New, Request::Attach(attach)) => self.attach(index, attach),
            (role @ Role::New, Request::Hello(_)) => {
                *role = Role::Control { armed: false };
                let status = self.status();
                self.answer(index, &status);
            }
            (Role::New, _) => {
                client.send(&Reply::Refused("the first request must be hello or attach".into()));
                client.leaving = true;
            }
            (Role::Control { armed }, Request::Arm) => {
                *armed = true;
                client.send(&Reply::Done);
            }
            (Role::Control { .. }, Request::Input(_)) if full => {
                // It must not wait: what it asks for next may be the session's end.
                client.send(&Reply::Refused("the session does not read its input".into()));
            }
            (Role::Control { .. }, request) => {
                let reply = self.control(request);
                self.answer(index, &reply);
            }
            (Role::Attached(_), request) => self.follow(index, &request),
        }
    }

    fn answer(&mut self, index: usize, reply: &Reply) {
        if let Some(client) = self.clients.list.get_mut(index) {
            client.send(reply);
        }
    }

    fn control(&mut self, request: Request) -> Reply {
        match request {
            Request::Hello(_) => self.status(),
            Request::Signal(request) => self.signal(request),
            Request::Stop(stop) => {
                self.stop(Duration::from_millis(stop.grace_ms), None);
                Reply::Done
            }
            Request::Screen(request) => Reply::Screen(self.output.view.show(request)),
            Request::Resize { cols, rows } if !is_size(cols, rows) => {
                Reply::Refused(format!("{cols}x{rows} is no size of a terminal"))
            }
            Request::Input(_) | Request::InputEnd | Request::Resize { .. }
                if self.end.is_some() =>
            {
                Reply::Refused(HAS_ENDED.into())
            }
            Request::Input(bytes) => {
                self.type_in(&bytes);
                Reply::Done
            }
            Request::InputEnd => {
                self.child.iter_mut().for_each(Child::end_input);
                Reply::Done
            }
            Request::Resize { cols, rows } => {
                self.resize(cols, rows, None);
                Reply::Done
            }
            Request::Launch(_)
            | Request::Attach(_)
            | Request::Detach
            | Request::Arm
            | Request::Received(_) => Reply::Refused("this is a control connection".into()),
        }
    }

    /// What an attached client sends. It gets no answers, but output.
    fn follow(&mut self, index: usize, request: &Request) {
        let Some(client) = self.clients.list.get_mut(index) else { return };
        let (descriptor, Role::Attached(attached)) = (client.fd.as_raw_fd(), &mut client.role)
        else {
            return;
        };
        match request {
            Request::Detach => {
                client.leaving = true;
                return;
            }
            Request::Received(bytes) if attached.feed => {
                self.clients.feed.confirm(*bytes);
                client.leaving = self.end.is_some() && !self.clients.feed.is_owed();
                return;
            }
            _ => {}
        }
        if attached.read_only || self.end.is_some() {
            return;
        }
        match request {
            Request::Input(bytes) => {
                let size = attached.size;
                if attached.feed {
                    self.clients.feed.input(bytes.len());
                }
                if self.active.replace(descriptor) != Some(descriptor)
                    && let Some((cols, rows)) = size
                {
                    self.resize(cols, rows, Some(index));
                }
                self.type_in(bytes);
            }
            Request::InputEnd => self.child.iter_mut().for_each(Child::end_input),
            Request::Resize { cols, rows } if is_size(*cols, *rows) => {
                attached.size = Some((*cols, *rows));
                if self.active.is_none_or(|active| active == descriptor) {
                    self.resize(*cols, *rows, Some(index));
                }
            }
            _ => {}
        }
    }

    fn attach(&mut self, index: usize, request: AttachRequest) {
        let size = request.cols.zip(request.rows).filter(|(cols, rows)| is_size(*cols, *rows));
        let Some(client) = self.clients.list.get_mut(index) else { return };
        let AttachRequest { read_only, feed, history, received, .. } = request;
        if feed && received.is_some() && self.clients.feed.was_given_up() {
            // Half of an input must not be taken for the whole.
            client.send(&Reply::Refused(TOO_LATE.into()));
            client.leaving = true;
            return;
        }
        client.role = Role::Attached(Attached { read_only, feed, size, resync: false });
        let descriptor = client.fd.as_raw_fd();
        if let (false, Some((cols, rows))) = (read_only, size) {
            self.active = Some(descriptor);
            self.resize(cols, rows, Some(index));
        }
        // Whoever only looks on is not the feeder that is waited for.
        if feed || !self.clients.feed.is_expected() {
            self.expected_until = None;
            self.reads_wait = false;
        }
        let now = self.output.view.size();
        let Some(client) = self.clients.list.get_mut(index) else { return };
        if size.is_some_and(|size| size != now) && now != (0, 0) {
            client.send(&Reply::Resized { cols: now.0, rows: now.1 });
        }
        if feed {
            // It is given everything; a view of it would be the same once more.
            self.clients.join_feeder(index, received);
        } else {
            client.send(&Reply::Output(self.output.view.redraw(history)));
        }
        let Some(client) = self.clients.list.get_mut(index) else { return };
        if let Some(end) = &self.end {
            client.send(&Reply::Ended(end.ended.clone()));
            client.leaving = !(feed && self.clients.feed.is_owed());
        }
        client.flush();
    }

    fn type_in(&mut self, bytes: &[u8]) {
        if let Some(child) = &mut self.child {
            child.put_input(bytes);
            self.output.gauges.note_input();
        }
    }

    fn signal(&mut self, request: SignalRequest) -> Reply {
        let (Some(child), None) = (&self.child, &self.end) else {
            return Reply::Refused(HAS_ENDED.into());
        };
        let Some(signal) = signal_of(request.signal) else {
            return Reply::Refused(format!("{} is no signal that can be sent", request.signal));
        };
        let sent = match request.to {
            SignalTarget::Leader => child.signal(signal),
            SignalTarget::Tree => {
                self.tree.signal(signal);
                Ok(())
            }
            SignalTarget::Foreground => self.signal_foreground(signal),
        };
        sent.map_or_else(|error| Reply::Refused(error.to_string()), |()| Reply::Done)
    }

    /// Signals the group in the foreground, if it is of this session.
    fn signal_foreground(&self, signal: Signal) -> std::io::Result<()> {
        let Some(child) = &self.child else { return Ok(()) };
        let group = child.foreground();
        let number = group.as_raw_nonzero().get().unsigned_abs();
        let living = self.tree.living();
        if living.iter().any(|process| tree::group_of(*process) == Some(number)) {
            return Ok(rustix::process::kill_process_group(group, signal)?);
        }
        child.signal(signal)
    }
}
