//! `track_session_start` and `track_session_end`: shells that tell of themselves. And
//! `track_session_heartbeat`, for those that run elsewhere and say so every minute.
//!
//! The names, arguments and answers of the first two are fixed: programs of others use them.
//! What goes wrong is part of the answer.

use rmcp::model::CallToolResult;
use serde_json::{Map, Value, json};
use wk_api::{Problem, TrackStatus, Tracked, problem_type};

use super::{Manner, Shape, Spec, some_object, tool};
use crate::{ask::Ask, backend::Answered, outcome::data};

pub(super) fn specs() -> [Spec; 3] {
    [start(), end(), heartbeat()]
}

fn start() -> Spec {
    let tool = tool(
        ("track_session_start", "Track a shell's start"),
        "Tell that a shell session has begun. Answers with its session_id, which the end needs. \
         The same event_id, sent again, is the same session.",
        start_schema(),
        answer(&["tracked", "error"]),
        Manner::Records,
    );
    let plan = |arguments: &Map<String, Value>| Ok(told("/track/start", arguments));
    Spec { tool, plan, shape: Shape::Tracked, checked_there: true }
}

fn end() -> Spec {
    let input = json!({
        "type": "object",
        "properties": {
            "session_id": {"type": "string", "description": "what the start was answered with"},
            "timestamp": moment("when the shell ended; not before its start"),
            "event_type": {"type": "string", "const": "session_end", "description": "session_end"},
            "metadata": metadata(),
            "token": token(),
        },
        "required": ["session_id", "timestamp"],
    });
    let tool = tool(
        ("track_session_end", "Track a shell's end"),
        "Tell that a shell session is over. Its duration is from the start's timestamp to this \
         one. A session that has ended stays ended.",
        input,
        answer(&["ended", "not_found", "error"]),
        Manner::Records,
    );
    let plan = |arguments: &Map<String, Value>| Ok(told("/track/end", arguments));
    Spec { tool, plan, shape: Shape::Tracked, checked_there: true }
}

fn heartbeat() -> Spec {
    let input = json!({
        "type": "object",
        "properties": {
            "session_id": {"type": "string", "description": "what the start was answered with"},
            "token": token(),
        },
        "required": ["session_id"],
    });
    let tool = tool(
        ("track_session_heartbeat", "Say that a shell lives"),
        "Tell that a shell session lives: every minute, where its start said `heartbeat`. One \
         that runs elsewhere and is silent for 5 minutes is taken for gone.",
        input,
        answer(&["tracked", "ended", "not_found", "error"]),
        Manner::Records,
    );
    let plan = |arguments: &Map<String, Value>| Ok(told("/track/heartbeat", arguments));
    Spec { tool, plan, shape: Shape::Tracked, checked_there: true }
}

fn told(path: &str, arguments: &Map<String, Value>) -> Ask {
    let token = arguments.get("token").and_then(Value::as_str);
    // What no header can hold is no token; whoever is asked says so.
    let token = token.filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()));
    let token = token.map(str::to_owned);
    Ask { token, ..Ask::post(path, Value::Object(arguments.clone())) }
}

