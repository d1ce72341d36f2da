//! What of agents' words is kept.

use std::borrow::Cow;

use serde_json::Value;

/// What people have asked for, were asked, or were told.
const PROMPTS: [&str; 5] =
    ["prompt", "prompt_response", "last_assistant_message", "message", "humanInTheLoop"];
const INPUTS: [&str; 2] = ["tool_input", "tool_calls"];
const OUTPUTS: [&str; 3] = ["tool_response", "tool_output", "error"];
/// Whole talks, with what tools were given and gave.
const ALL: [&str; 2] = ["chat", "summary"];

/// What is kept; how long it was is always known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Privacy {
    pub prompts: bool,
    pub tool_input: bool,
    pub tool_output: bool,
    /// Of all other hooks.
    pub payloads: bool,
}

impl Default for Privacy {
    fn default() -> Self {
        Self { prompts: true, tool_input: true, tool_output: true, payloads: true }
    }
}

impl Privacy {
    /// Whether nothing is private.
    pub fn keeps_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a part of a hook is private, by its name.
    pub fn hides(&self, key: &str) -> bool {
        let talks = self.prompts && self.tool_input && self.tool_output;
        (!self.prompts && PROMPTS.contains(&key))
            || (!self.tool_input && INPUTS.contains(&key))
            || (!self.tool_output && OUTPUTS.contains(&key))
            || (!talks && ALL.contains(&key))
    }

    /// What is kept of a hook's object; of what has no structure, which may say anything, nothing
    /// where something is private.
    pub fn of_hook<'a>(&self, value: &'a Value) -> Cow<'a, Value> {
        if self.keeps_all() {
            return Cow::Borrowed(value);
        }
        let Value::Object(whole) = value else { return Cow::Owned(Value::Null) };
        if !self.payloads {
            return Cow::Owned(Value::Null);
        }
        let kept = whole.iter().filter(|(key, _)| !self.hides(key));
        Cow::Owned(Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_private_is_left_out() {
        let keep = |prompts, tool_input, tool_output, payloads| Privacy {
            prompts,
            tool_input,
            tool_output,
            payloads,
        };
        let hook = json!({"prompt": "p", "tool_input": 1, "tool_response": 2, "cwd": "/"});
        let none = keep(false, false, false, true);
        assert_eq!(*none.of_hook(&hook), json!({"cwd": "/"}));
        assert_eq!(*none.of_hook(&json!("p")), Value::Null);
        assert_eq!(*keep(true, true, true, false).of_hook(&hook), Value::Null);
        assert_eq!(*Privacy::default().of_hook(&hook), hook);
        // A talk holds all three.
        for one in [
            keep(false, true, true, true),
            keep(true, false, true, true),
            keep(true, true, false, true),
        ] {
            assert!(one.hides("chat") && one.hides("summary"));
        }
        assert!(!Privacy::default().hides("chat") && none.hides("humanInTheLoop"));
    }
}
