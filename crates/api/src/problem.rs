//! Errors on the wire: problem documents of RFC 9457.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// One of [`problem_type`], a URN.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    /// What was wrong, where, and what to do.
    pub detail: String,
    /// The sessions that an ambiguous reference could mean.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
}

/// The kinds of problem.
pub mod problem_type {
    pub const BAD_REQUEST: &str = "urn:watchkeeper:bad-request";
    pub const NOT_FOUND: &str = "urn:watchkeeper:not-found";
    pub const AMBIGUOUS: &str = "urn:watchkeeper:ambiguous";
    pub const CONFLICT: &str = "urn:watchkeeper:conflict";
    pub const GONE: &str = "urn:watchkeeper:gone";
    pub const UNAUTHORIZED: &str = "urn:watchkeeper:unauthorized";
    pub const TOO_MANY: &str = "urn:watchkeeper:too-many-requests";
    pub const FORBIDDEN: &str = "urn:watchkeeper:forbidden";
    pub const TOO_LARGE: &str = "urn:watchkeeper:too-large";
    pub const UNREACHABLE: &str = "urn:watchkeeper:unreachable";
    pub const UNAVAILABLE: &str = "urn:watchkeeper:unavailable";
    pub const INTERNAL: &str = "urn:watchkeeper:internal";
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)?;
        for candidate in &self.candidates {
            write!(f, "\n  {candidate}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}
