//! What is wrong with what a client sent, field by field.

use std::fmt;

/// Of so many fields it is said; nobody mends more at once.
const MAX_FAULTS: usize = 8;

/// Why a report was not taken; one sentence for each field: what is wrong, and what to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<String>);

impl std::error::Error for Faults {}

impl Faults {
    pub(super) fn add(&mut self, field: &str, what: impl fmt::Display) {
        self.0.push(format!("`{field}` {what}"));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One sentence for each field.
    pub fn sentences(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().take(MAX_FAULTS).enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{fault}")?;
        }
        match self.0.len().saturating_sub(MAX_FAULTS) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// A value as it is shown to whoever sent it: not all of it, and nothing that moves a cursor.
pub(super) fn shown(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => format!("`{}`", shown_text(text)),
        serde_json::Value::Array(_) => "a list".into(),
        serde_json::Value::Object(_) => "an object".into(),
        other => format!("`{other}`"),
    }
}

pub(super) fn shown_text(text: &str) -> String {
    let head: String = text.chars().take(40).collect();
    let more = if head.len() < text.len() { "…" } else { "" };
    format!("{}{more}", head.escape_debug())
}
