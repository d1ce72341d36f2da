//! Our registrations in a text, and whether its hooks have the shape that agents expect.

use serde_json::Value;

use super::handler;
use crate::json::{Malformed, Node};

/// One registration of ours.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub event: String,
    pub matcher: Option<String>,
    /// What it calls.
    pub program: String,
    pub(super) handler: Value,
}

/// Finds them; refuses a text in which hooks are something else than agents read.
pub(super) fn find(text: &str, root: &Node) -> Result<Vec<Found>, Malformed> {
    let mut found = Vec::new();
    for event in events(text, root)? {
        for group in event.groups {
            for entry in entries(group) {
                let handler = value(text, entry);
                let Some(program) = handler::program_of(&handler) else { continue };
                let matcher = group.get("matcher").and_then(|member| member.value.text());
                let matcher = matcher.map(str::to_owned);
                found.push(Found { event: event.name.to_owned(), matcher, program, handler });
            }
        }
    }
    Ok(found)
}

/// One event's groups.
pub(super) struct Event<'a> {
    pub name: &'a str,
    pub groups: Vec<&'a Node>,
}

/// The events of a text that count.
pub(super) fn events<'a>(text: &str, root: &'a Node) -> Result<Vec<Event<'a>>, Malformed> {
    let Some(hooks) = hooks(text, root)? else { return Ok(Vec::new()) };
    let mut events = Vec::new();
    for (index, member) in hooks.members().iter().enumerate() {
        let overridden = hooks.members()[index + 1..].iter().any(|other| other.key == member.key);
        // Gemini has had switches among them.
        if overridden || !member.value.is_array() {
            continue;
        }
        let groups = member.value.items().iter().map(|item| &item.value).collect();
        events.push(Event { name: &member.key, groups });
    }
    Ok(events)
}

/// What is below `hooks`; none where there is no such key.
pub(super) fn hooks<'a>(text: &str, root: &'a Node) -> Result<Option<&'a Node>, Malformed> {
    if !root.is_object() {
        let what = format!("settings are an object, not {}", root.kind_name());
        return Err(Malformed::at(text, root.span.start, what));
    }
    let Some(hooks) = root.get("hooks") else { return Ok(None) };
    if !hooks.value.is_object() {
        let what = format!("`hooks` is {}, not an object", hooks.value.kind_name());
        return Err(Malformed::at(text, hooks.value.span.start, what));
    }
    Ok(Some(&hooks.value))
}

/// The entries of a group.
pub(super) fn entries(group: &Node) -> impl Iterator<Item = &Node> {
    let items = group.get("hooks").map(|member| member.value.items()).unwrap_or_default();
    items.iter().map(|item| &item.value)
}

/// Whether an entry calls our program.
pub(super) fn is_ours(text: &str, entry: &Node) -> bool {
    handler::program_of(&value(text, entry)).is_some()
}

/// A part of a text, comments within it aside.
fn value(text: &str, node: &Node) -> Value {
    let whole = super::check::without_comments(&text[node.span.clone()]);
    serde_json::from_str(&whole).unwrap_or_default()
}
