//! Limits on a session's whole process tree.

use serde::{Deserialize, Serialize};

/// A limit that a session can be ended for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// Bytes.
    Memory,
    /// Milliseconds of CPU.
    CpuTime,
    /// Milliseconds of an attempt.
    Time,
    /// Milliseconds without input or output.
    Idle,
    /// A count.
    Processes,
    /// Bytes written to the terminal, or to stdout and stderr.
    Output,
}

/// What each attempt is held to; none: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Bytes of the whole tree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Milliseconds of the whole tree, ended processes included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_time_ms: Option<u64>,
    /// Milliseconds from the attempt's start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<u64>,
    /// Milliseconds without input or output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_ms: Option<u64>,
    /// Processes at one time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<u64>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<u64>,
}

/// What enforces a limit of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mechanism {
    /// cgroup v2 tells.
    CgroupV2,
    /// cgroup v1 tells.
    CgroupV1,
    /// The holder looks at the tree in `/proc`, more often the nearer the limit is.
    Sampling,
    /// The holder sees each byte, or has a timer.
    Holder,
}

/// One limit of a running attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldLimit {
    pub limit: LimitKind,
    pub value: u64,
    pub mechanism: Mechanism,
}

/// An attempt came near a limit, or over it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitReached {
    pub attempt: u32,
    pub limit: LimitKind,
    /// The limit itself.
    pub max: u64,
    /// What was measured.
    pub value: u64,
    pub mechanism: Mechanism,
    /// The largest processes of the tree in this moment, by what the limit counts.
    pub largest: Vec<ProcessUse>,
}

/// What one process takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessUse {
    pub pid: u32,
    pub comm: String,
    pub memory_bytes: u64,
    pub cpu_ms: u64,
}

impl Limits {
    /// The value of one limit.
    pub fn get(&self, kind: LimitKind) -> Option<u64> {
        match kind {
            LimitKind::Memory => self.memory,
            LimitKind::CpuTime => self.cpu_time_ms,
            LimitKind::Time => self.time_ms,
            LimitKind::Idle => self.idle_ms,
            LimitKind::Processes => self.processes,
            LimitKind::Output => self.output,
        }
    }
}

impl Mechanism {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CgroupV2 => "cgroup v2",
            Self::CgroupV1 => "cgroup v1",
            Self::Sampling => "sampling",
            Self::Holder => "holder",
        }
    }
}
