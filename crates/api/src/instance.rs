//! An instance of a template on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wk_model::Time;

/// One way among several to run a template, and how it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstanceView {
    pub template: String,
    pub instance: String,
    /// Sessions that have a slot of it.
    pub running: u32,
    /// Null: no limit of its own.
    pub max_concurrent: Option<u32>,
    /// `closed` (it gets sessions), `open` (it gets none) or `half_open` (one may try).
    pub breaker: String,
    /// Until when an open breaker lets nothing through; until when a session tries.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub breaker_until: Option<Time>,
    /// Failures among the latest ends.
    pub failures: u32,
    /// How many ends that were.
    pub ends: u32,
}
