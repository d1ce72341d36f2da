//! A verdict: why an attempt ended, with its proof.

use serde::{Deserialize, Serialize};

use crate::{Cause, Confidence, Outcome, ScopeKind, SessionId, Time};

/// Why an attempt ended, as far as is known by now.
///
/// The first comes at once; the settled one when others that died with it would be known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Counts from 1.
    pub attempt: u32,
    pub end_time: Time,
    /// Counts from 1; a later one replaces the earlier.
    pub revision: u32,
    pub settled: bool,
    pub cause: Cause,
    pub signal: Option<i32>,
    pub exit_code: Option<i32>,
    pub culprit: Option<Culprit>,
    pub scope: Scope,
    pub confidence: Confidence,
    /// One sentence.
    pub summary: String,
    /// How the session is to be counted.
    pub outcome: Outcome,
    /// Whether nobody had meant it to end.
    pub unexpected: bool,
    /// In order of time.
    pub evidence: Vec<EvidenceLine>,
    pub alternatives: Vec<Alternative>,
    /// What would have made it certain, a sentence each.
    pub missing: Vec<String>,
    #[serde(default)]
    pub before: Option<Before>,
    /// What to do next, a sentence each.
    pub advice: Vec<String>,
}

/// What a session's own state keeps of its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictSummary {
    pub cause: Cause,
    /// Program and number of the culprit, e.g. `pkill (4711)`.
    pub culprit: Option<String>,
    pub scope: ScopeKind,
    pub confidence: Confidence,
    pub summary: String,
    pub settled: bool,
}

/// Who did it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Culprit {
    pub pid: u32,
    /// Clock ticks after boot; none: it was gone before anybody could look.
    pub start_time: Option<u64>,
    pub comm: String,
    /// With secrets masked; empty where it is not known.
    pub argv: Vec<String>,
    pub uid: Option<u32>,
    pub username: Option<String>,
    /// Its parent first.
    pub ancestry: Vec<Ancestor>,
    /// The session that it is part of.
    pub session_id: Option<SessionId>,
}

/// A process above another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ancestor {
    pub pid: u32,
    /// Clock ticks after boot; 0 where it is not known.
    #[serde(default)]
    pub start_time: u64,
    pub comm: String,
    /// With secrets masked; empty where it is not known.
    pub argv: Vec<String>,
}

/// Whom else it struck.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    pub kind: ScopeKind,
    /// All sessions that died with it, itself among them.
    pub deaths: Vec<SessionId>,
    /// From the first of them to the last.
    pub within_ms: u64,
    /// What they share, e.g. `culprit pkill (4711)`.
    pub shared: Option<String>,
}

/// One thing that was seen, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceLine {
    pub at: Option<Time>,
    /// E.g. `witness`, `holder`, `journal`, `tmux`, `kernel log`.
    pub source: String,
    pub text: String,
}

/// Another cause that fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alternative {
    pub cause: Cause,
    pub confidence: Confidence,
    pub text: String,
}

/// What was known of a session and its host just before it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Before {
    pub age_seconds: u64,
    /// The last line that was typed or run, where that can be told.
    pub last_command: Option<String>,
    /// The tool that an agent used last, and whether it was at it still.
    pub last_tool: Option<LastTool>,
    /// The last lines that it showed, masked, at most 2 KiB.
    pub last_output: Option<String>,
    pub output_bytes: Option<u64>,
    /// How long it was watched, how often it was looked at, and when last.
    pub watched_seconds: u64,
    pub observations: u64,
    pub since_last_observation_ms: Option<u64>,
    /// Sessions that lived at that moment, this one not counted; the list is cut at 50.
    pub active_sessions: u32,
    pub other_active_sessions: Vec<SessionId>,
    pub host: HostState,
    /// The latest looks at its processes, oldest first.
    pub samples: Vec<SessionSample>,
    pub tmux_sessions: Option<u32>,
    pub tmux_processes: Option<u32>,
}

/// What an agent used last, as its hooks told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LastTool {
    pub tool: String,
    /// What it was asked for; none where the settings keep it private.
    pub input: Option<String>,
    pub started: Time,
    /// No hook told of its end.
    pub running: bool,
}

/// How the machine was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostState {
    pub memory_used_bytes: Option<u64>,
    pub memory_total_bytes: Option<u64>,
    /// Of all CPUs, since the look before.
    pub cpu_percent: Option<u32>,
    /// Share of time in which something waited, over ten seconds, in hundredths of a percent.
    pub memory_pressure: Option<u32>,
    pub io_pressure: Option<u32>,
    pub cpu_pressure: Option<u32>,
    /// Where the session's folder is.
    pub disk_free_bytes: Option<u64>,
}

/// One look at a session's processes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionSample {
    pub at: Option<Time>,
    pub memory_bytes: u64,
    pub cpu_ms: u64,
    pub processes: u32,
    pub open_files: Option<u32>,
}

/// Sessions that died together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MassDeath {
    pub cause: Cause,
    pub scope: Scope,
    pub culprit: Option<Culprit>,
    pub summary: String,
}

/// A session has ended, and nobody had meant it to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeathDetected {
    pub attempt: u32,
    pub cause: Cause,
    pub summary: String,
}

impl Culprit {
    /// Program and number, e.g. `pkill (4711)`.
    pub fn title(&self) -> String {
        format!("{} ({})", self.comm, self.pid)
    }
}

impl From<&Verdict> for VerdictSummary {
    fn from(verdict: &Verdict) -> Self {
        Self {
            cause: verdict.cause,
            culprit: verdict.culprit.as_ref().map(Culprit::title),
            scope: verdict.scope.kind,
            confidence: verdict.confidence,
            summary: verdict.summary.clone(),
            settled: verdict.settled,
        }
    }
}
