//! What the kernel told of signals, exits and commands: see `docs/witness.md`.

use serde::{Deserialize, Serialize};

use crate::{Ancestor, ProcessId};

/// A process as it was seen at one moment, from within the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenProcess {
    pub process: ProcessId,
    pub comm: String,
    /// With secrets masked, cut at 64 arguments and 1 KiB; empty where it could not be read.
    pub argv: Vec<String>,
    pub uid: u32,
    /// Its parent first, at most 12.
    pub ancestry: Vec<Ancestor>,
    /// Its cgroup v2's number, as `stat` on the folder gives it.
    pub cgroup: Option<u64>,
    /// The controlling terminal's device number (major << 8 | minor), as in `/proc/PID/stat`.
    pub tty: Option<u32>,
}

/// What became of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    Delivered,
    Ignored,
    /// The same signal waited already.
    AlreadyPending,
    /// As above, for want of room.
    Lost,
}

/// A signal whose default is to end its target was aimed at a process that somebody watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalSeen {
    pub signal: i32,
    /// `si_code`: 0 from a user's process, 0x80 from the kernel, else positive for a fault.
    pub code: i32,
    pub delivery: Delivery,
    /// Who ran when it was sent. For a fault, an OOM kill or the terminal's own signals that is
    /// nobody who did it.
    pub sender: SeenProcess,
    /// The sender was ending when it sent.
    pub sender_exits: bool,
    /// The sender is a thread of the kernel.
    pub sender_is_kernel: bool,
    /// First argument of the sender's `kill`; negative: a process group, or all.
    pub kill_argument: Option<i32>,
    pub target: Target,
}

/// Whom a signal was aimed at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub process: ProcessId,
    pub comm: String,
    pub parent: u32,
    /// The watched process at or above it.
    pub root: ProcessId,
}

/// A process that somebody watches has ended, or one below it has ended badly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitSeen {
    pub target: Target,
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub core_dumped: bool,
}

/// The kernel chose a process to end for want of memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OomVictimSeen {
    pub target: Target,
}

/// Somebody started a program that talks to a tmux server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandSeen {
    pub process: SeenProcess,
}

/// The witness looks on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessStarted {
    pub version: String,
    /// The number that its records begin anew with a change of.
    pub generation: String,
}

/// The witness cannot be heard, or has lost records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessLost {
    pub reason: String,
    /// Records that are known to be missing.
    pub records: Option<u64>,
}
