//! What is kept of texts and payloads: secrets masked, and cut at the settings' bound.
//!
//! The only place where what an agent sent becomes a part of an event: whatever the settings
//! keep private is to be left out here.

use serde_json::Value;
use wk_mask::mask_text;
use wk_model::Excerpt;

use crate::config::Settings;

/// How excerpts are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Excerpts {
    /// Bytes of one excerpt.
    most: usize,
}

impl Excerpts {
    pub(super) fn new(settings: &Settings) -> Self {
        Self { most: usize::try_from(settings.hooks.max_payload).unwrap_or(usize::MAX) }
    }

    /// Of what somebody asked for.
    pub(super) fn prompt(&self, text: &str) -> Excerpt {
        self.text(text)
    }

    /// Of what a tool was given, or gave; empty where that is nothing.
    pub(super) fn payload(&self, value: &Value) -> Excerpt {
        match value {
            // Without a text, it would be one that is kept private.
            Value::Null => self.text(""),
            Value::String(text) => self.text(text),
            other => self.text(&other.to_string()),
        }
    }

    /// A short message, e.g. of an error.
    pub(super) fn message(&self, text: &str) -> String {
        let masked = mask_text(text);
        masked[..masked.floor_char_boundary(self.most.min(4096))].to_owned()
    }

    /// The whole object of a hook; its beginning as a text where it is too large.
    pub(super) fn hook(&self, value: &Value) -> Value {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let masked = mask_text(&text);
        if masked.len() <= self.most && !value.is_string() {
            // A mask that hides more than a string's inside leaves no JSON.
            if let Ok(masked) = serde_json::from_str(&masked) {
                return masked;
            }
        }
        Value::String(masked[..masked.floor_char_boundary(self.most)].to_owned())
    }

    fn text(&self, text: &str) -> Excerpt {
        let masked = mask_text(text);
        let cut = &masked[..masked.floor_char_boundary(self.most)];
        Excerpt { text: Some(cut.to_owned()), bytes: text.len() as u64 }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: &str = "ghp_0123456789abcdefghijABCDEFGHIJ012345";

    #[test]
    fn secrets_are_masked_and_lengths_are_kept() {
        let excerpts = Excerpts { most: 64 };
        let excerpt = excerpts.prompt(&format!("use {SECRET} please"));
        assert!(!excerpt.text.unwrap().contains(SECRET));
        assert_eq!(excerpt.bytes, 11 + SECRET.len() as u64);
        let long = excerpts.payload(&json!("é".repeat(1000)));
        assert_eq!((long.text.unwrap().len(), long.bytes), (64, 2000));
        assert_eq!(excerpts.payload(&Value::Null), Excerpt { text: Some("".into()), bytes: 0 });
        assert!(!excerpts.message(SECRET).contains(SECRET));
    }

    #[test]
    fn a_hook_stays_an_object_as_long_as_it_is_short() {
        let excerpts = Excerpts { most: 200 };
        let hidden = excerpts.hook(&json!({"message": format!("token {SECRET}"), "n": 1}));
        assert_eq!(hidden["n"], 1);
        assert!(!hidden.to_string().contains(SECRET));
        assert!(excerpts.hook(&json!({"long": "x".repeat(500)})).is_string());
        assert_eq!(excerpts.hook(&json!("no JSON")), json!("no JSON"));
    }
}
