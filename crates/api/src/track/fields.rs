//! Reads fields of a JSON object, and notes all that is wrong.

use serde_json::{Map, Value};
use wk_model::Time;

use super::fault::{Faults, shown, shown_text};

/// The bytes that `metadata` may have.
const MAX_METADATA: usize = 16 << 10;

/// An object that is read field by field.
pub(super) struct Fields<'a> {
    /// Before the names of its fields, in sentences.
    prefix: &'static str,
    object: Option<&'a Map<String, Value>>,
    pub(super) faults: Faults,
}

impl<'a> Fields<'a> {
    pub(super) fn of(value: &'a Value) -> Self {
        let mut faults = Faults::default();
        if !value.is_object() {
            faults.add("arguments", format!("must be an object, not {}", shown(value)));
        }
        Self { prefix: "", object: value.as_object(), faults }
    }

    fn add(&mut self, field: &str, what: impl std::fmt::Display) {
        self.faults.add(&format!("{}{field}", self.prefix), what);
    }

    /// Null is as good as absent.
    fn get(&self, field: &str) -> Option<&'a Value> {
        self.object?.get(field).filter(|value| !value.is_null())
    }

    fn needed(&mut self, field: &str, what: &str) -> Option<&'a Value> {
        let value = self.get(field);
        if value.is_none() && self.object.is_some() {
            self.add(field, format!("is missing: {what}"));
        }
        value
    }

    /// Reads the fields of an object in it.
    pub(super) fn within<T: Default>(
        &mut self,
        field: &str,
        prefix: &'static str,
        read: impl FnOnce(&mut Fields<'a>) -> T,
    ) -> T {
        let Some(value) = self.needed(field, "send an object") else { return T::default() };
        let Some(object) = value.as_object() else {
            self.add(field, format!("must be an object, not {}", shown(value)));
            return T::default();
        };
        let faults = std::mem::take(&mut self.faults);
        let mut inner = Fields { prefix, object: Some(object), faults };
        let read = read(&mut inner);
        self.faults = inner.faults;
        read
    }

    /// A text of one line that must be there.
    pub(super) fn text(&mut self, field: &str, longest: usize) -> String {
        match self.needed(field, &format!("send a text of 1 to {longest} characters")) {
            Some(value) => self.check_text(field, value, longest).unwrap_or_default(),
            None => String::new(),
        }
    }

    /// The same, where it is given and not empty.
    pub(super) fn optional_text(&mut self, field: &str, longest: usize) -> Option<String> {
        let value = self.get(field).filter(|value| value.as_str() != Some(""))?;
        self.check_text(field, value, longest)
    }

    fn check_text(&mut self, field: &str, value: &Value, longest: usize) -> Option<String> {
        let Some(text) = value.as_str() else {
            self.add(field, format!("must be a text, not {}", shown(value)));
            return None;
        };
        match text.chars().count() {
            0 => {
                self.add(field, format!("is empty: send a text of 1 to {longest} characters"));
                return None;
            }
            length if length > longest => {
                self.add(field, format!("has {length} characters: at most {longest} are taken"));
                return None;
            }
            _ => {}
        }
        if text.contains(char::is_control) {
            let shown = shown_text(text);
            self.add(field, format!("holds a control character (`{shown}`): send one line"));
            return None;
        }
        Some(text.to_owned())
    }

    /// One of a few words, where it is given or must be.
    pub(super) fn word(&mut self, field: &str, needed: bool, word: &str) {
        let value =
            if needed { self.needed(field, &format!("send \"{word}\"")) } else { self.get(field) };
        if let Some(value) = value.filter(|value| value.as_str() != Some(word)) {
            self.add(field, format!("must be \"{word}\", not {}", shown(value)));
        }
    }

    /// A text of letters, digits, `_` and `-`.
    pub(super) fn identifier(&mut self, field: &str, longest: usize) -> String {
        let text = self.text(field, longest);
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
            let shown = shown_text(&text);
            self.add(field, format!("is `{shown}`: use letters, digits, `_` and `-` only"));
        }
        text
    }

    /// A UUID, in small letters.
    pub(super) fn uuid(&mut self, field: &str) -> String {
        let Some(value) = self.needed(field, "send a new UUID for each event") else {
            return String::new();
        };
        match value.as_str().filter(|text| is_uuid(text)) {
            Some(text) => text.to_ascii_lowercase(),
            None => {
                let shown = shown(value);
                self.add(field, format!("must be a UUID, not {shown}: send a new one each time"));
                String::new()
            }
        }
    }

    /// A moment.
    pub(super) fn moment(&mut self, field: &str) -> Time {
        const HOW: &str = "send RFC 3339 with an offset, e.g. 2026-02-06T10:30:00Z";
        let Some(value) = self.needed(field, HOW) else { return Time::default() };
        match value.as_str().filter(|text| text.len() <= 64).map(Time::parse) {
            Some(Ok(time)) => time,
            _ => {
                self.add(field, format!("must be a moment, not {}: {HOW}", shown(value)));
                Time::default()
            }
        }
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, field: &str, least: u64, most: u64) -> u64 {
        let how = format!("send a whole number from {least} to {most}");
        let Some(value) = self.needed(field, &how) else { return 0 };
        match value.as_u64().filter(|number| (least..=most).contains(number)) {
            Some(number) => number,
            None => {
                self.add(field, format!("must not be {}: {how}", shown(value)));
                0
            }
        }
    }

    /// The same, where it is given.
    pub(super) fn optional_number(&mut self, field: &str) -> Option<u64> {
        self.get(field)?;
        Some(self.number(field, 0, i64::MAX.unsigned_abs()))
    }

    /// True or false; false where it is not given.
    pub(super) fn flag(&mut self, field: &str) -> bool {
        match self.get(field) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(value) => {
                self.add(field, format!("must be true or false, not {}", shown(value)));
                false
            }
        }
    }

    /// An object of any fields, where it is given.
    pub(super) fn metadata(&mut self, field: &str) -> Map<String, Value> {
        let Some(value) = self.get(field) else { return Map::new() };
        let Some(object) = value.as_object() else {
            self.add(field, format!("must be an object or null, not {}", shown(value)));
            return Map::new();
        };
        // Values that were read from text can be written as text.
        let bytes = serde_json::to_vec(object).map_or(usize::MAX, |text| text.len());
        if bytes > MAX_METADATA {
            self.add(field, format!("has {bytes} bytes: at most {MAX_METADATA} are taken"));
            return Map::new();
        }
        object.clone()
    }
}

/// 8-4-4-4-12 hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
