//! The holder at work: one loop that waits, and does what has become due.
//!
//! Everything happens on this thread but the writing of the recording. When nothing
//! happens, nothing wakes it.

use std::{
    os::fd::AsRawFd,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use wk_model::{Change, ProcessId, Resized, SessionId};
use wk_recording::Stream;

use super::{
    child::{Child, has_halted},
    clients::{Clients, Departure, Role},
    door::Door,
    end::End,
    leaf::Leaf,
    limits::Limits,
    outbox::Outbox,
    output::Output,
    signals::Signals,
    stop::Stop,
    summon::Summons,
    tape::Tape,
    tree::Tree,
};

/// How long a new size must last before it is told.
const SETTLING: Duration = Duration::from_millis(200);

/// After so much quiet, memory is given back.
const QUIET: Duration = Duration::from_millis(100);

/// One attempt of a session, and everything that it needs.
#[derive(Debug)]
pub(crate) struct Holder {
    pub(crate) me: ProcessId,
    pub(crate) session_id: SessionId,
    pub(crate) attempt: u32,
    pub(crate) keep_descendants: bool,
    pub(crate) grace: Duration,
    /// What it shows may be kept.
    pub(crate) recorded: bool,
    pub(crate) summons: Summons,
    pub(crate) outbox: Outbox,
    pub(crate) signals: Signals,
    pub(crate) door: Door,
    pub(crate) clients: Clients,
    /// None: the command never ran.
    pub(crate) child: Option<Child>,
    pub(crate) tree: Tree,
    pub(crate) output: Output,
    pub(crate) limits: Limits,
    /// Leaves in the hierarchies of cgroup v1.
    pub(crate) legacy: Vec<Leaf>,
    pub(crate) stop: Option<Stop>,
    /// Until when a client is waited for that is about to attach.
    pub(crate) expected_until: Option<Instant>,
    /// Output is not read before that client is there.
    pub(crate) reads_wait: bool,
    /// That client was there before.
    pub(crate) feeder_cut: bool,
    /// The client whose size counts, by its descriptor.
    pub(crate) active: Option<i32>,
    /// A new size that is not told yet.
    pub(crate) resized_at: Option<Instant>,
    /// Children have ended that are still to be taken.
    pub(crate) reaps_on: bool,
    pub(crate) end: Option<End>,
    /// What is read from the child, kept for its memory while output flows.
    pub(crate) buffer: Vec<u8>,
}

/// What a descriptor that became ready belongs to.
#[derive(Clone, Copy, Debug)]
enum Ready {
    Door,
    Signals,
    Output(Stream),
    Stdin,
    Tape,
    Limits,
    Client(usize),
}

impl Holder {
    /// Works until the session has ended and everybody knows it.
    pub(crate) fn run(&mut self) {
        loop {
            let now = Instant::now();
            self.on_time(now);
            self.settle();
            if self.is_over(Instant::now()) {
                return;
            }
            for (ready, flags) in self.wait() {
                self.act(ready, flags);
            }
        }
    }

    /// Tells whoever looks after the session's health that its command was stopped, or goes on.
    fn tell_halt(&mut self) {
        if self.child.as_ref().is_some_and(|child| has_halted(child.pid)) {
            self.clients.halted();
        }
    }

    /// Tells of a new size, once it has lasted or when there is no more time.
    pub(crate) fn tell_size(&mut self) {
        if self.resized_at.take().is_some() {
            let (cols, rows) = self.output.view.size();
            self.outbox.tell(Change::SessionResized(Resized { cols, rows }));
            self.clients.bell();
        }
    }

    /// Gives the terminal another size, by the wish of a client.
    pub(crate) fn resize(&mut self, cols: u16, rows: u16, by: Option<usize>) {
        let Some(child) = &self.child else { return };
        if !child.has_terminal() || self.end.is_some() || self.output.view.size() == (cols, rows) {
            return;
        }
        child.resize(cols, rows);
        self.output.resize(cols, rows);
        self.clients.resized(cols, rows, by);
        self.resized_at.get_or_insert(Instant::now() + SETTLING);
    }

    /// Reads what the child has written so far, up to `limit` bytes. True when that was all.
    pub(crate) fn read_output(&mut self, stream: Stream, limit: usize) -> bool {
        let Some(child) = &mut self.child else { return true };
        let (closed, all) = child.read(stream, &mut self.buffer, limit);
        if !self.buffer.is_empty() {
            self.output.take(stream, &self.buffer, child, &mut self.clients);
            self.buffer.clear();
            self.output.quiet_at = Some(Instant::now() + QUIET);
        }
        if closed {
            child.close(stream);
        }
        all || closed
    }

    /// Takes in what the recording has to say.
    pub(crate) fn hear_tape(&mut self) -> bool {
        let Some(tape) = self.output.tape() else { return true };
        let report = tape.report();
        self.output.gauges.set_recorded(report.bytes, report.gaps);
        if let Some(gap) = report.gap {
            self.outbox.tell(Change::OutputGap(gap));
            self.clients.bell();
        }
        report.done
    }

    fn act(&mut self, ready: Ready, flags: PollFlags) {
        match ready {
            Ready::Door => {
                while let Some(peer) = self.door.accept() {
                    self.clients.add(peer, Role::New, Vec::new());
                }
            }
            Ready::Signals => {
                let arrived = self.signals.read();
                if arrived.child {
                    self.tell_halt();
                    self.reaps_on = self.reap();
                }
                if arrived.socket_missed {
                    self.door.repair();
                }
            }
            Ready::Output(stream) => drop(self.read_output(stream, self.output.batch())),
            Ready::Stdin => {
                if let Some(child) = &mut self.child {
                    child.write_input();
                }
            }
            Ready::Tape => {
                if let Some(tape) = self.output.tape() {
                    tape.hush();
                }
                self.hear_tape();
            }
            Ready::Limits => self.limits.hear(),
            Ready::Client(index) => {
                let Some(client) = self.clients.list.get_mut(index) else { return };
                if flags.contains(PollFlags::OUT)
                    && client.flush()
                    && let Some(end) = &mut self.end
                {
                    end.note_progress();
                }
                if flags.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
                    client.read();
                }
            }
        }
    }

    fn on_time(&mut self, now: Instant) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(self.resized_at) {
            self.tell_size();
        }
        if due(self.expected_until) {
            self.stop_expecting();
        }
        if due(self.output.quiet_at) {
            self.rest();
        }
        if let Some(tape) = self.output.tape_mut() {
            tape.on_time(now);
        }
        if self.reaps_on {
            self.reaps_on = self.reap();
        }
        self.hold_to_limits(now);
        self.stop_on_time(now);
        self.end_on_time(now);
    }

    /// Carries out what could not be done at once, and brings everybody up to date.
    fn settle(&mut self) {
        for index in 0..self.clients.list.len() {
            self.serve(index);
        }
        self.resync_clients();
        let here =
            |fd: &i32| self.clients.list.iter().any(|c| c.fd.as_raw_fd() == *fd && !c.is_over());
        self.active = self.active.filter(here);
        match self.clients.remove_gone() {
            // Nobody is left to fill stdin.
            Some(Departure::Left) => {
                self.clients.feed.leave();
                self.child.iter_mut().for_each(Child::end_input);
            }
            // With the next daemon it comes back: an end of the input now would be a lie.
            Some(Departure::Cut) if self.end.is_none() || self.clients.feed.is_owed() => {
                self.feeder_cut = true;
                self.expect_feeder(Instant::now());
            }
            Some(Departure::Cut) | None => {}
        }
        self.clients.tell_feeder(self.child.as_ref().map_or(0, Child::input_waiting));
        if self.output.quiet_at.is_some() {
            self.hear_tape();
        }
        self.output.gauges.publish();
    }

    fn rest(&mut self) {
        self.buffer = Vec::new();
        self.output.rest();
        if let Some(child) = &mut self.child {
            self.output.pass_answers(child);
        }
        self.hear_tape();
        self.output.gauges.publish();
    }

    /// Waits for the next thing to do.
    fn wait(&mut self) -> Vec<(Ready, PollFlags)> {
        let now = Instant::now();
        let reads = self.reads_output(now);
        let deadline = if self.reaps_on { Some(now) } else { self.deadline() };
        let timeout = deadline.map(|at| at.saturating_duration_since(now));
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let (tokens, mut descriptors): (Vec<_>, Vec<_>) = self.interests(reads).into_iter().unzip();
        // An interrupted wait is a wait without news.
        let _ = poll(&mut descriptors, timeout.as_ref());
        let ready = tokens.into_iter().zip(descriptors.iter().map(PollFd::revents));
        ready.filter(|(_, flags)| !flags.is_empty()).collect()
    }

    /// Whether there is room for what the child writes.
    fn reads_output(&mut self, now: Instant) -> bool {
        let room = self.output.tape_mut().is_none_or(|tape| tape.has_room(now));
        room && !self.reads_wait && self.end.is_none() && !self.clients.feeder_is_behind()
    }

    fn interests(&self, reads: bool) -> Vec<(Ready, PollFd<'_>)> {
        let mut all = vec![
            (Ready::Signals, PollFd::new(&self.signals, PollFlags::IN)),
            (Ready::Door, PollFd::new(&self.door, PollFlags::IN)),
        ];
        if let Some(tape) = self.output.tape() {
            all.push((Ready::Tape, PollFd::new(tape, PollFlags::IN)));
        }
        if let (Some(child), None) = (&self.child, &self.end) {
            if child.wants_to_write()
                && let Some(stdin) = child.stdin()
            {
                all.push((Ready::Stdin, PollFd::new(stdin, PollFlags::OUT)));
            }
            for (bell, flags) in self.limits.bells() {
                all.push((Ready::Limits, PollFd::from_borrowed_fd(bell, flags)));
            }
            for stream in [Stream::Stdout, Stream::Stderr] {
                if let (true, Some(from)) = (reads, child.source(stream)) {
                    all.push((Ready::Output(stream), PollFd::new(from, PollFlags::IN)));
                }
            }
        }
        for (index, client) in self.clients.list.iter().enumerate() {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, client.wants_to_read());
            flags.set(PollFlags::OUT, !client.outgoing.is_empty());
            // One that is neither read nor written would only report its end, for ever.
            if !flags.is_empty() {
                all.push((Ready::Client(index), PollFd::new(&client.fd, flags)));
            }
        }
        all
    }

    fn deadline(&self) -> Option<Instant> {
        let tape = self.output.tape().and_then(Tape::deadline);
        let end = self.end.as_ref().and_then(|end| end.deadline(&self.clients));
        let stop = match &self.end {
            None => {
                let limits = self.limits.deadline(self.output.gauges.active_at());
                self.stop.as_ref().map(Stop::deadline).into_iter().chain(limits).min()
            }
            Some(_) => None,
        };
        let rest = [self.resized_at, self.expected_until, self.output.quiet_at];
        [tape, end, stop].into_iter().chain(rest).flatten().min()
    }
}
