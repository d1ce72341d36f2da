//! The tools: what each is called, takes and gives, and the call of the API that it is.

mod act;
mod look;
mod numbers;
mod track;

use std::sync::{Arc, LazyLock};

use rmcp::model::{CallToolResult, Tool, ToolAnnotations};
use serde_json::{Map, Value, json};
use wk_api::Problem;

use crate::{
    ask::Ask,
    backend::Answered,
    check::check,
    outcome::{data, refused},
};

/// One tool.
pub(crate) struct Spec {
    pub(crate) tool: Tool,
    /// Makes the call; an error says what is wrong with the arguments.
    plan: fn(&Map<String, Value>) -> Result<Ask, String>,
    shape: Shape,
    /// Its arguments are checked by whoever is asked.
    checked_there: bool,
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// An object, as it is.
    Object,
    /// A list of sessions.
    Sessions,
    /// What the tracking tools answer, also where something is wrong.
    Tracked,
}

/// All of them.
pub(crate) static ALL: LazyLock<Vec<Spec>> = LazyLock::new(|| {
    track::specs()
        .into_iter()
        .chain(look::specs())
        .chain(act::specs())
        .chain(numbers::specs())
        .collect()
});

/// The tool of this name.
pub(crate) fn find(name: &str) -> Option<&'static Spec> {
    ALL.iter().find(|spec| spec.tool.name == name)
}

impl Spec {
    /// The call that these arguments mean, or why they mean none.
    pub(crate) fn plan(&self, arguments: &Map<String, Value>) -> Result<Ask, String> {
        if !self.checked_there {
            check(&self.tool.input_schema, arguments)?;
        }
        (self.plan)(arguments)
    }

    /// The tool's answer.
    pub(crate) fn shape(
        &self,
        arguments: &Map<String, Value>,
        answered: Result<Answered, Problem>,
    ) -> CallToolResult {
        match (self.shape, answered) {
            (Shape::Tracked, answered) => track::shape(arguments, answered),
            (_, Err(problem)) => refused(&problem),
            (Shape::Object, Ok(answered)) => data(json_of(&answered)),
            (Shape::Sessions, Ok(answered)) => look::shape(arguments, &answered),
        }
    }
}

fn json_of(answered: &Answered) -> Value {
    serde_json::from_slice(&answered.bytes).unwrap_or_default()
}

/// How a tool behaves, for those who ask before they call.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Reads,
    /// Adds to what is known; the same once more changes nothing.
    Records,
    /// Ends or runs something.
    Acts {
        destructive: bool,
    },
}

fn tool(
    (name, title): (&'static str, &'static str),
    description: &'static str,
    input: Value,
    output: Value,
    manner: Manner,
) -> Tool {
    let annotations = ToolAnnotations::with_title(title).open_world(false);
    let annotations = match manner {
        Manner::Reads => annotations.read_only(true),
        Manner::Records => annotations.read_only(false).destructive(false).idempotent(true),
        Manner::Acts { destructive } => {
            annotations.read_only(false).destructive(destructive).idempotent(destructive)
        }
    };
    Tool::new(name, description, object(input))
        .with_title(title)
        .with_raw_output_schema(object(output))
        .with_annotations(annotations)
}

fn object(value: Value) -> Arc<Map<String, Value>> {
    Arc::new(match value {
        Value::Object(object) => object,
        _ => Map::new(),
    })
}

/// A schema of arguments, of which some must be there.
fn arguments(properties: Value, required: &[&str]) -> Value {
    let mut schema = some_object(properties);
    schema["required"] = json!(required);
    schema["additionalProperties"] = json!(false);
    schema
}

/// An object of which readers know some fields.
fn some_object(properties: Value) -> Value {
    let mut schema = json!({"type": "object"});
    schema["properties"] = properties;
    schema
}

fn session_argument() -> Value {
    json!({
        "type": "string",
        "description": "the session's id, a unique beginning of one, or its name",
    })
}

/// The session that arguments name, as a segment of a path.
fn session(arguments: &Map<String, Value>) -> String {
    crate::ask::segment(arguments.get("session").and_then(Value::as_str).unwrap_or_default())
}

/// Arguments without some of them.
fn without(arguments: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    let rest = arguments
        .iter()
        .filter(|(name, value)| !names.contains(&name.as_str()) && !value.is_null());
    rest.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_has_schemas_and_says_how_it_behaves() {
        let names: Vec<_> = ALL.iter().map(|spec| spec.tool.name.as_ref()).collect();
        assert_eq!(
            names,
            [
                "track_session_start",
                "track_session_end",
                "track_session_heartbeat",
                "list_sessions",
                "show_session",
                "why",
                "end_session",
                "run_session",
                "stop_session",
                "health",
                "analytics",
            ]
        );
        for Spec { tool, .. } in ALL.iter() {
            let name = &tool.name;
            assert_eq!(tool.input_schema["type"], "object", "{name}");
            assert!(tool.output_schema.as_ref().is_some_and(|s| s["type"] == "object"), "{name}");
            assert!(tool.description.as_ref().is_some_and(|text| text.len() > 20), "{name}");
            let hints = tool.annotations.as_ref().unwrap();
            let reads = hints.read_only_hint.unwrap();
            assert!(reads || hints.destructive_hint.is_some(), "{name}");
            assert_eq!(hints.open_world_hint, Some(false), "{name}");
            let properties = tool.input_schema["properties"].as_object().unwrap();
            for (argument, property) in properties {
                assert!(property["description"].is_string(), "{name}: {argument}");
            }
        }
    }

    #[test]
    fn a_session_is_one_segment_of_a_path_whatever_it_is() {
        let spec = find("show_session").unwrap();
        let plan = |session: &str| {
            let arguments = json!({"session": session});
            spec.plan(arguments.as_object().unwrap()).unwrap().path
        };
        assert_eq!(plan("28t5cy4tqkff"), "/sessions/28t5cy4tqkff");
        assert_eq!(
            plan("../../daemon/stop?x=1"),
            "/sessions/%2E%2E%2F%2E%2E%2Fdaemon%2Fstop%3Fx%3D1"
        );
        let error = spec.plan(&Map::new()).unwrap_err();
        assert!(error.contains("`session` is missing"), "{error}");
    }
}
