//! What senders send: one event, or a list of them.

use serde_json::{Map, Value};

/// Events in one request.
const MOST_EVENTS: usize = 10_000;

/// Bytes of a name; longer ones are no names.
const LONGEST: usize = 256;

/// One event, as it came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Incoming {
    pub(crate) source_app: String,
    pub(crate) session_id: String,
    pub(crate) kind: String,
    /// All of it.
    pub(crate) object: Map<String, Value>,
    /// Its length.
    pub(crate) bytes: u64,
}

/// Why a request holds no events.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadEvents {
    /// Senders look for these words.
    #[error("Missing required fields")]
    Missing,
    #[error("{0}")]
    Wrong(String),
    #[error("a request holds at most {MOST_EVENTS} events")]
    Many,
}

/// Reads a request; true: it was a list.
pub(crate) fn read(body: &[u8]) -> Result<(Vec<Incoming>, bool), BadEvents> {
    let value = serde_json::from_slice::<Value>(body)
        .map_err(|error| BadEvents::Wrong(format!("the request body is wrong: {error}")))?;
    match value {
        Value::Array(values) if values.len() > MOST_EVENTS => Err(BadEvents::Many),
        Value::Array(values) => {
            // What a list holds beside its events is little.
            let bytes = body.len() as u64 / (values.len() as u64).max(1);
            let events = values.into_iter().map(|value| event(value, bytes));
            Ok((events.collect::<Result<_, _>>()?, true))
        }
        value => Ok((vec![event(value, body.len() as u64)?], false)),
    }
}

fn event(value: Value, bytes: u64) -> Result<Incoming, BadEvents> {
    let Value::Object(object) = value else { return Err(BadEvents::Missing) };
    if object.get("payload").is_none_or(Value::is_null) {
        return Err(BadEvents::Missing);
    }
    Ok(Incoming {
        source_app: name(&object, "source_app")?,
        session_id: name(&object, "session_id")?,
        kind: name(&object, "hook_event_type")?,
        bytes,
        object,
    })
}

fn name(object: &Map<String, Value>, key: &str) -> Result<String, BadEvents> {
    let text = match object.get(key) {
        None | Some(Value::Null) => return Err(BadEvents::Missing),
        Some(Value::String(text)) if text.is_empty() => return Err(BadEvents::Missing),
        Some(Value::String(text)) => text,
        Some(_) => return Err(BadEvents::Wrong(format!("`{key}` must be a string"))),
    };
    if text.len() > LONGEST || text.chars().any(char::is_control) {
        let detail = format!("`{key}` must have at most {LONGEST} bytes, no control characters");
        return Err(BadEvents::Wrong(detail));
    }
    Ok(text.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn good() -> Value {
        json!({
            "source_app": "board", "session_id": "s-1", "hook_event_type": "PreToolUse",
            "payload": { "tool_name": "Bash" }, "summary": "…",
        })
    }

    fn told(value: &Value) -> Result<(Vec<Incoming>, bool), BadEvents> {
        read(value.to_string().as_bytes())
    }

    #[test]
    fn one_event_and_a_list_are_read() {
        let (events, list) = told(&good()).unwrap();
        assert!(!list && events.len() == 1);
        assert_eq!((events[0].session_id.as_str(), events[0].kind.as_str()), ("s-1", "PreToolUse"));
        assert_eq!(events[0].bytes, good().to_string().len() as u64);
        let (events, list) = told(&json!([good(), good()])).unwrap();
        assert!(list && events.len() == 2);
        assert_eq!(told(&json!([])).unwrap(), (Vec::new(), true));
    }

    #[test]
    fn what_is_missing_or_wrong_is_said() {
        for key in ["source_app", "session_id", "hook_event_type", "payload"] {
            for bad in [None, Some(Value::Null)] {
                let mut value = good();
                match bad {
                    None => value.as_object_mut().unwrap().remove(key),
                    Some(bad) => value.as_object_mut().unwrap().insert(key.into(), bad),
                };
                assert_eq!(told(&value), Err(BadEvents::Missing), "{key}");
                assert_eq!(told(&json!([good(), value])), Err(BadEvents::Missing), "{key}");
            }
        }
        for bad in [json!(7), json!(["x"]), json!("a\nb"), json!("a\0"), json!("x".repeat(1 << 20))]
        {
            let mut value = good();
            value["session_id"] = bad.clone();
            assert!(matches!(told(&value), Err(BadEvents::Wrong(_))), "{bad}");
        }
        for bad in [json!(7), json!("x"), Value::Null, json!([7])] {
            assert_eq!(told(&bad), Err(BadEvents::Missing), "{bad}");
        }
        let many = Value::Array(vec![json!(1); MOST_EVENTS + 1]);
        assert_eq!(told(&many), Err(BadEvents::Many));
    }

    #[test]
    fn what_is_no_json_or_too_deep_is_refused() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let half = &good().to_string()[..20];
        for bad in ["", "{", half, "nonsense", &deep, "\u{0}", "{\"a\":1}{\"b\":2}"] {
            assert!(matches!(read(bad.as_bytes()), Err(BadEvents::Wrong(_))), "{bad:.30}");
        }
        assert!(matches!(read(b"\"\xff\xfe\""), Err(BadEvents::Wrong(_))));
    }
}
