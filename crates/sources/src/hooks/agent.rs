//! What agents call, by their own names for it.

use serde_json::Value;
use wk_hook::record::Head;
use wk_model::{Subagent, ToolOutcome};

use super::{
    fields::Fields,
    told::{AgentTold, Fact, Process, ids, value},
};

/// Reads what an agent has sent.
pub(super) fn read(head: &Head, body: &[u8], process: Option<(Process, bool)>) -> AgentTold {
    let payload = value(body);
    let fields = Fields::of(&payload);
    let name = ["hook_event_name", "hook_event_type", "event", "type"];
    let event = name.iter().find_map(|name| fields.word(name));
    let event = event.unwrap_or_else(|| "unknown".into());
    let subagent = subagent(fields);
    let (id, guess) = ids(head);
    AgentTold {
        fact: fact(&event, fields, subagent.as_ref()),
        agent: head.agent.clone(),
        event,
        id,
        guess,
        process,
        subagent,
        transcript: fields.sentence("transcript_path"),
        payload_bytes: head.payload_bytes,
        payload,
    }
}

fn subagent(fields: Fields<'_>) -> Option<Subagent> {
    let agent_id = fields.word("agent_id")?;
    Some(Subagent { agent_id, agent_type: fields.word("agent_type") })
}

/// One table for all agents: their names do not contradict each other.
fn fact(event: &str, fields: Fields<'_>, subagent: Option<&Subagent>) -> Fact {
    match event {
        "SessionStart" => {
            Fact::Begins { source: fields.word("source"), model: fields.word("model") }
        }
        "SessionEnd" => Fact::Ends { reason: fields.word("reason") },
        "PreToolUse" | "BeforeTool" => match fields.word("tool_name") {
            Some(tool) => Fact::ToolStarts {
                tool,
                use_id: fields.word("tool_use_id"),
                input: fields.get("tool_input").cloned().unwrap_or(Value::Null),
            },
            None => Fact::Other,
        },
        "PostToolUse" | "AfterTool" | "PostToolUseFailure" | "PermissionDenied" => {
            tool_ends(event, fields).unwrap_or(Fact::Other)
        }
        "UserPromptSubmit" | "BeforeAgent" => match fields.get("prompt") {
            Some(Value::String(prompt)) => Fact::Prompt(prompt.clone()),
            Some(other) => Fact::Prompt(other.to_string()),
            None => Fact::Other,
        },
        "PreCompact" | "PreCompress" => {
            Fact::Compaction { trigger: fields.word("trigger"), finished: false }
        }
        "PostCompact" => Fact::Compaction { trigger: fields.word("trigger"), finished: true },
        "PermissionRequest" => Fact::PermissionWait {
            tool: fields.word("tool_name"),
            message: fields.sentence("message"),
        },
        "Notification" => match fields.word("notification_type").as_deref() {
            Some("permission_prompt" | "ToolPermission") => Fact::PermissionWait {
                tool: fields
                    .word("tool_name")
                    .or_else(|| fields.object("details").word("tool_name")),
                message: fields.sentence("message"),
            },
            _ => Fact::Other,
        },
        "SubagentStart" => subagent.cloned().map_or(Fact::Other, Fact::SubagentBegins),
        "SubagentStop" => subagent.cloned().map_or(Fact::Other, Fact::SubagentEnds),
        _ => Fact::Other,
    }
}

