//! `POST /api/track/end`: a shell is over.

use serde_json::{Map, Value};
use wk_model::Time;

use super::{Faults, fields::Fields};

/// A shell is over, as its client tells it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrackEnd {
    pub session_id: String,
    pub timestamp: Time,
    pub metadata: Map<String, Value>,
}

impl TrackEnd {
    /// Reads what a client sent.
    pub fn read(value: &Value) -> Result<Self, Faults> {
        let mut fields = Fields::of(value);
        fields.word("event_type", false, "session_end");
        let end = Self {
            session_id: fields.text("session_id", 100),
            timestamp: fields.moment("timestamp"),
            metadata: fields.metadata("metadata"),
        };
        // Whoever listens has looked at it.
        fields.optional_text("token", 8192);
        if fields.faults.is_empty() { Ok(end) } else { Err(fields.faults) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_end_needs_a_session_and_a_moment() {
        let good = json!({"session_id": "28t5cy4tqkff", "timestamp": "2026-02-06T10:35:00Z"});
        let end = TrackEnd::read(&good).unwrap();
        assert_eq!(end.session_id, "28t5cy4tqkff");
        let mut full = good.clone();
        full["event_type"] = json!("session_end");
        full["metadata"] = json!(null);
        full["token"] = json!("t");
        assert!(TrackEnd::read(&full).is_ok());
        for (field, value, says) in [
            ("session_id", json!(null), "`session_id` is missing"),
            ("session_id", json!("a\nb"), "`session_id` holds a control character"),
            ("session_id", json!("x".repeat(1 << 20)), "`session_id` has 1048576 characters"),
            ("timestamp", json!("soon"), "`timestamp` must be a moment"),
            ("event_type", json!("session_start"), "must be \"session_end\""),
            ("metadata", json!([1]), "`metadata` must be an object or null"),
        ] {
            let mut event = good.clone();
            event[field] = value;
            let faults = TrackEnd::read(&event).unwrap_err().to_string();
            assert!(faults.contains(says) && faults.len() < 200, "{field}: {faults}");
        }
    }
}
