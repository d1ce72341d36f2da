//! `end_session`, `run_session` and `stop_session`.

use serde_json::{Map, Value, json};

use super::{
    Manner, Shape, Spec, arguments, session, session_argument, some_object, tool, without,
};
use crate::ask::Ask;

pub(super) fn specs() -> [Spec; 3] {
    [end(), run(), stop()]
}

fn view() -> Value {
    some_object(json!({
        "session_id": {"type": "string"},
        "status": {"type": ["string", "null"]},
        "phase": {"type": "string"},
    }))
}

fn end() -> Spec {
    let tool = tool(
        ("end_session", "Close a shell's record"),
        "Close the record of a tracked shell whose end was never heard. Ends no process; refused \
         for sessions that Watchkeeper runs: stop_session ends those.",
        arguments(json!({"session": session_argument()}), &["session"]),
        view(),
        Manner::Records,
    );
    let plan = |arguments: &Map<String, Value>| {
        Ok(Ask::post(format!("/sessions/{}/end", session(arguments)), json!({})))
    };
    Spec { tool, plan, shape: Shape::Object, checked_there: false }
}

fn run() -> Spec {
    let text = |description: &str| json!({"type": "string", "description": description});
    let number =
        |description: &str| json!({"type": "integer", "minimum": 0, "description": description});
    let properties = json!({
        "command": {
            "type": "array",
            "items": {"type": "string"},
            "description": "the program and its arguments, one text each; no shell reads them",
        },
        "name": text("1 to 64 letters, digits, `.`, `_` or `-`"),
        "kind": {
            "type": "string",
            "enum": ["command", "agent", "shell"],
            "description": "command by default",
        },
        "working_directory": text("an absolute path; the user's home by default"),
        "template": text("a template of the settings"),
        "agent_id": text("the agent"),
        "component_name": text("the component"),
        "labels": {"type": "object", "description": "texts by name, to be found by"},
        "timeout_ms": number("end it after so many milliseconds"),
        "max_memory": number("bytes of memory that the whole tree may take"),
        "after": text("the session that must have ended well first"),
    });
    let tool = tool(
        ("run_session", "Run a command"),
        "Run a command as a session that outlives whoever asked: recorded, watched, explained \
         when it dies. Takes a token with the scope `write`.",
        arguments(properties, &["command"]),
        view(),
        Manner::Acts { destructive: false },
    );
    let plan = |arguments: &Map<String, Value>| {
        let mut request = without(arguments, &[]);
        request.insert("terminal".into(), json!({"cols": 80, "rows": 24}));
        Ok(Ask::post("/sessions", Value::Object(request)))
    };
    Spec { tool, plan, shape: Shape::Object, checked_there: false }
}

fn stop() -> Spec {
    let properties = json!({
        "session": session_argument(),
        "grace_ms": {
            "type": "integer",
            "minimum": 0,
            "description": "milliseconds between TERM and KILL; the session's own by default",
        },
        "force": {
            "type": "boolean",
            "description": "also a tmux session that was found, not started",
        },
    });
    let tool = tool(
        ("stop_session", "Stop a session"),
        "End a session with its whole process tree: TERM, and KILL after the grace. Takes a token \
         with the scope `write`.",
        arguments(properties, &["session"]),
        view(),
        Manner::Acts { destructive: true },
    );
    let plan = |arguments: &Map<String, Value>| {
        let request = Value::Object(without(arguments, &["session"]));
        Ok(Ask::post(format!("/sessions/{}/stop", session(arguments)), request))
    };
    Spec { tool, plan, shape: Shape::Object, checked_there: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_runs_in_a_terminal_and_needs_a_program() {
        let plan = |arguments: Value| run().plan(arguments.as_object().unwrap());
        let ask = plan(json!({"command": ["echo", "a"], "name": null})).unwrap();
        let body = json!({"command": ["echo", "a"], "terminal": {"cols": 80, "rows": 24}});
        assert_eq!((ask.path.as_str(), ask.body), ("/sessions", Some(body)));
        for bad in [json!({}), json!({"command": "echo"}), json!({"command": [1]})] {
            assert!(plan(bad).unwrap_err().contains("`command"));
        }
        assert!(plan(json!({"command": ["x"], "environment": []})).is_err());
    }

    #[test]
    fn a_stop_says_how() {
        let ask = stop().plan(json!({"session": "a", "grace_ms": 5}).as_object().unwrap()).unwrap();
        assert_eq!(ask.path, "/sessions/a/stop");
        assert_eq!(ask.body, Some(json!({"grace_ms": 5})));
    }
}
