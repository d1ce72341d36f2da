//! Events: what happened, when, and who said so.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Admitted, BreakerClosed, BreakerOpened, CommandSeen, Compaction, DeathDetected, Ending,
    ExitSeen, HealthChanged, HealthOptions, HeldLimit, Hook, Identified, Kind, LimitKind,
    LimitReached, Limits, MassDeath, Moment, OomVictimSeen, Parked, PermissionWaited, ProcessId,
    Prompt, Queued, Recovering, RecoveryOptions, Reported, SessionId, ShellCommand, SignalSeen,
    Subagent, Summary, Time, TmuxHealth, TmuxLayout, TmuxPlace, TmuxServerGone, TmuxServerSeen,
    Tokens, ToolFinished, ToolStarted, Verdict, WitnessLost, WitnessStarted,
};

/// An event's place in the journal; the first is 1.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct Seq(pub u64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who observed an event, e.g. `daemon` or `holder/k7f3q2m9x1ab/1`.
///
/// Each source numbers its own events, which makes taking them in idempotent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Source(pub String);

impl Source {
    /// The daemon itself.
    pub fn daemon() -> Self {
        Self("daemon".into())
    }

    /// What the kernel told; its numbers begin anew with a generation.
    pub fn witness(generation: &str) -> Self {
        Self(format!("witness/{generation}"))
    }

    /// The holder of one attempt.
    pub fn holder(session: SessionId, attempt: u32) -> Self {
        Self(format!("holder/{session}/{attempt}"))
    }
}

/// An event that has not been journalled yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    pub at: Moment,
    pub session_id: Option<SessionId>,
    pub source: Source,
    /// The source's own number for it; none: the journal gives the next one.
    pub source_seq: Option<u64>,
    /// W3C trace context of whoever caused it.
    pub trace_parent: Option<String>,
    pub change: Change,
}

/// An event as the journal keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub seq: Seq,
    pub at: Moment,
    pub recorded_at: Time,
    pub session_id: Option<SessionId>,
    pub source: Source,
    pub source_seq: u64,
    pub trace_parent: Option<String>,
    pub change: Change,
}

/// What happened. The serialised form is what journals hold: fields are added, never renamed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
pub enum Change {
    SessionCreated(Box<Created>),
    /// It waits for its turn.
    SessionQueued(Queued),
    /// Its turn has come.
    SessionAdmitted(Admitted),
    AttemptStarted(AttemptStarted),
    SessionResized(Resized),
    /// Output that no recording holds.
    OutputGap(OutputGap),
    AttemptExited(AttemptExited),
    /// A failed session gets another attempt.
    SessionRecovering(Recovering),
    /// A failed session waits until another attempt makes sense.
    SessionParked(Parked),
    /// Somebody asked for a new attempt; one that runs is ended first.
    SessionRestarted(Restarted),
    LimitWarning(LimitReached),
    LimitExceeded(LimitReached),
    HealthChanged(HealthChanged),
    /// The journal refused to move a session by an event, and left it as it was.
    TransitionRefused {
        seq: Seq,
        refused: String,
        reason: String,
    },
    /// A daemon took up a session that an earlier one had started.
    SessionAdopted {
        holder: ProcessId,
    },
    SessionUnreachable(Unreachable),
    SessionRepaired,
    /// Somebody asked for the end.
    SessionStopped(Stopped),
    SessionClosed {
        outcome: crate::Outcome,
    },
    /// `wk rm`: the recording is gone, the history stays as a tombstone.
    SessionRemoved {
        by: Requester,
    },
    /// The journal is about to forget the events before: what they came to.
    SessionSummarised(Box<Summary>),
    OrphanFound(Orphan),
    OrphanEnded(Orphan),
    /// The session's `--on-finish` command is about to run: it is run once for each of these.
    OnFinishStarted(OnFinishStarted),
    OnFinishEnded(OnFinishEnded),
    /// An instance gets no sessions for a while.
    BreakerOpened(BreakerOpened),
    BreakerClosed(BreakerClosed),
    /// Why the latest attempt ended, as far as is known by now.
    VerdictReached(Box<Verdict>),
    /// Nobody had meant it to end.
    SessionDeathDetected(DeathDetected),
    /// Several sessions died together.
    MassDeath(Box<MassDeath>),
    /// A signal that would end it was aimed at one of its processes.
    SignalSeen(Box<SignalSeen>),
    /// One of its processes has ended.
    ExitSeen(ExitSeen),
    OomVictimSeen(OomVictimSeen),
    /// Somebody started a tmux client.
    CommandSeen(Box<CommandSeen>),
    WitnessStarted(WitnessStarted),
    WitnessLost(WitnessLost),
    TmuxServerSeen(TmuxServerSeen),
    TmuxServerGone(TmuxServerGone),
    TmuxHealth(TmuxHealth),
    /// Its windows and panes are others than before.
    TmuxLayoutChanged(TmuxLayout),
    /// Its tmux name is another than before.
    SessionRenamed {
        name: String,
    },
    /// Its agent calls it by another id than before.
    SessionIdentified(Identified),
    /// Its client says more of it than at its start.
    SessionDescribed {
        metadata: Map<String, Value>,
    },
    /// An agent is about to use a tool.
    ToolStarted(Box<ToolStarted>),
    ToolFinished(Box<ToolFinished>),
    Prompt(Prompt),
    Compaction(Compaction),
    /// An agent waits for a permission.
    PermissionWaited(PermissionWaited),
    SubagentStarted(Subagent),
    SubagentFinished(Subagent),
    /// Any other hook that an agent called.
    Hook(Box<Hook>),
    /// A command in a tracked shell has ended.
    ShellCommand(ShellCommand),
    /// What its transcript counts so far.
    TokensCounted(Tokens),
    ConfigReloaded,
    DaemonStarted {
        process: ProcessId,
        version: String,
    },
    DaemonStopped,
    /// Events that could not be written, or a journal that began anew.
    JournalGap(JournalGap),
    /// An event of a kind that this version does not know.
    #[serde(untagged)]
    Other {
        kind: String,
        #[serde(default)]
        data: Map<String, Value>,
    },
}

