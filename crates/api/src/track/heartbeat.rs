//! `POST /api/track/heartbeat`: a shell lives.

use serde_json::Value;

use super::{Faults, fields::Fields};

/// A shell lives, as its client tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrackHeartbeat {
    pub session_id: String,
}

impl TrackHeartbeat {
    /// Reads what a client sent.
    pub fn read(value: &Value) -> Result<Self, Faults> {
        let mut fields = Fields::of(value);
        let heartbeat = Self { session_id: fields.text("session_id", 100) };
        // Whoever listens has looked at it.
        fields.optional_text("token", 8192);
        if fields.faults.is_empty() { Ok(heartbeat) } else { Err(fields.faults) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_heartbeat_names_its_session() {
        assert_eq!(TrackHeartbeat::read(&json!({"session_id": "x"})).unwrap().session_id, "x");
        assert!(TrackHeartbeat::read(&json!({})).is_err());
    }
}
