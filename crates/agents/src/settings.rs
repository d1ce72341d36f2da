//! Changing an agent's settings without touching what is not ours.
//!
//! ```text
//! {"hooks": {"Event": [{"matcher": "…", "hooks": [{"type": "command", "command": …}]}]}}
//! ```
//!
//! A text is changed by putting pieces into it, and by cutting out exactly those: order,
//! formatting, comments and keys that nobody knows stay as they are. What is ours is known by
//! the program that it calls, since agents drop keys that they do not know.

mod check;
mod found;
mod handler;
mod insert;
mod piece;
mod record;
mod remove;

use crate::{
    agent::{Agent, Registration},
    json::{Malformed, Node},
};

pub use check::only_ours_differs;
pub use found::Found;
pub use record::{Insertion, Record, checksum};

/// What `wk-hook`'s file is called, wherever it lies.
pub const PROGRAM: &str = "wk-hook";

/// A text with hooks registered in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    pub text: String,
    /// How to take them out again.
    pub record: Record,
}

/// Our registrations in a text.
pub fn look(text: &str, agent: Agent) -> Result<Vec<Found>, Malformed> {
    if is_blank(text) {
        return Ok(Vec::new());
    }
    let root = Node::parse(text, agent.dialect())?;
    found::find(text, &root)
}

/// Registers hooks in a text that has none of ours.
pub fn install(
    text: &str,
    agent: Agent,
    hooks: &[Registration],
    program: &str,
) -> Result<Installed, Malformed> {
    let insertions = match is_blank(text) {
        true => insert::into_nothing(text, agent, hooks, program),
        false => insert::plan(text, &Node::parse(text, agent.dialect())?, agent, hooks, program)?,
    };
    let record = Record::new(text, insertions, insert::made(text, agent));
    Ok(Installed { text: record.apply(text), record })
}

/// Takes our registrations out of a text: exactly what was put in where the text is as it was
/// left, else all that calls our program, and what that leaves empty.
pub fn remove(text: &str, agent: Agent, record: Option<&Record>) -> Result<String, Malformed> {
    if let Some(before) = record.and_then(|record| record.undo(text)) {
        return Ok(before);
    }
    if is_blank(text) {
        return Ok(text.to_owned());
    }
    let root = Node::parse(text, agent.dialect())?;
    found::find(text, &root)?;
    Ok(remove::cut(text, &root, record))
}

/// Whether the registrations in a text are exactly these.
pub fn is_installed(found: &[Found], hooks: &[Registration], agent: Agent, program: &str) -> bool {
    found.len() == hooks.len()
        && hooks.iter().all(|hook| {
            let wanted = handler::of(agent, hook, program).compact();
            let matcher = hook.of_tools.then_some(handler::ALL_TOOLS);
            let is_it = |found: &Found| {
                found.event == hook.event
                    && found.matcher.as_deref() == matcher
                    && handler::same(&found.handler, &wanted, agent)
            };
            found.iter().any(is_it)
        })
}

fn is_blank(text: &str) -> bool {
    text.chars().all(|letter| matches!(letter, ' ' | '\t' | '\n' | '\r'))
}

#[cfg(test)]
mod tests;
