//! Arguments of a tool, checked by its own schema: what is wrong is said before anything is
//! asked, with what to send instead.

use serde_json::{Map, Value};

/// The parts of JSON Schema that our tools use: `type`, `enum`, `minimum`, `required`, `items`.
pub(crate) fn check(
    schema: &Map<String, Value>,
    arguments: &Map<String, Value>,
) -> Result<(), String> {
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let mut faults = Vec::new();
    for (name, value) in arguments {
        match properties.get(name) {
            None => faults.push(unknown(name, properties)),
            Some(_) if value.is_null() => {}
            Some(property) => faults.extend(fault(name, property, value)),
        }
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if arguments.get(name).is_none_or(Value::is_null) {
            let text = properties.get(name).and_then(|p| p.get("description")?.as_str());
            faults.push(format!("`{name}` is missing: {}", text.unwrap_or("it is needed")));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
}

fn unknown(name: &str, properties: &Map<String, Value>) -> String {
    let known: Vec<_> = properties.keys().map(String::as_str).collect();
    let name: String = name.chars().take(40).collect();
    let name = name.escape_debug();
    if known.is_empty() {
        return format!("`{name}` is not known: this tool takes no arguments");
    }
    format!("`{name}` is not known: the arguments are {}", known.join(", "))
}

fn fault(name: &str, property: &Value, value: &Value) -> Option<String> {
    let wanted = property.get("type").and_then(Value::as_str).unwrap_or("string");
    let fits = match wanted {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "array" => value.is_array(),
        _ => value.is_object(),
    };
    if !fits {
        return Some(format!("`{name}` must be {}, not {}", article(wanted), shown(value)));
    }
    if let Some(items) = property.get("items")
        && let Some(bad) = value
            .as_array()
            .into_iter()
            .flatten()
            .find_map(|item| fault(&format!("{name}[]"), items, item))
    {
        return Some(bad);
    }
    let words = property.get("enum").and_then(Value::as_array);
    if let Some(words) = words.filter(|words| !words.contains(value)) {
        let words: Vec<_> = words.iter().filter_map(Value::as_str).collect();
        let words = words.join(", ");
        return Some(format!("`{name}` must be one of {words}, not {}", shown(value)));
    }
    let least = property.get("minimum").and_then(Value::as_i64)?;
    let given = value.as_i64().unwrap_or(i64::MAX);
    (given < least).then(|| format!("`{name}` must be at least {least}, not {given}"))
}

fn article(kind: &str) -> &'static str {
    match kind {
        "string" => "a text",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "array" => "a list",
        _ => "an object",
    }
}

fn shown(value: &Value) -> String {
    let text: String = value.to_string().chars().take(40).collect();
    format!("`{}`", text.escape_debug())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arguments_fit_their_schema_or_it_is_said_why() {
        let schema = json!({
            "properties": {
                "session": {"type": "string", "description": "an id or a name"},
                "limit": {"type": "integer", "minimum": 0},
                "metric": {"type": "string", "enum": ["count", "duration"]},
                "words": {"type": "array", "items": {"type": "string"}},
                "full": {"type": "boolean"},
                "labels": {"type": "object"},
            },
            "required": ["session"],
        });
        let schema = schema.as_object().unwrap();
        let says = |arguments: Value| check(schema, arguments.as_object().unwrap());
        assert_eq!(says(json!({"session": "a", "limit": 3, "metric": null})), Ok(()));
        assert_eq!(says(json!({"session": "a", "words": ["b"], "full": true})), Ok(()));
        for (arguments, want) in [
            (json!({}), "`session` is missing: an id or a name"),
            (json!({"session": null}), "`session` is missing"),
            (json!({"session": 7}), "`session` must be a text, not `7`"),
            (json!({"session": "a", "limit": -1}), "`limit` must be at least 0, not -1"),
            (json!({"session": "a", "limit": 1.5}), "`limit` must be a whole number, not `1.5`"),
            (json!({"session": "a", "metric": "x"}), "must be one of count, duration, not"),
            (json!({"session": "a", "words": ["b", 3]}), "`words[]` must be a text, not `3`"),
            (json!({"session": "a", "full": "yes"}), "`full` must be true or false"),
            (json!({"session": "a", "labels": []}), "`labels` must be an object"),
            (json!({"session": "a", "x\n": 1}), "`x\\n` is not known: the arguments are"),
        ] {
            let error = says(arguments).unwrap_err();
            assert!(error.contains(want), "{error}");
        }
        let none = json!({"properties": {}});
        let error = check(none.as_object().unwrap(), json!({"a": 1}).as_object().unwrap());
        assert!(error.unwrap_err().contains("takes no arguments"));
    }
}
