//! `health` and `analytics`.

use serde_json::{Map, Value, json};

use super::{Manner, Shape, Spec, arguments, some_object, tool, without};
use crate::ask::Ask;

pub(super) fn specs() -> [Spec; 2] {
    [health(), analytics()]
}

fn health() -> Spec {
    let output = some_object(json!({
        "total_sessions": {"type": "integer"},
        "healthy_sessions": {"type": "integer"},
        "stale_sessions": {"type": "integer"},
        "sessions_by_status": {"type": "object"},
    }));
    let tool = tool(
        ("health", "Health in numbers"),
        "How all sessions are, in numbers: how many, how many healthy or stale, by status.",
        arguments(json!({}), &[]),
        output,
        Manner::Reads,
    );
    let plan = |_: &Map<String, Value>| Ok(Ask::get("/health"));
    Spec { tool, plan, shape: Shape::Object, checked_there: false }
}

fn analytics() -> Spec {
    let text = |description: &str| json!({"type": "string", "description": description});
    let properties = json!({
        "by": {
            "type": "string",
            "enum": ["kind", "component", "template"],
            "description": "the groups to count by; all together by default",
        },
        "since": text("sessions that started at or after this moment, RFC 3339"),
        "limit": {"type": "integer", "minimum": 0, "description": "at most so many groups"},
    });
    let tool = tool(
        ("analytics", "Sessions in numbers"),
        "Sessions over time, in numbers: how many, how long they lasted, how often they failed.",
        arguments(properties, &[]),
        some_object(json!({})),
        Manner::Reads,
    );
    let plan =
        |arguments: &Map<String, Value>| Ok(Ask::get("/stats").query(&without(arguments, &[])));
    Spec { tool, plan, shape: Shape::Object, checked_there: false }
}
