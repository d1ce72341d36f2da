//! The last look before a file is written: nothing but our entries may differ.

use serde_json::Value;

use super::handler;
use crate::{agent::Agent, json::Dialect};

/// Whether two texts say the same, our entries and what is empty among hooks aside, and the
/// second is what its reader takes.
pub fn only_ours_differs(before: &str, after: &str, agent: Agent) -> bool {
    let (before, after) = (read(before, agent), read(after, agent));
    before.is_some() && before == after
}

fn read(text: &str, agent: Agent) -> Option<Value> {
    if super::is_blank(text) {
        return Some(Value::Object(serde_json::Map::new()));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let plain = match agent.dialect() {
        Dialect::Strict => text.to_owned(),
        Dialect::WithComments => without_comments(text),
    };
    let mut value = serde_json::from_str(&plain).ok()?;
    strip(&mut value);
    Some(value)
}

fn strip(root: &mut Value) {
    let Some(root) = root.as_object_mut() else { return };
    let Some(hooks) = root.get_mut("hooks").and_then(Value::as_object_mut) else { return };
    for groups in hooks.values_mut().filter_map(Value::as_array_mut) {
        groups.retain_mut(|group| {
            let Some(entries) = group.get_mut("hooks").and_then(Value::as_array_mut) else {
                return true;
            };
            entries.retain(|entry| handler::program_of(entry).is_none());
            !entries.is_empty()
        });
    }
    hooks.retain(|_, groups| groups.as_array().is_none_or(|groups| !groups.is_empty()));
    if hooks.is_empty() {
        root.remove("hooks");
    }
}

/// A text with blanks in place of its comments.
pub(super) fn without_comments(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let (mut at, mut in_string) = (0, false);
    while at < bytes.len() {
        let rest = &bytes[at..];
        let step = match (in_string, rest) {
            (true, [b'\\', _, ..]) => 2,
            (_, [b'"', ..]) => {
                in_string = !in_string;
                1
            }
            (false, [b'/', b'/', ..]) => {
                at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                plain.push(b' ');
                continue;
            }
            (false, [b'/', b'*', ..]) => {
                let end = rest.windows(2).skip(2).position(|pair| pair == b"*/");
                at += end.map_or(rest.len(), |end| end + 4);
                plain.push(b' ');
                continue;
            }
            _ => 1,
        };
        plain.extend_from_slice(&rest[..step]);
        at += step;
    }
    // Cut between characters only.
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_strings_stay() {
        for (text, want) in [
            ("{\"a\": \"// no\\\" // no\"} // yes", "{\"a\": \"// no\\\" // no\"}  "),
            ("[1, /* é */ 2]", "[1,   2]"),
            ("/*/ x */1", " 1"),
        ] {
            assert_eq!(without_comments(text), want);
        }
    }

    #[test]
    fn a_change_of_anything_else_is_seen() {
        let before = r#"{"a": 1, "hooks": {"Stop": []}}"#;
        let ours = r#"{"hooks": {"Stop": [{"hooks": [{"command": "wk-hook"}]}]}, "a": 1}"#;
        let other = r#"{"hooks": {"Stop": [{"hooks": [{"command": "wk-hook"}]}]}, "a": 2}"#;
        assert!(only_ours_differs(before, ours, Agent::Codex));
        assert!(!only_ours_differs(before, other, Agent::Codex));
        assert!(!only_ours_differs(before, "{", Agent::Codex));
    }
}
