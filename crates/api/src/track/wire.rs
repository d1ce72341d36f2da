//! The calls under `/api/track` as clients write them.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// `POST /api/track/start`: a shell has begun.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct TrackStartRequest {
    /// `1.0`.
    pub event_version: String,
    /// A UUID: the same event, sent again, is the same session.
    #[schema(format = "uuid")]
    pub event_id: String,
    /// `session_start`.
    pub event_type: String,
    /// Letters, digits, `_` and `-`.
    #[schema(min_length = 1, max_length = 100, pattern = "^[a-zA-Z0-9_-]+$")]
    pub component_name: String,
    /// What the shell is, e.g. `bash` or `MahavishnuShell`.
    #[schema(min_length = 1, max_length = 100)]
    pub shell_type: String,
    /// RFC 3339, with an offset.
    #[schema(format = DateTime)]
    pub timestamp: String,
    #[schema(minimum = 1, maximum = 4_194_304)]
    pub pid: u32,
    pub user: TrackUser,
    #[schema(min_length = 1, max_length = 253)]
    pub hostname: String,
    pub environment: TrackEnvironment,
    /// At most 16 KiB.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// The client will send a heartbeat every minute; false by default.
    pub heartbeat: Option<bool>,
    /// Field 22 of `/proc/PID/stat`, where the client knows it.
    pub process_start_time: Option<u64>,
    /// A token, for those who cannot send a header.
    #[schema(max_length = 8192)]
    pub token: Option<String>,
}

/// Whose shell it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct TrackUser {
    #[schema(min_length = 1, max_length = 100)]
    pub username: String,
    #[schema(max_length = 500)]
    pub home: Option<String>,
}

/// What it runs in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct TrackEnvironment {
    #[schema(max_length = 100)]
    pub python_version: Option<String>,
    #[schema(max_length = 200)]
    pub platform: Option<String>,
    #[schema(max_length = 500)]
    pub cwd: Option<String>,
}

/// `POST /api/track/end`: a shell is over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct TrackEndRequest {
    #[schema(min_length = 1, max_length = 100)]
    pub session_id: String,
    /// `session_end`, where it is given.
    pub event_type: Option<String>,
    /// RFC 3339, with an offset; not before that of the start.
    #[schema(format = DateTime)]
    pub timestamp: String,
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// A token, for those who cannot send a header.
    #[schema(max_length = 8192)]
    pub token: Option<String>,
}

/// `POST /api/track/heartbeat`: a shell lives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct TrackHeartbeatRequest {
    #[schema(min_length = 1, max_length = 100)]
    pub session_id: String,
    /// A token, for those who cannot send a header.
    #[schema(max_length = 8192)]
    pub token: Option<String>,
}
