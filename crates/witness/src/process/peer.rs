//! One peer: its connection, what it watches, and how far it has been told.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use rustix::net::sockopt::socket_peercred;
use wk_holder::host::boot_id;
use wk_model::ProcessId;

use super::ring::{Ring, Slot};
use super::tell::{self, Reader};
use crate::{
    protocol::{MAX_ASK, Told},
    raw::{self, Raw, RawWhat, SIZE, SLOTS},
};

/// Told but not yet sent: beyond this, the ring keeps the rest.
const ROOM: usize = 64 << 10;
/// Questions that may wait for their answer.
const MAX_SYNCS: usize = 64;
/// A record that is not whole by then never will be.
const PATIENCE: Duration = Duration::from_millis(200);

/// One connection.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) stream: UnixStream,
    pub(crate) uid: u32,
    pub(crate) greeted: bool,
    pub(crate) commands: bool,
    /// What it watches, and whether the board counts it for that: the dead have no place there.
    pub(crate) roots: HashMap<ProcessId, bool>,
    input: Vec<u8>,
    output: VecDeque<u8>,
    /// The next record to look at.
    next: u64,
    /// Processes whose earlier records are still to be told, and the next number to look at.
    past: HashSet<ProcessId>,
    past_next: u64,
    syncs: VecDeque<(u64, u64)>,
    /// What the kernel had dropped of this user's when it was last told.
    dropped: u64,
    stalled: Option<Instant>,
}

