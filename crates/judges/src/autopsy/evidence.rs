//! What a verdict rests on, gathered by others.

use wk_model::{
    Alternative, Cause, CommandSeen, Confidence, Culprit, Ending, EvidenceLine, ExitSeen, Kind,
    LimitReached, Moment, OomVictimSeen, Outcome, ProcessId, SessionId, SignalSeen, Stopped, Time,
};

/// Everything that is known of one attempt's end.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    pub subject: Subject,
    pub ended_at: Moment,
    pub ending: Ending,
    /// What it showed last, masked.
    pub last_lines: Option<String>,
    /// The limit of ours that was enforced.
    pub limit: Option<LimitReached>,
    /// Somebody had asked Watchkeeper for the end.
    pub stopped: Option<(Stopped, Option<String>)>,
    /// Whether the kernel's witness looked on all the while.
    pub coverage: Coverage,
    /// What else could not be read here, and why: a sentence each.
    pub unread: Vec<String>,
    /// In order of time. Those of other sessions may be among them: a rule looks at whom a fact
    /// concerns, never at its mere presence.
    pub facts: Vec<Fact>,
}

/// Who died.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    pub session_id: SessionId,
    pub kind: Kind,
    pub name: Option<String>,
    /// False: we started it, under a holder.
    pub watched: bool,
    pub uid: Option<u32>,
    /// The command itself; for kind `tmux` the first process of its active pane.
    pub leader: Option<ProcessId>,
    pub holder: Option<ProcessId>,
    /// For kind `tmux`, and for a session that lives in a pane: that of the pane.
    pub tmux: Option<TmuxSubject>,
    /// Processes that are known to have belonged to it, the leader among them: descendants,
    /// panes. For telling its own from others.
    pub processes: Vec<ProcessId>,
    pub working_directory: Option<String>,
    /// Its cgroup, as `/proc/PID/cgroup` had it.
    pub cgroup: Option<String>,
}

/// A tmux session that died.
#[derive(Clone, Debug, PartialEq)]
pub struct TmuxSubject {
    pub server: ProcessId,
    pub socket: String,
    pub id: String,
    pub name: String,
    /// Whether its server lives, as far as is known.
    pub server_alive: Option<bool>,
    /// `destroy-unattached` or the like was set, by its name.
    pub options: Vec<String>,
    /// The terminals of its panes, as device numbers.
    pub pane_ttys: Vec<u32>,
    /// Its windows and panes by tmux's ids, e.g. `@3` and `%7`; empty: not known.
    pub parts: Vec<String>,
    /// Somebody was attached to it when it was last looked at.
    pub attached: bool,
}

/// Whether the kernel's witness looked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// From the start of the attempt to its end, and it has told all.
    Full,
    /// It was there at the end, but not all the while, or it has lost records.
    Partial { why: String },
    /// It was not there.
    None { why: String },
}

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    pub at: Moment,
    /// E.g. `witness`, `tmux`, `kernel log`, `cgroup`: shown to people.
    pub source: String,
    pub what: What,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Signal(SignalSeen),
    Exit(ExitSeen),
    OomVictim(OomVictimSeen),
    /// A tmux client was started.
    Command(CommandSeen),
    /// tmux's own log names the client of a command: `pid` of the client, where known.
    TmuxMessage {
        client: String,
        client_process: Option<Culprit>,
        command: String,
    },
    /// The counter of OOM kills of a cgroup has risen since the attempt began.
    OomCounter {
        cgroup: String,
        kills: u64,
    },
    /// A line of a log.
    Log(LogNote),
    /// What its screen, or the disk below it, says.
    Screen(ScreenNote),
    /// How a process ended, by the kernel's own record of it (`PIDFD_GET_INFO`).
    Waited {
        process: ProcessId,
        code: Option<i32>,
        signal: Option<i32>,
    },
    /// The key that makes its terminal send this signal was typed: Ctrl-C, Ctrl-\.
    Typed {
        signal: i32,
    },
    /// Another boot than that of the attempt.
    OtherBoot,
    /// A process that was left behind was ended by us.
    LeftoverEnded {
        process: ProcessId,
        comm: String,
    },
    /// Who was there just before: for where nobody saw the sender. Never more than `possible`.
    Bystander(Culprit),
}

/// What a log tells, once it is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogNote {
    /// The kernel's OOM killer: `memcg` where the limit of a cgroup was the reason.
    KernelOom { pid: u32, comm: String, memcg: Option<String> },
    /// The kernel reported a fault of a process.
    KernelFault { pid: u32, comm: String, text: String },
    /// systemd-oomd, earlyoom and the like: which, and what it killed.
    OomDaemon { daemon: String, pid: Option<u32>, unit: Option<String>, text: String },
    /// systemd stopped a unit.
    UnitStopped { unit: String, text: String },
    /// logind ended a user's session.
    LoggedOut { uid: Option<u32>, text: String },
    /// The audit log: a forbidden system call.
    Seccomp { pid: u32, comm: String, syscall: String },
}

/// What is seen of the end itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScreenNote {
    /// A runtime said that its heap is full; the line.
    HeapExhausted(String),
    /// Something said that the disk is full; the line.
    NoSpace(String),
    /// The file system that it worked on has this much left, in bytes.
    DiskFree { path: String, bytes: u64 },
}

/// Why one attempt ended, before it is known who died with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Opinion {
    pub cause: Cause,
    pub confidence: Confidence,
    pub signal: Option<i32>,
    pub exit_code: Option<i32>,
    pub culprit: Option<Culprit>,
    pub summary: String,
    pub outcome: Outcome,
    pub unexpected: bool,
    pub evidence: Vec<EvidenceLine>,
    pub alternatives: Vec<Alternative>,
    pub missing: Vec<String>,
    pub advice: Vec<String>,
    /// What others who died of the same share with it; none: nothing that can be shared.
    pub shared: Option<Shared>,
    pub end_time: Time,
}

/// By what deaths are told to belong together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Shared {
    /// The same process did it.
    Culprit {
        pid: u32,
        start_time: Option<u64>,
    },
    TmuxServer(ProcessId),
    /// A cgroup or a unit; `/`: the whole machine.
    Cgroup(String),
    Boot,
    /// The same process took their terminals away by its own end.
    Terminal(ProcessId),
}
