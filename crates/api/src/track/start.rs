//! `POST /api/track/start`: a shell has begun.

use serde_json::{Map, Value};
use wk_model::Time;

use super::{Faults, fields::Fields};

/// A shell has begun, as its client tells it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrackStart {
    /// A UUID: the same event, sent again, is the same session.
    pub event_id: String,
    /// Letters, digits, `_` and `-`; at most 100.
    pub component_name: String,
    pub shell_type: String,
    pub timestamp: Time,
    /// 1 to 4194304.
    pub pid: u32,
    /// Of `user`.
    pub username: String,
    /// Of `user`.
    pub home: Option<String>,
    pub hostname: String,
    /// Of `environment`, as the two below it.
    pub python_version: Option<String>,
    pub platform: Option<String>,
    pub working_directory: Option<String>,
    pub metadata: Map<String, Value>,
    /// The client will send a heartbeat every minute.
    pub heartbeat: bool,
    /// Clock ticks after boot at which the process began, where the client knows.
    pub process_start_time: Option<u64>,
}

impl TrackStart {
    /// Reads what a client sent.
    pub fn read(value: &Value) -> Result<Self, Faults> {
        let mut fields = Fields::of(value);
        fields.word("event_version", true, "1.0");
        fields.word("event_type", true, "session_start");
        let (username, home) = fields.within("user", "user.", |user| {
            (user.text("username", 100), user.optional_text("home", 500))
        });
        let (python_version, platform, working_directory) =
            fields.within("environment", "environment.", |environment| {
                (
                    environment.optional_text("python_version", 100),
                    environment.optional_text("platform", 200),
                    environment.optional_text("cwd", 500),
                )
            });
        let start = Self {
            event_id: fields.uuid("event_id"),
            component_name: fields.identifier("component_name", 100),
            shell_type: fields.text("shell_type", 100),
            timestamp: fields.moment("timestamp"),
            pid: u32::try_from(fields.number("pid", 1, 4_194_304)).unwrap_or_default(),
            username,
            home,
            hostname: fields.text("hostname", 253),
            python_version,
            platform,
            working_directory,
            metadata: fields.metadata("metadata"),
            heartbeat: fields.flag("heartbeat"),
            process_start_time: fields.optional_number("process_start_time"),
        };
        // Whoever listens has looked at it.
        fields.optional_text("token", 8192);
        if fields.faults.is_empty() { Ok(start) } else { Err(fields.faults) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn good() -> Value {
        json!({
            "event_version": "1.0",
            "event_id": "550E8400-e29b-41d4-a716-446655440000",
            "event_type": "session_start",
            "component_name": "mahavishnu",
            "shell_type": "MahavishnuShell",
            "timestamp": "2026-02-06T10:30:00+00:00",
            "pid": 12345,
            "user": {"username": "les", "home": "/home/les"},
            "hostname": "mbp-local",
            "environment": {"python_version": "3.13.0", "platform": "macOS-15.2", "cwd": "/work"},
            "metadata": null,
        })
    }

    #[test]
    fn what_the_quick_start_sends_is_read() {
        let start = TrackStart::read(&good()).unwrap();
        assert_eq!(start.event_id, "550e8400-e29b-41d4-a716-446655440000");
        assert_eq!(start.timestamp.to_string(), "2026-02-06T10:30:00.000Z");
        assert_eq!((start.pid, start.username.as_str()), (12345, "les"));
        assert_eq!(start.working_directory.as_deref(), Some("/work"));
        assert!(start.metadata.is_empty() && !start.heartbeat);
    }

    #[test]
    fn what_is_not_known_or_not_needed_may_be_there_or_not() {
        let mut event = good();
        event["from_the_future"] = json!({"a": [1]});
        event["metadata"] = json!({"adapters": ["prefect"], "cli_enabled": true});
        event["environment"] = json!({"cwd": "", "platform": null});
        event["user"] = json!({"username": "ünï"});
        event["process_start_time"] = json!(991);
        event["heartbeat"] = json!(true);
        let start = TrackStart::read(&event).unwrap();
        assert_eq!((start.working_directory, start.platform, start.home), (None, None, None));
        assert_eq!(start.metadata["adapters"], json!(["prefect"]));
        assert_eq!((start.process_start_time, start.heartbeat), (Some(991), true));
    }

    #[test]
    fn each_wrong_field_is_named_with_what_to_do() {
        let long = "x".repeat(501);
        for (field, value, says) in [
            ("event_version", json!("2.0"), "`event_version` must be \"1.0\", not `2.0`"),
            ("event_version", json!(null), "`event_version` is missing: send \"1.0\""),
            ("event_type", json!("session_end"), "must be \"session_start\""),
            ("event_id", json!("not-a-uuid"), "`event_id` must be a UUID, not `not-a-uuid`"),
            ("event_id", json!("550e8400-e29b-41d4-a716-44665544000g"), "must be a UUID"),
            ("event_id", json!(7), "must be a UUID, not `7`"),
            ("component_name", json!("a b"), "use letters, digits"),
            ("component_name", json!("../etc"), "use letters, digits"),
            ("component_name", json!(""), "`component_name` is empty"),
            ("component_name", json!("a\nb"), "control character (`a\\nb`)"),
            ("shell_type", json!(["bash"]), "`shell_type` must be a text, not a list"),
            ("shell_type", json!("a\u{0}b"), "control character"),
            ("timestamp", json!("yesterday"), "`timestamp` must be a moment, not `yesterday`"),
            ("timestamp", json!("2026-02-06T10:30:00"), "RFC 3339 with an offset"),
            ("timestamp", json!(1_770_000_000), "`timestamp` must be a moment"),
            ("pid", json!(0), "`pid` must not be `0`: send a whole number from 1 to 4194304"),
            ("pid", json!(4_194_305), "from 1 to 4194304"),
            ("pid", json!(-1), "from 1 to 4194304"),
            ("pid", json!(1.5), "from 1 to 4194304"),
            ("pid", json!("12"), "must not be `12`"),
            ("user", json!("les"), "`user` must be an object, not `les`"),
            ("user", json!({"username": "u".repeat(101)}), "`user.username` has 101 characters"),
            ("user", json!({"home": "/"}), "`user.username` is missing"),
            ("user", json!({"username": "u", "home": long}), "`user.home` has 501 characters"),
            ("hostname", json!(null), "`hostname` is missing"),
            ("hostname", json!("h".repeat(254)), "`hostname` has 254 characters"),
            ("environment", json!(null), "`environment` is missing: send an object"),
            ("environment", json!({"cwd": long}), "`environment.cwd` has 501 characters"),
            ("environment", json!({"platform": 3}), "`environment.platform` must be a text"),
            ("metadata", json!("x"), "`metadata` must be an object or null, not `x`"),
            ("metadata", json!({"x": "x".repeat(17_000)}), "`metadata` has 17008 bytes"),
            ("heartbeat", json!("yes"), "`heartbeat` must be true or false"),
            ("token", json!(7), "`token` must be a text"),
        ] {
            let mut event = good();
            event[field] = value;
            let faults = TrackStart::read(&event).unwrap_err();
            assert!(faults.to_string().contains(says), "{field}: {faults}");
            assert_eq!(faults.sentences().len(), 1, "{faults}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once_and_not_for_ever() {
        let faults = TrackStart::read(&json!({})).unwrap_err();
        assert!(faults.sentences().len() > 8, "{faults}");
        let text = faults.to_string();
        assert!(text.contains("`user` is missing") && text.ends_with("more"), "{text}");
        for value in [json!([]), json!(null), json!("x"), json!(7)] {
            let faults = TrackStart::read(&value).unwrap_err();
            assert!(faults.to_string().starts_with("`arguments` must be an object"), "{faults}");
            assert_eq!(faults.sentences().len(), 1, "{faults}");
        }
        let event = json!({"hostname": "\u{1b}[2J".repeat(100_000)});
        assert!(TrackStart::read(&event).unwrap_err().to_string().len() < 1500);
    }
}
