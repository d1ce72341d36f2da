//! The end of the command, and what is left to do behind it.
//!
//! First of all the exit record: it is written, told, and on the disk before anything else is
//! tidied up. Then come the leftover processes, the rest of the recording, and clients that are
//! still reading.

use std::time::{Duration, Instant};

use wk_holder::protocol::Ended;
use wk_model::{AttemptExited, Change, Ending, HolderUsage, LimitKind};
use wk_recording::Stream;

use super::{
    child::{self, Reaped},
    clients::Clients,
    holder::Holder,
    last_lines,
    leftovers::Leftovers,
};

/// What is read of the output that is there when the command has ended.
const MAX_DRAIN: usize = 1 << 20;

/// Children that are taken in one go.
const MAX_REAPED: u64 = 4096;

/// How long a daemon may take to hear the bell, an attached terminal to take the rest of its
/// output, and a disk the rest of the recording.
const CONTROL_PATIENCE: Duration = Duration::from_secs(2);
const TERMINAL_PATIENCE: Duration = Duration::from_secs(5);
const DISK_PATIENCE: Duration = Duration::from_secs(10);

/// Between tries to write an exit record that the disk did not take.
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// The state of an attempt that is over.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) ended: Ended,
    since: Instant,
    /// When a client last took something.
    progress: Instant,
    /// The exit that is not on the disk yet, and when to try again.
    untold: Option<(AttemptExited, Instant)>,
    /// None: there are none, or none any more, or they are kept.
    leftovers: Option<Leftovers>,
    recorded: bool,
}

impl End {
    pub(crate) fn note_progress(&mut self) {
        self.progress = Instant::now();
    }

    /// When there is something to do even if nothing happens.
    pub(crate) fn deadline(&self, clients: &Clients) -> Option<Instant> {
        let told = self.untold.as_ref().map(|(_, at)| *at);
        let leftovers = self.leftovers.as_ref().map(Leftovers::look_at);
        let disk = (!self.recorded).then(|| self.since + DISK_PATIENCE);
        let clients = self.client_deadlines(clients).max();
        [told, leftovers, disk, clients].into_iter().flatten().min()
    }

    fn client_deadlines(&self, clients: &Clients) -> impl Iterator<Item = Instant> {
        let waiting = clients.list.iter().filter(|client| !client.outgoing.is_empty());
        waiting.filter_map(|client| match client.attached() {
            // It stands in a script: nothing may be lost to it, however slow the next one is.
            Some(attached) if attached.feed => None,
            Some(_) => Some(self.progress + TERMINAL_PATIENCE),
            None => Some(self.since + CONTROL_PATIENCE),
        })
    }
}

impl Holder {
    /// Takes every child that has ended; the leader's end is the session's.
    ///
    /// True where there may be more: those who die as fast as they are taken must not keep the
    /// holder from everything else.
    pub(crate) fn reap(&mut self) -> bool {
        let leader = self.child.as_ref().map(|child| child.pid);
        let (mut count, mut leaders) = (0, None);
        while count < MAX_REAPED
            && let Some(reaped) = child::reap()
        {
            count += 1;
            if leader == Some(reaped.pid) {
                leaders = Some(reaped);
            }
        }
        // Who else was there belongs to what the leader's end means.
        self.limits.note_dead(count);
        if let Some(reaped) = leaders
            && self.end.is_none()
        {
            self.end_by(&reaped);
        }
        count == MAX_REAPED
    }

    /// Writes down an end, and tells everybody.
    pub(crate) fn end(&mut self, ending: &Ending, usage: HolderUsage) {
        let limit = match &self.stop {
            Some(stop) => stop.limit,
            None => self.limit_at_end(ending, usage.cpu_ms.unwrap_or(0)),
        };
        let ended = Ended { ending: ending.clone(), limit };
        let exited = AttemptExited {
            attempt: self.attempt,
            ending: ending.clone(),
            limit,
            usage,
            last_lines: self.last_lines(ending, limit),
        };
        let now = Instant::now();
        if self.feeder_cut && !self.clients.feed.is_owed() {
            // It may never come, and learns of the end elsewhere, too.
            self.expected_until = self.expected_until.map(|at| at.min(now + CONTROL_PATIENCE));
        }
        self.end = Some(End {
            ended: ended.clone(),
            since: now,
            progress: now,
            untold: Some((exited, now)),
            leftovers: None,
            recorded: false,
        });
        self.tell_exit(now);
        self.clients.ended(&ended);
        self.output.finish(ending.shell_code());
        // Somebody who stops a session means all of it.
        if self.child.is_some() && (!self.keep_descendants || self.stop.is_some()) {
            let leftovers = Leftovers::new(self.grace);
            self.end.iter_mut().for_each(|end| end.leftovers = Some(leftovers.clone()));
            self.end_on_time(now);
        }
    }

