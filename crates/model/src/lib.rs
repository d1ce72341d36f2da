//! What a session is: plain data, its events, and the one function that moves it.
//!
//! No I/O, no clock, no async: time arrives inside events, so that replaying a journal
//! always rebuilds the same sessions. Everything else in the house depends on this room;
//! it depends on nobody.

mod agent;
mod cause;
mod event;
mod health;
mod id;
mod label;
mod lifecycle;
mod limit;
mod os_text;
mod process;
mod queue;
mod recovery;
mod session;
mod signal;
mod summary;
mod time;
mod tmux;
mod verdict;
mod witnessed;

pub use agent::{
    Compaction, Excerpt, Hook, Identified, PermissionWaited, Prompt, Reported, ShellCommand,
    Subagent, Tokens, ToolFinished, ToolOutcome, ToolStarted,
};
pub use cause::{Cause, Confidence, ScopeKind};
pub use event::{
    AttemptExited, AttemptStarted, Change, Created, Draft, Event, HolderUsage, JournalGap,
    OnFinishEnded, OnFinishStarted, Orphan, OutputGap, Requester, Resized, Restarted, Seq, Source,
    Stopped, Unreachable,
};
pub use health::{Condition, HealthChanged, HealthOptions, OnStale};
pub use id::{BadId, SessionId};
pub use label::{BadLabel, BadName, Label, Name};
pub use lifecycle::{Ended, Ending, Kind, Life, Outcome, Phase, Status, Wait};
pub use limit::{HeldLimit, LimitKind, LimitReached, Limits, Mechanism, ProcessUse};
pub use os_text::{HasNul, OsText};
pub use process::{BootId, Liveness, ProcessId};
pub use queue::{Admitted, BreakerClosed, BreakerOpened, Queued, WaitsFor};
pub use recovery::{Category, FailurePattern, Parked, Recovering, Recovery, RecoveryOptions};
pub use session::{Refused, Session};
pub use signal::{BadSignal, parse_signal, signal_name};
pub use summary::{LastMove, Summary};
pub use time::{Moment, Time};
pub use tmux::{
    TmuxHealth, TmuxLayout, TmuxPane, TmuxPlace, TmuxServerGone, TmuxServerSeen, TmuxWindow,
};
pub use verdict::{
    Alternative, Ancestor, Before, Culprit, DeathDetected, EvidenceLine, HostState, LastTool,
    MassDeath, Scope, SessionSample, Verdict, VerdictSummary,
};
pub use witnessed::{
    CommandSeen, Delivery, ExitSeen, OomVictimSeen, SeenProcess, SignalSeen, Target, WitnessLost,
    WitnessStarted,
};