impl Change {
    /// The event's name in the interfaces.
    pub fn kind(&self) -> &str {
        match self {
            Self::SessionCreated(_) => "session_created",
            Self::SessionQueued(_) => "session_queued",
            Self::SessionAdmitted(_) => "session_admitted",
            Self::AttemptStarted(_) => "attempt_started",
            Self::SessionResized(_) => "session_resized",
            Self::OutputGap(_) => "output_gap",
            Self::AttemptExited(_) => "attempt_exited",
            Self::SessionRecovering(_) => "session_recovering",
            Self::SessionParked(_) => "session_parked",
            Self::SessionRestarted(_) => "session_restarted",
            Self::LimitWarning(_) => "limit_warning",
            Self::LimitExceeded(_) => "limit_exceeded",
            Self::HealthChanged(_) => "health_changed",
            Self::TransitionRefused { .. } => "transition_refused",
            Self::SessionAdopted { .. } => "session_adopted",
            Self::SessionUnreachable(_) => "session_unreachable",
            Self::SessionRepaired => "session_repaired",
            Self::SessionStopped(_) => "session_stopped",
            Self::SessionClosed { .. } => "session_closed",
            Self::SessionRemoved { .. } => "session_removed",
            Self::SessionSummarised(_) => "session_summarised",
            Self::OrphanFound(_) => "orphan_found",
            Self::OrphanEnded(_) => "orphan_ended",
            Self::OnFinishStarted(_) => "on_finish_started",
            Self::OnFinishEnded(_) => "on_finish_ended",
            Self::BreakerOpened(_) => "breaker_opened",
            Self::BreakerClosed(_) => "breaker_closed",
            Self::VerdictReached(_) => "verdict_reached",
            Self::SessionDeathDetected(_) => "session_death_detected",
            Self::MassDeath(_) => "mass_death",
            Self::SignalSeen(_) => "signal_seen",
            Self::ExitSeen(_) => "exit_seen",
            Self::OomVictimSeen(_) => "oom_victim_seen",
            Self::CommandSeen(_) => "command_seen",
            Self::WitnessStarted(_) => "witness_started",
            Self::WitnessLost(_) => "witness_lost",
            Self::TmuxServerSeen(_) => "tmux_server_seen",
            Self::TmuxServerGone(_) => "tmux_server_gone",
            Self::TmuxHealth(_) => "tmux_health",
            Self::TmuxLayoutChanged(_) => "tmux_layout_changed",
            Self::SessionRenamed { .. } => "session_renamed",
            Self::SessionIdentified(_) => "session_identified",
            Self::SessionDescribed { .. } => "session_described",
            Self::ToolStarted(_) => "tool_started",
            Self::ToolFinished(_) => "tool_finished",
            Self::Prompt(_) => "prompt",
            Self::Compaction(_) => "compaction",
            Self::PermissionWaited(_) => "permission_waited",
            Self::SubagentStarted(_) => "subagent_started",
            Self::SubagentFinished(_) => "subagent_finished",
            Self::Hook(_) => "hook",
            Self::ShellCommand(_) => "shell_command",
            Self::TokensCounted(_) => "tokens_counted",
            Self::ConfigReloaded => "config_reloaded",
            Self::DaemonStarted { .. } => "daemon_started",
            Self::DaemonStopped => "daemon_stopped",
            Self::JournalGap(_) => "journal_gap",
            Self::Other { kind, .. } => kind,
        }
    }
}

