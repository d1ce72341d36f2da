//! Fields of an object that may hold anything.

use serde_json::{Map, Value};

/// Names and ids are cut here.
const WORD: usize = 256;

/// Messages are cut here.
const SENTENCE: usize = 4096;

/// An object, or what came in its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(pub(super) Option<&'a Map<String, Value>>);

impl<'a> Fields<'a> {
    pub(super) fn of(value: &'a Value) -> Self {
        Self(value.as_object())
    }

    pub(super) fn get(self, name: &str) -> Option<&'a Value> {
        self.0?.get(name).filter(|value| !value.is_null())
    }

    /// A name or an id; a number will do.
    pub(super) fn word(self, name: &str) -> Option<String> {
        let text = match self.get(name)? {
            Value::String(text) => cut(text, WORD),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    /// A message for people; what is no text is shown as JSON.
    pub(super) fn sentence(self, name: &str) -> Option<String> {
        let text = match self.get(name)? {
            Value::String(text) => cut(text, SENTENCE),
            other => cut(&other.to_string(), SENTENCE),
        };
        (!text.is_empty()).then_some(text)
    }

    pub(super) fn flag(self, name: &str) -> bool {
        self.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(super) fn object(self, name: &str) -> Self {
        Self(self.get(name).and_then(Value::as_object))
    }

    /// Milliseconds, whole or with a fraction.
    pub(super) fn millis(self, name: &str) -> Option<u64> {
        let value = self.get(name)?;
        value.as_u64().or_else(|| {
            let float = value.as_f64().filter(|ms| (0.0..1e15).contains(ms))?;
            Some(float as u64)
        })
    }
}

/// A text of at most so many bytes, without what no text should hold.
fn cut(text: &str, most: usize) -> String {
    let text = &text[..text.floor_char_boundary(most)];
    text.chars().map(|c| if c == '\0' { '\u{fffd}' } else { c }).collect()
}
