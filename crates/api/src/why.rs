//! `GET /api/sessions/{id}/why` and `GET /api/deaths`.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use wk_model::{Cause, Confidence, Kind, ScopeKind, Time, Verdict};

/// Which attempt is asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WhyQuery {
    /// Counts from 1; the latest that has ended by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Wait for the verdict, and for a settled one, at most so many milliseconds (up to 60000).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

/// Why an attempt of a session ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Why {
    pub session_id: String,
    pub name: Option<String>,
    #[schema(value_type = String)]
    pub kind: Kind,
    pub command: Vec<String>,
    /// `end_time, revision, settled, cause, signal, exit_code, culprit{pid, argv[], comm, uid,
    /// username, ancestry[], session_id}, scope{kind, deaths[], within_ms, shared}, confidence,
    /// summary, evidence[{at, source, text}], alternatives[], missing[], before, advice[]`.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub verdict: Verdict,
}

/// Which deaths to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeathsQuery {
    /// Ended then or later (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Only this cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// All ends, not only unexpected ones.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
    /// At most so many, the newest first; 100 by default, 0 for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// One end, in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Death {
    pub session_id: String,
    pub name: Option<String>,
    #[schema(value_type = Option<String>)]
    pub kind: Option<Kind>,
    pub attempt: u32,
    #[schema(value_type = String, format = DateTime)]
    pub end_time: Time,
    #[schema(value_type = String)]
    pub cause: Cause,
    #[schema(value_type = String)]
    pub confidence: Confidence,
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    /// Program and number, e.g. `pkill (4711)`.
    pub culprit: Option<String>,
    #[schema(value_type = String)]
    pub scope: ScopeKind,
    /// How many died with it, itself counted.
    pub deaths: usize,
    pub age_seconds: Option<u64>,
    pub settled: bool,
    pub unexpected: bool,
    pub summary: String,
}

/// What repeats in a list of deaths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Patterns {
    /// How many deaths were looked at.
    pub deaths: usize,
    /// The strongest first.
    pub patterns: Vec<Pattern>,
}

/// Something that several deaths have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Pattern {
    /// `cause`, `culprit`, `hour`, `age`, `output` or `memory`.
    pub about: String,
    /// How many of how many.
    pub count: usize,
    pub of: usize,
    /// The value, or the lowest and the highest.
    pub from: String,
    pub to: String,
    /// E.g. `9 of 12 died between 14m and 16m of age`.
    pub text: String,
}
