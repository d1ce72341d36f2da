//! `list_sessions`, `show_session` and `why`.

use rmcp::model::CallToolResult;
use serde_json::{Map, Value, json};

use super::{
    Manner, Shape, Spec, arguments, json_of, session, session_argument, some_object, tool, without,
};
use crate::{ask::Ask, backend::Answered, outcome::data};

/// Sessions in a list when nobody says how many.
const LIMIT: u32 = 20;

/// What a list tells of each session, unless all is asked for.
const BRIEF: [&str; 16] = [
    "session_id",
    "name",
    "kind",
    "status",
    "phase",
    "command",
    "working_directory",
    "username",
    "hostname",
    "component_name",
    "shell_type",
    "agent_id",
    "start_time",
    "end_time",
    "duration_seconds",
    "parent_id",
];

pub(super) fn specs() -> [Spec; 3] {
    [list(), show(), why()]
}

fn list() -> Spec {
    let text = |description: &str| json!({"type": "string", "description": description});
    let flag = |description: &str| json!({"type": "boolean", "description": description});
    let properties = json!({
        "status": text("running, completed, failed, cancelled, timeout, recovering; several with commas"),
        "active": flag("only sessions that have not ended"),
        "failed": flag("only sessions that failed or ran into a time limit"),
        "kind": text("command, agent, tmux, shell; several with commas"),
        "type": text("a kind, `admin_shell`, or what a shell is, e.g. bash"),
        "incomplete": flag("only shells whose end was never heard"),
        "agent_id": text("the agent"),
        "component": text("the component"),
        "user": text("the user's name"),
        "label": text("KEY=VALUE; several with commas, all must match"),
        "name": text("the session's name"),
        "after": text("started at or after this moment, RFC 3339"),
        "before": text("started before this moment, RFC 3339; or a session id: older than that one"),
        "duration_greater": {"type": "integer", "minimum": 0, "description": "lasted longer than so many seconds"},
        "ended_since": text("living, or ended at or after this moment, RFC 3339"),
        "limit": {"type": "integer", "minimum": 0, "description": "at most so many, newest first; 20 by default, 0 for all"},
        "full": flag("all that is known of each session, not only the most important"),
    });
    let output = some_object(json!({
        "sessions": {"type": "array", "items": some_object(json!({
            "session_id": {"type": "string"},
            "status": {"type": ["string", "null"]},
        }))},
        "more": {"type": "boolean", "description": "there are older ones: `before` pages on"},
    }));
    let tool = tool(
        ("list_sessions", "List sessions"),
        "List agent, shell, tmux and command sessions, newest first, by any filter.",
        arguments(properties, &[]),
        output,
        Manner::Reads,
    );
    Spec { tool, plan: plan_list, shape: Shape::Sessions, checked_there: false }
}

fn plan_list(arguments: &Map<String, Value>) -> Result<Ask, String> {
    let mut filters = without(arguments, &["full"]);
    filters.entry("limit").or_insert(LIMIT.into());
    Ok(Ask::get("/sessions").query(&filters))
}

fn show() -> Spec {
    let output = some_object(json!({
        "session_id": {"type": "string"},
        "status": {"type": ["string", "null"]},
        "phase": {"type": "string"},
        "duration_seconds": {"type": "number"},
    }));
    let tool = tool(
        ("show_session", "Show a session"),
        "Show all that is known of one session: status, times, processes, limits, health, verdict.",
        arguments(json!({"session": session_argument()}), &["session"]),
        output,
        Manner::Reads,
    );
    let plan =
        |arguments: &Map<String, Value>| Ok(Ask::get(format!("/sessions/{}", session(arguments))));
    Spec { tool, plan, shape: Shape::Object, checked_there: false }
}

fn why() -> Spec {
    let properties = json!({
        "session": session_argument(),
        "attempt": {"type": "integer", "minimum": 1, "description": "which attempt; the latest by default"},
    });
    let output = some_object(json!({
        "session_id": {"type": "string"},
        "cause": {"type": "string"},
        "summary": {"type": "string"},
        "confidence": {"type": "string"},
    }));
    let tool = tool(
        ("why", "Why a session ended"),
        "Say why a session ended: cause, culprit, how sure that is, and the evidence.",
        arguments(properties, &["session"]),
        output,
        Manner::Reads,
    );
    let plan = |arguments: &Map<String, Value>| {
        let ask = Ask::get(format!("/sessions/{}/why", session(arguments)));
        Ok(ask.query(&without(arguments, &["session"])))
    };
    Spec { tool, plan, shape: Shape::Object, checked_there: false }
}

/// A list, each session in brief.
pub(super) fn shape(arguments: &Map<String, Value>, answered: &Answered) -> CallToolResult {
    if answered.cut {
        return crate::outcome::error("the list is too long: ask for fewer with `limit`");
    }
    let full = arguments.get("full") == Some(&Value::Bool(true));
    let sessions = match json_of(answered) {
        Value::Array(sessions) if full => sessions,
        Value::Array(sessions) => sessions.iter().map(brief).collect(),
        _ => Vec::new(),
    };
    data(json!({"sessions": sessions, "more": answered.more}))
}

fn brief(session: &Value) -> Value {
    let mut brief: Map<String, Value> = BRIEF
        .iter()
        .map(|name| ((*name).to_owned(), session.get(*name).cloned().unwrap_or_default()))
        .collect();
    brief.insert("conditions".into(), session["health"]["conditions"].clone());
    brief.insert("cause".into(), session["verdict"]["cause"].clone());
    Value::Object(brief)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_become_a_query_and_a_list_is_short_unless_asked_for() {
        let arguments = json!({"kind": "shell,agent", "active": true, "full": true, "name": null});
        let ask = plan_list(arguments.as_object().unwrap()).unwrap();
        let query = [("active", "true"), ("kind", "shell,agent"), ("limit", "20")];
        let query: Vec<_> = query.map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec();
        let mut found = ask.query;
        found.sort();
        assert_eq!(found, query);
        let answered =
            Answered {
                bytes: br#"[{"session_id":"a","memory_bytes":7,"verdict":{"cause":"killed"}}]"#
                    .as_slice()
                    .into(),
                more: true,
                cut: false,
            };
        let told = shape(&Map::new(), &answered).structured_content.unwrap();
        assert_eq!(told["more"], json!(true));
        assert_eq!(told["sessions"][0]["cause"], json!("killed"));
        assert_eq!(told["sessions"][0].get("memory_bytes"), None);
        let full = json!({"full": true});
        let told = shape(full.as_object().unwrap(), &answered).structured_content.unwrap();
        assert_eq!(told["sessions"][0]["memory_bytes"], json!(7));
    }
}
