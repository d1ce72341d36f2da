//! Wire types shared by server and client: what travels as JSON under `/api`.
//!
//! The names are those of the interfaces page; a field is added, never renamed. Keys are
//! always there: what is unknown is null.

mod analytics;
mod clean;
mod collector;
mod daemon;
mod event;
mod health;
mod instance;
mod list;
mod listener;
mod output;
mod problem;
mod request;
mod session;
mod stats;
mod tmux;
mod token;
mod tools;
mod track;
mod why;

pub use analytics::{Analytics, AnalyticsNumbers, AnalyticsQuery, AnalyticsRow};
pub use clean::{CleanRequest, Cleaned, OrphanView, Removed};
pub use collector::{CollectorEvent, FilterOptions, RecentQuery};
pub use daemon::{DaemonStatus, RuleStatus};
pub use event::{EventQuery, EventView};
pub use health::{HealthNumbers, RecoveryNumbers, SessionsByStatus};
pub use instance::InstanceView;
pub use list::ListQuery;
pub use listener::{Alive, ListenerView};
pub use output::{OutputChunk, OutputQuery, OutputStream, ScreenQuery, WaitFor, WaitQuery, Waited};
pub use problem::{Problem, problem_type};
pub use request::{
    AttachQuery, CreateSession, InputRequest, RecoveryRequest, ResizeRequest, ResourceLimit,
    RestartRequest, SignalRequest, StopRequest, StoppedMany, TerminalSize,
};
pub use session::{Health, LargestProcess, Limit, Limits, Recording, SessionView};
pub use stats::{Stats, StatsGroup, StatsNumbers, StatsQuery};
pub use tmux::{RepairTmux, TmuxRepaired, TmuxServerView};
pub use token::{CreateToken, NewToken, TokenView};
pub use tools::{
    MarkView, Timeline, TimelineLane, TimelineQuery, ToolUseView, ToolView, ToolsQuery,
};
pub use track::{
    Faults, TrackEnd, TrackEndRequest, TrackEnvironment, TrackHeartbeat, TrackHeartbeatRequest,
    TrackStart, TrackStartRequest, TrackStatus, TrackUser, Tracked,
};
pub use why::{Death, DeathsQuery, Pattern, Patterns, Why, WhyQuery};

/// The header that makes a retried `POST /api/sessions` start one session.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The header in which a client says what it is; shown in `session_stopped`.
pub const CLIENT: &str = "x-wk-client";

/// The header of a list that was cut at its limit: `true`.
pub const MORE: &str = "x-wk-more";

/// The protocol that `GET /api/sessions/{id}/attach` upgrades to: the holder's frames.
pub const ATTACH_PROTOCOL: &str = "watchkeeper-attach/1";

/// The most bytes that a request to create a session may have.
pub const MAX_CREATE_BYTES: usize = 8 << 20;