fn tool_ends(event: &str, fields: Fields<'_>) -> Option<Fact> {
    let tool = fields.word("tool_name")?;
    let response = fields.object("tool_response");
    let error = fields
        .sentence("error")
        .or_else(|| response.sentence("error"))
        .or_else(|| fields.sentence("reason").filter(|_| event == "PermissionDenied"));
    let interrupted = fields.flag("is_interrupt") || response.flag("interrupted");
    let failed = event == "PostToolUseFailure"
        || response.flag("is_error")
        || response.get("error").is_some_and(|error| error != &Value::Bool(false))
        || response.get("success") == Some(&Value::Bool(false));
    let outcome = match event {
        "PermissionDenied" => ToolOutcome::Denied,
        _ if interrupted => ToolOutcome::Interrupted,
        _ if failed => ToolOutcome::Failed,
        _ => ToolOutcome::Succeeded,
    };
    Some(Fact::ToolEnds {
        tool,
        use_id: fields.word("tool_use_id"),
        outcome,
        duration_ms: fields.millis("duration_ms"),
        error: error.filter(|_| outcome != ToolOutcome::Succeeded),
        output: fields.get("tool_response").cloned().unwrap_or(Value::Null),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wk_hook::record::{Known, KnownBy, Record};

    use super::*;
    use crate::hooks::{Told, Who};

    fn told(agent: &str, body: &[u8]) -> AgentTold {
        let session = Known { id: "s1".into(), by: KnownBy::Stdin };
        let head = Head { agent: agent.into(), session, ..Head::default() };
        match Told::of(Record { head, body: body.to_vec() }).who {
            Who::Agent(told) => *told,
            other => panic!("{other:?}"),
        }
    }

    fn fact_of(value: &Value) -> Fact {
        told("claude", value.to_string().as_bytes()).fact
    }

    #[test]
    fn tools_begin_and_end() {
        let begins = fact_of(&json!({"hook_event_name": "PreToolUse", "tool_name": "Bash",
            "tool_input": {"command": "ls"}, "tool_use_id": "t1"}));
        let input = json!({"command": "ls"});
        let use_id = Some("t1".to_owned());
        assert_eq!(begins, Fact::ToolStarts { tool: "Bash".into(), use_id, input });
        for (event, more, want) in [
            ("PostToolUse", json!({"tool_response": {"stdout": ""}}), ToolOutcome::Succeeded),
            (
                "PostToolUse",
                json!({"tool_response": {"interrupted": true}}),
                ToolOutcome::Interrupted,
            ),
            ("PostToolUse", json!({"tool_response": {"is_error": true}}), ToolOutcome::Failed),
            ("PostToolUseFailure", json!({"error": "no"}), ToolOutcome::Failed),
            ("PostToolUseFailure", json!({"is_interrupt": true}), ToolOutcome::Interrupted),
            ("AfterTool", json!({"tool_response": {"error": "no"}}), ToolOutcome::Failed),
            ("AfterTool", json!({"tool_response": {"error": null}}), ToolOutcome::Succeeded),
            ("PermissionDenied", json!({"reason": "never"}), ToolOutcome::Denied),
        ] {
            let mut object = json!({"hook_event_name": event, "tool_name": "Bash"});
            object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            match fact_of(&object) {
                Fact::ToolEnds { outcome, .. } => assert_eq!(outcome, want, "{object}"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn each_agents_own_words_are_understood() {
        let prompt = |event: &str| fact_of(&json!({"hook_event_name": event, "prompt": "do"}));
        assert_eq!(prompt("UserPromptSubmit"), Fact::Prompt("do".into()));
        assert_eq!(prompt("BeforeAgent"), Fact::Prompt("do".into()));
        let compress = fact_of(&json!({"hook_event_name": "PreCompress", "trigger": "auto"}));
        assert_eq!(compress, Fact::Compaction { trigger: Some("auto".into()), finished: false });
        let codex = told("codex", br#"{"type":"agent-turn-complete","thread-id":"s1"}"#);
        assert_eq!((codex.event.as_str(), codex.fact), ("agent-turn-complete", Fact::Other));
        let waits = json!({"hook_event_name": "Notification", "message": "may I?",
            "notification_type": "permission_prompt"});
        assert!(matches!(fact_of(&waits), Fact::PermissionWait { .. }));
        let start = json!({"hook_event_name": "SubagentStart", "agent_id": "a1"});
        assert!(matches!(fact_of(&start), Fact::SubagentBegins(_)));
        let new = told("claude", br#"{"hook_event_name":"BrandNew","x":1}"#);
        assert_eq!((new.event.as_str(), &new.payload["x"]), ("BrandNew", &json!(1)));
    }

    #[test]
    fn whatever_comes_is_borne() {
        let deep = format!(
            "{{\"hook_event_name\":\"Stop\",\"x\":{}{}}}",
            "[".repeat(9000),
            "]".repeat(9000)
        );
        assert_eq!(told("claude", deep.as_bytes()).event, "Stop");
        assert_eq!(told("claude", br#"{"hook_event_name":"Stop","x":"#).event, "Stop");
        for wrong in [
            &b""[..],
            b"nonsense",
            b"[]",
            b"null",
            b"\0\0\0",
            b"\xff\xfe",
            br#"{"hook_event_name":7,"tool_name":{}}"#,
            br#"{"hook_event_name":"PreToolUse","tool_name":[1],"tool_use_id":{}}"#,
            br#"{"hook_event_name":"SubagentStart","agent_id":null}"#,
            br#"{"hook_event_name":"PostToolUse","tool_name":"x","duration_ms":-1e400}"#,
        ] {
            let fact = told("claude", wrong).fact;
            assert!(matches!(fact, Fact::Other | Fact::ToolEnds { .. }), "{wrong:?}: {fact:?}");
        }
        let long = json!({"hook_event_name": "x".repeat(1 << 20)});
        assert!(told("claude", long.to_string().as_bytes()).event.len() <= 256);
    }
}
