//! How the daemon listens over TCP: `/api/listener`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The TCP listener, and how it lets callers in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListenerView {
    /// As `[server] listen` has it; null: `none`.
    pub listen: Option<String>,
    /// Where it really listens; null: nowhere.
    pub address: Option<String>,
    /// Why it does not listen.
    pub error: Option<String>,
    /// Somebody has switched it off.
    pub stopped: bool,
    /// Connections that are open.
    pub connections: u64,
    /// `token`, `jwt` or `open`.
    pub mode: String,
    /// `loopback` or `token`.
    pub tracking: String,
    /// A secret is set that web tokens are checked with.
    #[serde(default)]
    pub secret: bool,
}

/// `GET /health`: the daemon is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Alive {
    /// `healthy`
    pub status: String,
    /// `watchkeeper`
    pub service: String,
    pub version: String,
}