fn start_schema() -> Value {
    let line = |longest: u32, description: &str| json!({"type": "string", "maxLength": longest, "description": description});
    let maybe = |longest: u32, description: &str| json!({"type": ["string", "null"], "maxLength": longest, "description": description});
    let user = json!({
        "type": "object",
        "description": "whose shell it is",
        "properties": {
            "username": line(100, "the user's name"),
            "home": maybe(500, "the user's home directory"),
        },
        "required": ["username"],
    });
    let environment = json!({
        "type": "object",
        "description": "what the shell runs in",
        "properties": {
            "python_version": maybe(100, "e.g. 3.13.0"),
            "platform": maybe(200, "e.g. Linux-6.8.0-x86_64"),
            "cwd": maybe(500, "the working directory"),
        },
    });
    json!({
        "type": "object",
        "properties": {
            "event_version": {"type": "string", "const": "1.0", "description": "1.0"},
            "event_id": {"type": "string", "format": "uuid", "description": "a new UUID for each event"},
            "event_type": {"type": "string", "const": "session_start", "description": "session_start"},
            "component_name": {
                "type": "string",
                "pattern": "^[a-zA-Z0-9_-]+$",
                "maxLength": 100,
                "description": "the program that the shell belongs to",
            },
            "shell_type": line(100, "what the shell is, e.g. MahavishnuShell"),
            "timestamp": moment("when the shell began"),
            "pid": {
                "type": "integer",
                "minimum": 1,
                "maximum": 4_194_304,
                "description": "the shell's process",
            },
            "user": user,
            "hostname": line(253, "the machine that the shell runs on"),
            "environment": environment,
            "metadata": metadata(),
            "heartbeat": {
                "type": ["boolean", "null"],
                "description": "the client will send heartbeats, every minute",
            },
            "process_start_time": {
                "type": ["integer", "null"],
                "minimum": 0,
                "description": "field 22 of /proc/PID/stat, where it is known",
            },
            "token": token(),
        },
        "required": [
            "event_version", "event_id", "event_type", "component_name", "shell_type",
            "timestamp", "pid", "user", "hostname", "environment",
        ],
    })
}

fn moment(description: &str) -> Value {
    let description = format!("{description}; RFC 3339 with an offset");
    json!({"type": "string", "format": "date-time", "description": description})
}

fn metadata() -> Value {
    json!({
        "type": ["object", "null"],
        "description": "anything else, e.g. component_version, cli_enabled, adapters; at most 16 KiB",
    })
}

fn token() -> Value {
    json!({
        "type": ["string", "null"],
        "description": "a token, for clients that cannot send an Authorization header",
    })
}

fn answer(statuses: &[&str]) -> Value {
    let mut schema = some_object(json!({
        "session_id": {"type": ["string", "null"]},
        "status": {"type": "string", "enum": statuses},
        "error": {"type": ["string", "null"]},
    }));
    schema["required"] = json!(["session_id", "status", "error"]);
    schema
}

pub(super) fn shape(
    arguments: &Map<String, Value>,
    answered: Result<Answered, Problem>,
) -> CallToolResult {
    let tracked = match answered {
        Ok(answered) => return data(super::json_of(&answered)),
        Err(problem) => {
            let missing = problem.kind == problem_type::NOT_FOUND;
            let status = if missing { TrackStatus::NotFound } else { TrackStatus::Error };
            let given = arguments.get("session_id").and_then(Value::as_str);
            let session_id = given.map(|id| id.chars().take(100).collect());
            Tracked { session_id, status, error: Some(problem.detail) }
        }
    };
    data(serde_json::to_value(tracked).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_wrong_is_part_of_the_answer() {
        let problem = |kind: &str| Problem {
            kind: kind.into(),
            title: "T".into(),
            status: 400,
            detail: "why".into(),
            candidates: Vec::new(),
        };
        let arguments = json!({"session_id": "x".repeat(1000)});
        let arguments = arguments.as_object().unwrap();
        for (kind, status) in
            [(problem_type::NOT_FOUND, "not_found"), (problem_type::BAD_REQUEST, "error")]
        {
            let result = shape(arguments, Err(problem(kind)));
            assert_ne!(result.is_error, Some(true));
            let told = result.structured_content.unwrap();
            assert_eq!((&told["status"], &told["error"]), (&json!(status), &json!("why")));
            assert_eq!(told["session_id"].as_str().unwrap().len(), 100);
        }
        let result = shape(&Map::new(), Err(problem(problem_type::BAD_REQUEST)));
        assert_eq!(result.structured_content.unwrap()["session_id"], json!(null));
    }

    #[test]
    fn a_token_that_no_header_can_hold_is_left_in_its_place() {
        let ask = |token: &str| told("/track/end", json!({"token": token}).as_object().unwrap());
        assert_eq!(ask("a.b.c").token.as_deref(), Some("a.b.c"));
        assert_eq!(ask("a\r\nHost: x").token, None);
        assert_eq!(ask("ü").token, None);
    }
}
