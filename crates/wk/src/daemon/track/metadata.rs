//! Secrets are hidden in what clients tell of themselves.

use serde_json::{Map, Value};
use wk_mask::mask_text;

/// What is said at the start: the user's home has no field of its own in a session.
pub(super) fn of_start(metadata: &Map<String, Value>, home: Option<String>) -> Map<String, Value> {
    let mut metadata = mask(metadata);
    if let Some(home) = home {
        metadata.entry("user_home").or_insert(Value::String(home));
    }
    metadata
}

pub(super) fn mask(metadata: &Map<String, Value>) -> Map<String, Value> {
    metadata.iter().map(|(name, value)| (name.clone(), mask_value(value))).collect()
}

/// No deeper than the reader of JSON goes.
fn mask_value(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(mask_text(text).into_owned()),
        Value::Array(values) => Value::Array(values.iter().map(mask_value).collect()),
        Value::Object(object) => Value::Object(mask(object)),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_hidden_at_any_depth() {
        let secret = format!("ghp_{}", "a1B2".repeat(9));
        let told = json!({"a": {"b": [secret.clone(), 7]}, "adapters": ["prefect"]});
        let masked = Value::Object(mask(told.as_object().unwrap()));
        assert!(!masked.to_string().contains(&secret), "{masked}");
        assert_eq!(masked["adapters"], json!(["prefect"]));
        assert_eq!(masked["a"]["b"][1], json!(7));
    }
}