/// Everything about a session that is known before it runs. No environment: that stays in
/// the session's own 0600 file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Created {
    pub name: Option<String>,
    pub session_kind: Kind,
    /// Arguments as text, with secrets masked; bytes that are no UTF-8 are shown as U+FFFD.
    pub command: Vec<String>,
    pub working_directory: Option<String>,
    pub uid: Option<u32>,
    pub username: Option<String>,
    pub hostname: Option<String>,
    pub platform: Option<String>,
    pub parent_id: Option<SessionId>,
    pub external_id: Option<String>,
    pub template: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub agent_id: Option<String>,
    pub component_name: Option<String>,
    pub metadata: Map<String, Value>,
    /// False: pipes, stdout and stderr apart.
    pub terminal: bool,
    pub recorded: bool,
    pub keep_descendants: bool,
    pub limits: Limits,
    pub recovery: RecoveryOptions,
    pub health: HealthOptions,
    /// Starts when this session has ended well.
    pub after: Option<SessionId>,
    /// It was found, not started: nobody of ours holds it, and it is never ended unasked.
    pub watched: bool,
    /// It is known from a client's word only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reported: Option<Reported>,
    /// What a tracked shell is, e.g. `bash` or `MahavishnuShell`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub python_version: Option<String>,
    /// For kind `tmux`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tmux: Option<TmuxPlace>,
    /// A command is run when it is closed.
    pub on_finish: bool,
    /// A client that asks again with this key gets this session.
    pub idempotency_key: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptStarted {
    /// Counts from 1.
    pub attempt: u32,
    /// None: the command could not be executed.
    pub process: Option<ProcessId>,
    /// None: it was found, not started.
    #[serde(default)]
    pub holder: Option<ProcessId>,
    /// The attempt's cgroup v2 leaf, below the mount.
    pub cgroup: Option<String>,
    pub cols: u16,
    pub rows: u16,
    /// What it is held to, and by what.
    #[serde(default)]
    pub limits: Vec<HeldLimit>,
}

impl AttemptStarted {
    /// The one attempt of a session that was found or told of, not started.
    pub fn found(process: Option<ProcessId>) -> Self {
        Self {
            attempt: 1,
            process,
            holder: None,
            cgroup: None,
            cols: 0,
            rows: 0,
            limits: Vec::new(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resized {
    pub cols: u16,
    pub rows: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputGap {
    pub bytes: u64,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptExited {
    pub attempt: u32,
    pub ending: Ending,
    /// The limit that Watchkeeper had enforced, if that is why.
    pub limit: Option<LimitKind>,
    #[serde(default)]
    pub usage: HolderUsage,
    /// The last lines that it showed, masked, at most 2 KiB; none where it ended well or was
    /// not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_lines: Option<String>,
}

/// What a holder knows of an attempt when it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HolderUsage {
    pub output_bytes: u64,
    pub recorded_bytes: u64,
    pub gaps: u32,
    pub last_activity: Option<Time>,
    pub cpu_ms: Option<u64>,
    pub max_rss_bytes: Option<u64>,
}

/// Who asked for something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requester {
    pub uid: u32,
    pub pid: Option<u32>,
    /// What they said they are, e.g. `wk`.
    pub client: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    pub by: Requester,
    /// Time between TERM and KILL, in milliseconds.
    pub grace_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restarted {
    pub by: Requester,
    /// The attempt to come.
    pub attempt: u32,
    /// Time between TERM and KILL for the attempt that runs, in milliseconds; none: none ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_ms: Option<u64>,
    /// The attempt that runs does nothing since then. It counts as failed, and what follows is
    /// planned as for other failures; none: somebody wants another one, whatever the budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_since: Option<Time>,
}

impl Restarted {
    /// Another attempt follows, whatever becomes of the one that runs.
    pub fn is_by_hand(&self) -> bool {
        self.stale_since.is_none()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreachable {
    pub why: String,
}

/// A process that outlived its session's leader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orphan {
    pub process: ProcessId,
    pub comm: String,
    /// Arguments as text, with secrets masked.
    pub command: Vec<String>,
    /// The signal that ended it, where we sent one.
    pub signal: Option<i32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnFinishStarted {
    /// The attempt after which the session was closed.
    pub attempt: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnFinishEnded {
    pub attempt: u32,
    /// None: the daemon that ran it was gone before it ended.
    pub ending: Option<Ending>,
    /// It took too long, and was ended.
    pub timed_out: bool,
    pub duration_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalGap {
    /// Events that are known to be missing; none: nobody can say.
    pub events: Option<u64>,
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_is_not_known_keeps_its_name_and_data() {
        let text = r#"{"kind":"from_the_future","data":{"answer":42}}"#;
        let change: Change = serde_json::from_str(text).unwrap();
        assert_eq!(change.kind(), "from_the_future");
        assert_eq!(serde_json::to_string(&change).unwrap(), text);
    }

    #[test]
    fn an_event_without_data_reads_back() {
        let text = serde_json::to_string(&Change::ConfigReloaded).unwrap();
        assert_eq!(serde_json::from_str::<Change>(&text).unwrap(), Change::ConfigReloaded);
    }

    #[test]
    fn creation_reads_journals_that_knew_fewer_fields() {
        let text = r#"{"kind":"session_created","data":{"command":["true"]}}"#;
        let Change::SessionCreated(created) = serde_json::from_str(text).unwrap() else {
            panic!("read as another kind");
        };
        assert_eq!(created.command, ["true"]);
        assert_eq!(created.session_kind, Kind::Command);
    }
}