    pub(crate) fn end_on_time(&mut self, now: Instant) {
        let Some(end) = &mut self.end else { return };
        if end.untold.as_ref().is_some_and(|(_, at)| *at <= now) {
            self.tell_exit(now);
        }
        let Some(end) = &mut self.end else { return };
        if let Some(leftovers) = &mut end.leftovers
            && leftovers.look_at() <= now
        {
            if leftovers.look(now, &self.tree, &mut self.outbox) {
                self.clients.bell();
            }
            if leftovers.are_gone() {
                end.leftovers = None;
            }
        }
    }

    /// Whether nothing is left to do.
    pub(crate) fn is_over(&mut self, now: Instant) -> bool {
        if self.end.is_none() {
            return false;
        }
        let recorded = self.hear_tape();
        let Some(end) = &mut self.end else { return false };
        end.recorded = recorded || now >= end.since + DISK_PATIENCE;
        let told = end.untold.is_none() || now >= end.since + DISK_PATIENCE;
        let waiting = self.clients.feeder_waits()
            || end.client_deadlines(&self.clients).any(|deadline| now < deadline);
        let expecting = self.expected_until.is_some();
        end.recorded && told && end.leftovers.is_none() && !waiting && !expecting
    }

    /// Tidies up behind the session.
    pub(crate) fn leave(&mut self) {
        self.output.gauges.publish();
        self.outbox.flush();
        // What has ended and is not waited for is still in its leaves.
        while child::reap().is_some() {}
        for leaf in self.tree.leaf().into_iter().chain(&self.legacy) {
            leaf.remove();
        }
        if !self.clients.has_control() {
            self.summons.summon();
        }
    }

    fn end_by(&mut self, reaped: &Reaped) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let mut drained = 0;
            while drained < MAX_DRAIN && !self.read_output(stream, self.output.batch()) {
                drained += self.output.batch();
            }
        }
        self.tell_size();
        self.hear_tape();
        let usage = HolderUsage {
            cpu_ms: Some(reaped.cpu_ms),
            max_rss_bytes: Some(reaped.max_rss_bytes),
            ..self.output.usage()
        };
        self.output.gauges.publish();
        self.end(&reaped.ending, usage);
    }

    /// What it said last, where that may tell why it ended.
    fn last_lines(&mut self, ending: &Ending, limit: Option<LimitKind>) -> Option<String> {
        let unasked = limit.is_none() && self.stop.is_none();
        if *ending == (Ending::Exited { code: 0 }) && unasked {
            return None;
        }
        let shown = self.shown();
        let before = self.stop.as_mut().and_then(|stop| stop.shown.take());
        let is_there = |line: &str| shown.as_ref().is_some_and(|shown| shown.contains(line));
        match before {
            Some(before) if !before.lines().next_back().is_some_and(is_there) => Some(before),
            _ => shown,
        }
    }

    /// The last lines as they are now, where they may be kept.
    pub(crate) fn shown(&mut self) -> Option<String> {
        self.recorded.then(|| last_lines::of(&self.output.view.lines())).flatten()
    }

    fn tell_exit(&mut self, now: Instant) {
        let Some(end) = &mut self.end else { return };
        let Some((exited, _)) = end.untold.take() else { return };
        match self.outbox.tell_exit(Change::AttemptExited(exited.clone())) {
            Ok(file) => {
                self.clients.bell();
                // A disk that fails here has the record all the same, but for a power cut.
                let _ = self.outbox.settle_exit(&file);
            }
            Err(_) => end.untold = Some((exited, now + TRY_AGAIN)),
        }
    }
}
