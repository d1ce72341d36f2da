//! What of agents' words is kept.

use serde_json::Value;

/// What people have asked for, or were told.
const PROMPTS: [&str; 6] =
    ["prompt", "prompt_response", "last_assistant_message", "message", "chat", "summary"];
const INPUTS: [&str; 2] = ["tool_input", "tool_calls"];
const OUTPUTS: [&str; 3] = ["tool_response", "tool_output", "error"];

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
    /// Whether a part of a hook is private, by its name.
    pub fn hides(&self, key: &str) -> bool {
        (!self.prompts && PROMPTS.contains(&key))
            || (!self.tool_input && INPUTS.contains(&key))
            || (!self.tool_output && OUTPUTS.contains(&key))
    }

    /// What is kept of a hook's object; of what has no structure, which may say anything, nothing
    /// where something is private.
    pub fn of_hook(&self, value: &Value) -> Value {
        if !self.payloads {
            return Value::Null;
        }
        if self.prompts && self.tool_input && self.tool_output {
            return value.clone();
        }
        let Value::Object(whole) = value else { return Value::Null };
        let kept = whole.iter().filter(|(key, _)| !self.hides(key));
        Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
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
        assert_eq!(none.of_hook(&hook), json!({"cwd": "/"}));
        assert_eq!(none.of_hook(&json!("p")), Value::Null);
        assert_eq!(keep(true, true, true, false).of_hook(&hook), Value::Null);
        assert_eq!(Privacy::default().of_hook(&hook), hook);
        assert!(keep(false, true, true, true).hides("chat") && !Privacy::default().hides("chat"));
    }
}
