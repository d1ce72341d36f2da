//! Records as the kernel's programs write them: `bpf/record.h`, read without trust.

use std::fmt;

/// Raised together with `LAYOUT` there.
pub const LAYOUT: u64 = 1;
/// Records that are kept.
pub const SLOTS: u64 = 2048;
/// Bytes of one record.
pub const SIZE: usize = HEAD + ARGV + ANCESTORS * ANCESTOR;

const HEAD: usize = 144;
const ARGV: usize = 1024;
const ANCESTORS: usize = 12;
const ANCESTOR: usize = 40 + ANCESTOR_ARGV;
const ANCESTOR_ARGV: usize = 96;
/// More than this of a command line is not told.
const MAX_ARGUMENTS: usize = 64;
/// What `/proc` counts in.
const TICK_NS: u64 = 10_000_000;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    pub number: u64,
    pub at_ns: u64,
    /// The user whose process it concerns.
    pub owner: u32,
    pub what: RawWhat,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RawWhat {
    Signal {
        target: RawTarget,
        sender: RawSender,
        signal: i32,
        code: i32,
        result: i32,
        exits: bool,
        is_kernel: bool,
        kill_argument: Option<i32>,
    },
    /// `status` is as `wait` has it.
    Exit {
        target: RawTarget,
        status: i32,
    },
    Oom {
        target: RawTarget,
    },
    Command {
        process: RawSender,
    },
}

/// Whom it struck.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawTarget {
    pub pid: u32,
    pub start_time: u64,
    pub comm: String,
    pub parent: u32,
    pub root_pid: u32,
    pub root_start_time: u64,
}

/// Who ran.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawSender {
    pub pid: u32,
    pub start_time: u64,
    pub comm: String,
    pub uid: u32,
    pub cgroup: u64,
    pub tty: u32,
    pub argv: Vec<String>,
    pub ancestry: Vec<RawAncestor>,
}

/// Who was above.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawAncestor {
    pub pid: u32,
    pub start_time: u64,
    pub uid: u32,
    pub comm: String,
    pub argv: Vec<String>,
    /// More than the record has room for.
    pub cut: bool,
}

/// Why bytes are no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRecord {
    #[error("a record of {0} bytes, not {SIZE}")]
    Size(usize),
    #[error("a record of kind {0}, which is not known")]
    Kind(u32),
}

/// The number that a slot claims; 0: it is being written, or never was.
pub fn number(bytes: &[u8]) -> u64 {
    Reader(bytes).u64(0)
}

/// The `u32` that comes first in memory.
pub fn first_half(word: u64) -> u32 {
    Reader(&word.to_ne_bytes()).u32(0)
}

/// Reads one slot.
pub fn parse(bytes: &[u8]) -> Result<Raw, BadRecord> {
    if bytes.len() != SIZE {
        return Err(BadRecord::Size(bytes.len()));
    }
    let at = Reader(bytes);
    let flags = at.u32(20);
    let what = match at.u32(16) {
        1 => RawWhat::Signal {
            target: target(at),
            sender: sender(at),
            signal: at.i32(72),
            code: at.i32(76),
            result: at.i32(80),
            exits: flags & 1 != 0,
            is_kernel: flags & 2 != 0,
            kill_argument: (flags & 4 != 0).then(|| at.i32(132)),
        },
        2 => RawWhat::Exit { target: target(at), status: at.i32(84) },
        3 => RawWhat::Oom { target: target(at) },
        4 => RawWhat::Command { process: sender(at) },
        kind => return Err(BadRecord::Kind(kind)),
    };
    Ok(Raw { number: at.u64(0), at_ns: at.u64(8), owner: at.u32(68), what })
}

fn target(at: Reader<'_>) -> RawTarget {
    RawTarget {
        start_time: at.u64(24) / TICK_NS,
        pid: at.u32(32),
        parent: at.u32(36),
        comm: at.comm(40),
        root_start_time: at.u64(56),
        root_pid: at.u32(64),
    }
}

fn sender(at: Reader<'_>) -> RawSender {
    let length = at.u32(136) as usize;
    let count = (at.u32(140) as usize).min(ANCESTORS);
    RawSender {
        start_time: at.u64(88) / TICK_NS,
        cgroup: at.u64(96),
        pid: at.u32(104),
        uid: at.u32(108),
        comm: at.comm(112),
        tty: at.u32(128),
        argv: arguments(at.bytes(HEAD, length.min(ARGV))),
        ancestry: (0..count).map(|index| ancestor(at, index)).collect(),
    }
}

