//! What is kept of texts and payloads: secrets masked, and cut at the settings' bound.
//!
//! The only place where what a hook was given becomes a part of an event: whatever the settings
//! keep private is left out here.

use serde_json::Value;
use wk_agents::privacy::Privacy;
use wk_mask::mask_text;
use wk_model::Excerpt;

use crate::config::Settings;

/// How excerpts are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Excerpts {
    /// Bytes of one excerpt.
    most: usize,
    keep: Privacy,
}

impl Excerpts {
    pub(super) fn new(settings: &Settings) -> Self {
        let most = usize::try_from(settings.hooks.max_payload).unwrap_or(usize::MAX);
        Self { most, keep: settings.privacy }
    }

    /// Of what somebody asked for.
    pub(super) fn prompt(&self, text: &str) -> Excerpt {
        self.text(text, self.keep.prompts)
    }

    /// Of what a tool was given.
    pub(super) fn input(&self, value: &Value) -> Excerpt {
        self.payload(value, self.keep.tool_input)
    }

    /// Of what a tool gave.
    pub(super) fn output(&self, value: &Value) -> Excerpt {
        self.payload(value, self.keep.tool_output)
    }

    /// Why a tool has failed: that is a part of what it gave.
    pub(super) fn error(&self, text: &str) -> Option<String> {
        self.keep.tool_output.then(|| self.message(text))
    }

    /// What a permission is wanted for: that tells what the tool is to do.
    pub(super) fn permission(&self, text: &str) -> Option<String> {
        self.keep.tool_input.then(|| self.message(text))
    }

    /// Nothing of what is not there.
    fn payload(&self, value: &Value, keep: bool) -> Excerpt {
        match value {
            // Without a text, it would be one that is kept private.
            Value::Null => self.text("", keep),
            Value::String(text) => self.text(text, keep),
            other => self.text(&other.to_string(), keep),
        }
    }

    fn message(&self, text: &str) -> String {
        let masked = mask_text(text);
        masked[..masked.floor_char_boundary(self.most.min(4096))].to_owned()
    }

    /// The whole object of a hook; its beginning as a text where it is too large.
    pub(super) fn hook(&self, value: &Value) -> Value {
        self.shortened(&self.keep.of_hook(value))
    }

    fn shortened(&self, value: &Value) -> Value {
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

    fn text(&self, text: &str, keep: bool) -> Excerpt {
        if !keep {
            return Excerpt { text: None, bytes: text.len() as u64 };
        }
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
        let excerpts = Excerpts { most: 64, keep: Privacy::default() };
        let excerpt = excerpts.prompt(&format!("use {SECRET} please"));
        assert!(!excerpt.text.unwrap().contains(SECRET));
        assert_eq!(excerpt.bytes, 11 + SECRET.len() as u64);
        let long = excerpts.input(&json!("é".repeat(1000)));
        assert_eq!((long.text.unwrap().len(), long.bytes), (64, 2000));
        assert_eq!(excerpts.input(&Value::Null), Excerpt { text: Some("".into()), bytes: 0 });
        assert!(!excerpts.message(SECRET).contains(SECRET));
    }

    #[test]
    fn a_hook_stays_an_object_as_long_as_it_is_short() {
        let excerpts = Excerpts { most: 200, keep: Privacy::default() };
        let hidden = excerpts.hook(&json!({"message": format!("token {SECRET}"), "n": 1}));
        assert_eq!(hidden["n"], 1);
        assert!(!hidden.to_string().contains(SECRET));
        assert!(excerpts.hook(&json!({"long": "x".repeat(500)})).is_string());
        assert_eq!(excerpts.hook(&json!("no JSON")), json!("no JSON"));
    }

    #[test]
    fn what_is_private_leaves_only_its_length() {
        let keep = |prompts, tool_input, tool_output, payloads| Excerpts {
            most: 200,
            keep: Privacy { prompts, tool_input, tool_output, payloads },
        };
        let none = keep(false, false, false, true);
        let nothing = |bytes| Excerpt { text: None, bytes };
        assert_eq!(none.prompt("abc"), nothing(3));
        assert_eq!(none.input(&json!({"a": 1})), nothing(7));
        assert_eq!(none.output(&json!("abcd")), nothing(4));
        assert_eq!((none.error("why"), none.permission("rm")), (None, None));
        assert!(keep(true, false, false, true).prompt("abc").text.is_some());
        assert!(keep(false, true, false, true).input(&json!(1)).text.is_some());
        assert!(keep(false, false, true, true).error("why").is_some());
        let hook = json!({"prompt": "p", "cwd": "/"});
        assert_eq!(none.hook(&hook), json!({"cwd": "/"}));
        assert_eq!(keep(true, true, true, false).hook(&hook), Value::Null);
    }
}
