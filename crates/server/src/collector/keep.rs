//! What is kept of an event: secrets masked, and no more than a bound.

use serde_json::{Map, Value};
use wk_agents::privacy::Privacy;
use wk_mask::mask_text;
use wk_model::Time;

/// What senders must send: it is kept in any case.
const REQUIRED: [&str; 4] = ["source_app", "session_id", "hook_event_type", "timestamp"];

/// What is kept of a value that is too large.
const EXCERPT: usize = 1024;

/// Values that are looked at one by one, largest first.
const ROUNDS: usize = 16;

/// An event in both forms in which it is kept.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text {
    pub(super) payload: Value,
    /// The same, as text.
    pub(super) text: String,
}

/// Leaves out what is private, masks and cuts the rest; an event that does not say when it was,
/// was now.
pub(super) fn text(
    mut object: Map<String, Value>,
    now: Time,
    most: usize,
    privacy: Privacy,
) -> Text {
    // Ids are ours to give.
    object.remove("id");
    if !privacy.keeps_all() {
        leave_out(&mut object, privacy);
    }
    if !object.get("timestamp").is_some_and(Value::is_number) {
        object.insert("timestamp".into(), now.as_millis().into());
    }
    let mut value = Value::Object(object);
    let mut text = value.to_string();
    if text.len() > most {
        value = Value::Object(cut(value, most));
        text = value.to_string();
    }
    let masked = mask_text(&text);
    if masked == text {
        return Text { payload: value, text };
    }
    match serde_json::from_str(&masked) {
        Ok(payload) => Text { payload, text: masked.into_owned() },
        // A mask that hides more than the inside of a string leaves no JSON.
        Err(_) => {
            let payload = mask_strings(value);
            let text = payload.to_string();
            Text { payload, text }
        }
    }
}

/// Leaves out what is private, wherever senders put it.
fn leave_out(object: &mut Map<String, Value>, privacy: Privacy) {
    if !privacy.payloads {
        object.retain(|key, _| REQUIRED.contains(&key.as_str()));
        object.insert("payload".into(), Value::Object(Map::new()));
        return;
    }
    object.retain(|key, _| !privacy.hides(key));
    if let Some(payload) = object.get_mut("payload") {
        *payload = match privacy.of_hook(payload).into_owned() {
            Value::Null => Value::Object(Map::new()),
            kept => kept,
        };
    }
}

fn mask_strings(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(mask_text(&text).into_owned()),
        Value::Array(values) => Value::Array(values.into_iter().map(mask_strings).collect()),
        Value::Object(object) => {
            let entries = object.into_iter();
            let masked =
                entries.map(|(key, value)| (mask_text(&key).into_owned(), mask_strings(value)));
            Value::Object(masked.collect())
        }
        other => other,
    }
}

/// Puts the beginnings of the largest values in their places, until the rest fits.
fn cut(value: Value, most: usize) -> Map<String, Value> {
    let Value::Object(mut object) = value else { return Map::new() };
    let mut sizes: Vec<_> =
        object.iter().map(|(key, value)| (length(key, value), key.clone())).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    let mut total: usize = 2 + sizes.iter().map(|(size, _)| size).sum::<usize>();
    for (size, key) in sizes.iter().take(ROUNDS) {
        if total <= most || *size <= EXCERPT {
            break;
        }
        let Some(value) = object.get_mut(key) else { continue };
        let excerpt = Value::String(beginning(value));
        total = total - size + length(key, &excerpt);
        *value = excerpt;
    }
    if total > most {
        // Very many small values, or keys that are texts.
        object.retain(|key, _| REQUIRED.contains(&key.as_str()));
        object.insert("payload".into(), Value::String("(too many fields)".into()));
    }
    object
}

/// What an entry of an object takes, as text.
fn length(key: &str, value: &Value) -> usize {
    Value::from(key).to_string().len() + value.to_string().len() + 2
}

fn beginning(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    format!("{}… ({} bytes)", &text[..text.floor_char_boundary(EXCERPT)], text.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: &str = "ghp_0123456789abcdefghijABCDEFGHIJ012345";

    fn kept(value: Value, most: usize) -> Value {
        let Value::Object(object) = value else { panic!("an object") };
        let kept = text(object, Time::from_millis(5), most, Privacy::default());
        assert_eq!(serde_json::from_str::<Value>(&kept.text).unwrap(), kept.payload);
        kept.payload
    }

    #[test]
    fn an_event_is_kept_whole_and_says_when_it_was() {
        let event = json!({ "source_app": "a", "payload": { "x": [1, "é\0"] }, "id": 7 });
        let want = json!({ "source_app": "a", "payload": { "x": [1, "é\0"] }, "timestamp": 5 });
        assert_eq!(kept(event, 1000), want);
        assert_eq!(kept(json!({ "timestamp": 9 }), 1000), json!({ "timestamp": 9 }));
        assert_eq!(kept(json!({ "timestamp": "x" }), 1000), json!({ "timestamp": 5 }));
    }

    #[test]
    fn what_is_private_is_not_kept_wherever_it_stands() {
        let event = json!({
            "session_id": "s", "summary": "mine", "chat": ["mine"], "tool_input": { "a": "mine" },
            "humanInTheLoop": { "question": "mine" },
            "payload": { "prompt": "mine", "tool_response": "mine", "cwd": "/" },
        });
        let none =
            Privacy { prompts: false, tool_input: false, tool_output: false, payloads: true };
        let kept = |event: &Value, privacy| {
            text(event.as_object().unwrap().clone(), Time::from_millis(5), 1000, privacy).payload
        };
        let want = json!({ "session_id": "s", "payload": { "cwd": "/" }, "timestamp": 5 });
        assert_eq!(kept(&event, none), want);
        let want = json!({ "session_id": "s", "payload": {}, "timestamp": 5 });
        assert_eq!(kept(&event, Privacy { payloads: false, ..none }), want);
        assert_eq!(kept(&event, Privacy { payloads: false, ..Privacy::default() }), want);
        assert_eq!(kept(&json!({ "session_id": "s", "payload": "mine" }), none), want);
    }

    #[test]
    fn secrets_are_masked() {
        for event in [
            json!({ "payload": { "command": format!("use {SECRET} now") } }),
            json!({ "payload": { "password": "hunter2hunter2" } }),
            json!({ "payload": format!("a \"quoted\" {SECRET}") }),
        ] {
            let shown = kept(event, 10_000).to_string();
            assert!(!shown.contains(SECRET) && !shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn what_is_too_large_is_cut_where_it_is_largest() {
        let event = json!({
            "source_app": "a", "session_id": "s", "hook_event_type": "Stop",
            "payload": { "text": "é".repeat(100_000) }, "chat": vec!["x"; 100], "summary": "short",
        });
        let cut = kept(event, 4096);
        assert_eq!((&cut["summary"], &cut["chat"][99]), (&json!("short"), &json!("x")));
        let payload = cut["payload"].as_str().unwrap();
        assert!(
            payload.starts_with("{\"text\":\"éé") && payload.ends_with("(200011 bytes)"),
            "{payload}"
        );
        assert!(cut.to_string().len() <= 4096);
    }

    #[test]
    fn even_very_many_fields_are_bounded() {
        let mut event = json!({ "source_app": "a", "session_id": "s", "hook_event_type": "Stop" });
        for number in 0..10_000 {
            event[format!("key{number}")] = json!("some value");
        }
        event["payload"] = json!({});
        let cut = kept(event, 4096);
        assert!(cut.to_string().len() <= 4096 && cut["session_id"] == "s", "{cut}");
    }
}