fn ancestor(at: Reader<'_>, index: usize) -> RawAncestor {
    let from = HEAD + ARGV + index * ANCESTOR;
    let length = usize::from(at.u16(from + 32)).min(ANCESTOR_ARGV);
    RawAncestor {
        start_time: at.u64(from) / TICK_NS,
        pid: at.u32(from + 8),
        uid: at.u32(from + 12),
        comm: at.comm(from + 16),
        argv: arguments(at.bytes(from + 40, length)),
        cut: length == ANCESTOR_ARGV,
    }
}

/// The arguments of a process, as its memory or `/proc/PID/cmdline` has them.
pub fn arguments(bytes: &[u8]) -> Vec<String> {
    let bytes = bytes.get(..ARGV).unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    if bytes.is_empty() {
        return Vec::new();
    }
    let words = bytes.split(|byte| *byte == 0).take(MAX_ARGUMENTS);
    words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// Numbers at places; a place outside holds zeros.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(self, from: usize) -> [u8; N] {
        self.0.get(from..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }

    fn u16(self, from: usize) -> u16 {
        u16::from_ne_bytes(self.take(from))
    }

    fn u32(self, from: usize) -> u32 {
        u32::from_ne_bytes(self.take(from))
    }

    fn i32(self, from: usize) -> i32 {
        i32::from_ne_bytes(self.take(from))
    }

    fn u64(self, from: usize) -> u64 {
        u64::from_ne_bytes(self.take(from))
    }

    fn comm(self, from: usize) -> String {
        let bytes: [u8; 16] = self.take(from);
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    }
}

impl<'a> Reader<'a> {
    fn bytes(self, from: usize, length: usize) -> &'a [u8] {
        self.0.get(from..from + length).unwrap_or_default()
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(record: &mut [u8], at: usize, bytes: &[u8]) {
        record[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn signal() -> Vec<u8> {
        let mut record = vec![0; SIZE];
        put(&mut record, 0, &7u64.to_ne_bytes());
        put(&mut record, 16, &1u32.to_ne_bytes());
        put(&mut record, 20, &4u32.to_ne_bytes());
        put(&mut record, 40, b"sleep\0junk");
        put(&mut record, 72, &9i32.to_ne_bytes());
        put(&mut record, 132, &(-42i32).to_ne_bytes());
        put(&mut record, 136, &15u32.to_ne_bytes());
        put(&mut record, 140, &1u32.to_ne_bytes());
        put(&mut record, HEAD, b"kill\0-9\0--\0-42\0");
        put(&mut record, HEAD + ARGV + 16, b"bash\0");
        record
    }

    #[test]
    fn a_signal_is_read() {
        let raw = parse(&signal()).unwrap();
        assert_eq!(raw.number, 7);
        let RawWhat::Signal { target, sender, signal, kill_argument, .. } = raw.what else {
            panic!("read as something else");
        };
        assert_eq!((target.comm.as_str(), signal, kill_argument), ("sleep", 9, Some(-42)));
        assert_eq!(sender.argv, ["kill", "-9", "--", "-42"]);
        assert_eq!(sender.ancestry[0].comm, "bash");
    }

    #[test]
    fn lengths_that_lie_are_held_to_the_record() {
        let mut record = signal();
        put(&mut record, 136, &u32::MAX.to_ne_bytes());
        put(&mut record, 140, &u32::MAX.to_ne_bytes());
        put(&mut record, HEAD + ARGV + 32, &u16::MAX.to_ne_bytes());
        let RawWhat::Signal { sender, .. } = parse(&record).unwrap().what else { panic!() };
        assert_eq!(sender.ancestry.len(), ANCESTORS);
        assert!(sender.argv.len() <= MAX_ARGUMENTS);
    }

    #[test]
    fn hostile_bytes_are_refused_or_read() {
        assert_eq!(parse(b""), Err(BadRecord::Size(0)));
        assert_eq!(parse(&[0; SIZE]), Err(BadRecord::Kind(0)));
        for kind in 1..=4u32 {
            let mut record = vec![0xff; SIZE];
            put(&mut record, 16, &kind.to_ne_bytes());
            parse(&record).unwrap();
        }
        assert_eq!(number(b"short"), 0);
    }
}
