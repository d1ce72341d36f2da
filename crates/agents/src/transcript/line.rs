//! One line of a transcript.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

/// Tokens, and what they cost where the agent says so. What is read from a cache is no input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_creation: u64,
    pub nano_dollars: u64,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A message by a hash of its name, and what it took.
    Message {
        id: Option<u64>,
        usage: Usage,
        model: Option<String>,
    },
    /// What all has come to so far.
    Total {
        usage: Usage,
    },
    Model(String),
}

impl Usage {
    fn each(self, other: Self, join: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            input: join(self.input, other.input),
            output: join(self.output, other.output),
            cache_read: join(self.cache_read, other.cache_read),
            cache_creation: join(self.cache_creation, other.cache_creation),
            nano_dollars: join(self.nano_dollars, other.nano_dollars),
        }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        self.each(other, u64::saturating_add)
    }

    pub(super) fn minus(self, other: Self) -> Self {
        self.each(other, u64::saturating_sub)
    }

    pub(super) fn largest(self, other: Self) -> Self {
        self.each(other, u64::max)
    }
}

/// Reads a line; most say nothing of tokens, and are not looked at closely.
pub(super) fn read(line: &[u8], say: &mut impl FnMut(Said)) {
    let Ok(text) = std::str::from_utf8(line) else { return };
    let concerns = ["\"usage\"", "\"token_count\"", "\"turn_context\"", "\"tokens\""];
    if !concerns.iter().any(|word| text.contains(word)) {
        return;
    }
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    match value["type"].as_str() {
        Some("assistant") => claude(&value, say),
        Some("event_msg") => codex(&value["payload"], say),
        Some("turn_context") => {
            if let Some(model) = model(&value["payload"]) {
                say(Said::Model(model));
            }
        }
        Some("gemini") => gemini(&value, say),
        // Gemini CLI's checkpoints.
        None => {
            let batches = [&value["messages"], &value["$set"]["messages"]];
            for message in batches.into_iter().filter_map(Value::as_array).flatten() {
                if message["type"] == "gemini" {
                    gemini(message, say);
                }
            }
        }
        Some(_) => {}
    }
}

fn claude(value: &Value, say: &mut impl FnMut(Said)) {
    let message = &value["message"];
    let usage = &message["usage"];
    let model = model(message);
    // It makes messages up where something has failed.
    if !usage.is_object() || model.as_deref() == Some("<synthetic>") {
        return;
    }
    let usage = Usage {
        input: count(&usage["input_tokens"]),
        output: count(&usage["output_tokens"]),
        cache_read: count(&usage["cache_read_input_tokens"]),
        cache_creation: count(&usage["cache_creation_input_tokens"]),
        nano_dollars: nano(&value["costUSD"]),
    };
    say(Said::Message { id: name(&message["id"]), usage, model });
}

fn codex(payload: &Value, say: &mut impl FnMut(Said)) {
    let total = &payload["info"]["total_token_usage"];
    if payload["type"] != "token_count" || !total.is_object() {
        return;
    }
    let cached = count(&total["cached_input_tokens"]);
    let usage = Usage {
        input: count(&total["input_tokens"]).saturating_sub(cached),
        output: count(&total["output_tokens"]),
        cache_read: cached,
        ..Usage::default()
    };
    say(Said::Total { usage });
}

fn gemini(message: &Value, say: &mut impl FnMut(Said)) {
    let tokens = &message["tokens"];
    if !tokens.is_object() {
        return;
    }
    let cached = count(&tokens["cached"]);
    let asked = count(&tokens["input"]).saturating_add(count(&tokens["tool"]));
    let usage = Usage {
        input: asked.saturating_sub(cached),
        output: count(&tokens["output"]).saturating_add(count(&tokens["thoughts"])),
        cache_read: cached,
        ..Usage::default()
    };
    say(Said::Message { id: name(&message["id"]), usage, model: model(message) });
}

fn model(value: &Value) -> Option<String> {
    let model = value["model"].as_str()?;
    let model: String = model.chars().filter(|letter| !letter.is_control()).take(100).collect();
    (!model.is_empty()).then_some(model)
}

fn count(value: &Value) -> u64 {
    // More than this nobody has: sums stay sums.
    value.as_u64().unwrap_or(0).min(1 << 50)
}

fn nano(value: &Value) -> u64 {
    let dollars = value.as_f64().filter(|dollars| (0.0..1e6).contains(dollars)).unwrap_or(0.0);
    (dollars * 1e9).round() as u64
}

fn name(value: &Value) -> Option<u64> {
    let name = value.as_str().filter(|name| !name.is_empty())?;
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    Some(hasher.finish())
}