impl Peer {
    pub(crate) fn new(
        stream: UnixStream,
        head: u64,
        dropped: impl Fn(u32) -> u64,
    ) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let uid = socket_peercred(&stream)?.uid.as_raw();
        Ok(Self {
            stream,
            uid,
            greeted: false,
            commands: false,
            roots: HashMap::new(),
            input: Vec::new(),
            output: VecDeque::new(),
            next: head + 1,
            past: HashSet::new(),
            past_next: 0,
            syncs: VecDeque::new(),
            dropped: dropped(uid),
            stalled: None,
        })
    }

    /// Reads whole lines; an error ends the connection.
    pub(crate) fn receive(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let mut buffer = [0; 16 << 10];
        let read = match self.stream.read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => read,
            Err(error) if is_later(&error) => 0,
            Err(error) => return Err(error),
        };
        self.input.extend_from_slice(&buffer[..read]);
        let mut lines = Vec::new();
        if let Some(end) = self.input.iter().rposition(|byte| *byte == b'\n') {
            let rest = self.input.split_off(end + 1);
            let whole = std::mem::replace(&mut self.input, rest);
            lines.extend(whole.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec));
        }
        if self.input.len() > MAX_ASK || lines.iter().any(|line| line.len() > MAX_ASK) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is too long"));
        }
        Ok(lines)
    }

    pub(crate) fn say(&mut self, told: &Told) {
        // All that is told is numbers and text: it can be written.
        if let Ok(line) = serde_json::to_vec(told) {
            self.output.extend(line);
            self.output.push_back(b'\n');
        }
    }

    /// Begins again with the record after `after`, as far back as there are any.
    pub(crate) fn replay(&mut self, after: u64, head: u64) {
        let oldest = head.saturating_sub(SLOTS - 1).max(1);
        self.next = (after.saturating_add(1)).max(oldest).min(head + 1);
    }

    /// Tells the records of one process that were written before it was asked for.
    pub(crate) fn recall(&mut self, process: ProcessId) {
        self.past.insert(process);
        self.past_next = 0;
    }

    /// Answers `number` once everything up to `head` is told.
    pub(crate) fn sync(&mut self, number: u64, head: u64) -> bool {
        self.syncs.push_back((number, head));
        self.syncs.len() <= MAX_SYNCS
    }

    /// Whether its socket is to be watched for room.
    pub(crate) fn wants_out(&self) -> bool {
        !self.output.is_empty()
    }

    /// Whether it waits for a record that is being written.
    pub(crate) fn is_stalled(&self) -> bool {
        self.stalled.is_some()
    }

    /// Whether it reads what it is told: a peer that does not must not make us keep its answers.
    pub(crate) fn is_hopeless(&self) -> bool {
        self.output.len() > 16 * ROOM
    }

    /// Tells what there is to tell, and sends as much as goes.
    pub(crate) fn advance(&mut self, ring: &Ring, hides: bool) -> io::Result<()> {
        loop {
            self.take(ring, hides);
            let sent = self.send()?;
            // What is left goes when the peer has read, or when the bell rings.
            let done = self.past.is_empty() && self.next > ring.head();
            if done || !sent || self.stalled.is_some() {
                return Ok(());
            }
        }
    }

    /// Sends what was said, before there is anything to tell.
    pub(crate) fn advance_silently(&mut self) -> io::Result<()> {
        self.send().map(drop)
    }

    /// Tells of records that were never written, if there are more of them by now.
    pub(crate) fn tell_dropped(&mut self, dropped: u64) {
        let more = dropped.saturating_sub(self.dropped);
        if more > 0 {
            self.dropped = dropped;
            let reason = "one user sent more signals than are kept a second".to_owned();
            self.say(&Told::Lost { records: more, reason });
        }
    }

    fn take(&mut self, ring: &Ring, hides: bool) {
        let mut buffer = [0; SIZE];
        self.remember(ring, hides);
        while self.past.is_empty() && self.output.len() < ROOM {
            self.answer();
            let head = ring.head();
            if self.next > head {
                self.stalled = None;
                break;
            }
            let oldest = (head + 1).saturating_sub(SLOTS).max(1);
            if self.next < oldest {
                self.overtaken(oldest - self.next);
                continue;
            }
            match ring.read(self.next, &mut buffer) {
                Slot::Ready => {
                    self.stalled = None;
                    self.tell(&buffer, hides);
                    self.next += 1;
                }
                Slot::Gone => self.overtaken(1),
                Slot::Unfinished => {
                    let since = *self.stalled.get_or_insert_with(Instant::now);
                    if since.elapsed() < PATIENCE {
                        break;
                    }
                    self.overtaken(1);
                }
            }
        }
        self.answer();
    }

    /// Goes through what was before.
    fn remember(&mut self, ring: &Ring, hides: bool) {
        let mut buffer = [0; SIZE];
        while !self.past.is_empty() && self.output.len() < ROOM {
            let oldest = (ring.head() + 1).saturating_sub(SLOTS).max(1);
            self.past_next = self.past_next.max(oldest);
            if self.past_next >= self.next {
                self.past = HashSet::new();
                return;
            }
            let (pid, start_time) = ring.root(self.past_next);
            let root = ProcessId { boot: boot_id(), pid, start_time };
            if self.past.contains(&root)
                && matches!(ring.read(self.past_next, &mut buffer), Slot::Ready)
            {
                self.tell(&buffer, hides);
            }
            self.past_next += 1;
        }
    }

    fn overtaken(&mut self, records: u64) {
        self.stalled = None;
        self.next += records;
        let reason = "records were overwritten before they could be told".to_owned();
        self.say(&Told::Lost { records, reason });
    }

    fn answer(&mut self) {
        if !self.past.is_empty() {
            return;
        }
        while let Some((number, _)) = self.syncs.pop_front_if(|(_, head)| self.next > *head) {
            self.say(&Told::Synced { number });
        }
    }

    fn tell(&mut self, bytes: &[u8], hides: bool) {
        let Ok(raw) = raw::parse(bytes) else { return };
        if !self.concerns(&raw) {
            return;
        }
        let change = tell::change(&raw, Reader { uid: self.uid, hides });
        self.say(&Told::Record { number: raw.number, at: tell::moment(raw.at_ns), change });
    }

    /// Whose it is decides, not what the peer says that it watches.
    fn concerns(&self, raw: &Raw) -> bool {
        match &raw.what {
            RawWhat::Command { process } => self.commands && process.uid == self.uid,
            _ if self.uid != 0 && raw.owner != self.uid => false,
            _ => tell::root(raw).is_some_and(|root| self.roots.contains_key(&root)),
        }
    }

    /// True: all of it went.
    fn send(&mut self) -> io::Result<bool> {
        while !self.output.is_empty() {
            let (first, _) = self.output.as_slices();
            match (&self.stream).write(first) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => drop(self.output.drain(..written)),
                Err(error) if is_later(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
