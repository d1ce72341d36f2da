//! What clients tell of shells that they run: the calls under `/api/track`, and the MCP tools
//! `track_session_start` and `track_session_end`.
//!
//! These come from programs of others, without a token even: every field is looked at by itself,
//! and what is wrong with any of them is said in one answer. Fields that are not known are left
//! alone.

mod end;
mod fault;
mod fields;
mod heartbeat;
mod start;
mod wire;

pub use end::TrackEnd;
pub use fault::Faults;
pub use heartbeat::TrackHeartbeat;
pub use start::TrackStart;
pub use wire::{
    TrackEndRequest, TrackEnvironment, TrackHeartbeatRequest, TrackStartRequest, TrackUser,
};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What became of what a client told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrackStatus {
    Tracked,
    Ended,
    NotFound,
    Error,
}

/// The answer to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tracked {
    pub session_id: Option<String>,
    pub status: TrackStatus,
    pub error: Option<String>,
}

impl Tracked {
    /// All is well.
    pub fn good(session_id: impl Into<String>, status: TrackStatus) -> Self {
        Self { session_id: Some(session_id.into()), status, error: None }
    }
}
