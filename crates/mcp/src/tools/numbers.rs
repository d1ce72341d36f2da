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
    let word = |words: &[&str], description: &str| json!({"type": "string", "enum": words, "description": description});
    let properties = json!({
        "metric": word(
            &["count", "duration", "unique_users", "peak_hours"],
            "what is counted or measured; count by default",
        ),
        "period": word(
            &["hourly", "daily", "weekly", "monthly"],
            "by which time; all together by default; not for peak_hours",
        ),
        "by": word(&["component", "user", "type"], "the groups; all together by default"),
        "type": text("a kind, `admin_shell`, or what a shell is, e.g. bash"),
        "component": text("the component"),
        "user": text("the user's name"),
        "after": text("started at or after this moment, RFC 3339"),
        "before": text("started before this moment, RFC 3339"),
        "zone": text("whose hours and days, e.g. Europe/Berlin; UTC by default"),
        "limit": {"type": "integer", "minimum": 0, "description": "at most so many rows; 0 for all"},
    });
    let output = some_object(json!({
        "metric": {"type": "string"},
        "overall": {"type": "object"},
        "rows": {"type": "array"},
    }));
    let tool = tool(
        ("analytics", "Sessions in numbers"),
        "Sessions over time, in numbers: how many, how long they lasted, how many users, at which \
         hours; by component, user or type.",
        arguments(properties, &[]),
        output,
        Manner::Reads,
    );
    let plan =
        |arguments: &Map<String, Value>| Ok(Ask::get("/analytics").query(&without(arguments, &[])));
    Spec { tool, plan, shape: Shape::Object, checked_there: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_one_of_those_there_are() {
        let plan = |arguments: Value| analytics().plan(arguments.as_object().unwrap());
        let ask = plan(json!({"metric": "peak_hours", "type": "admin_shell"})).unwrap();
        let mut query = ask.query;
        query.sort();
        let text = |text: &str| text.to_owned();
        let want = [(text("metric"), text("peak_hours")), (text("type"), text("admin_shell"))];
        assert_eq!((ask.path.as_str(), query.as_slice()), ("/analytics", want.as_slice()));
        assert!(plan(json!({"metric": "mood"})).unwrap_err().contains("one of count, duration"));
    }
}
