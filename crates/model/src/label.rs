//! Names and labels that people give to sessions.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A name for a session: 1 to 64 letters, digits, `.`, `_` and `-`, first a letter or digit.
///
/// Strict, so that a name is safe in a file name, a shell and a URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bad name `{}`: use 1 to 64 letters, digits, `.`, `_` or `-`, beginning with a letter or digit", .0.escape_debug())]
pub struct BadName(String);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=64).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if fits { Ok(Self(text.to_owned())) } else { Err(BadName(shortened(text))) }
    }
}

impl TryFrom<String> for Name {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One `key=value`: the key of 1 to 63 letters, digits, `.`, `_`, `/` and `-`, the value of up
/// to 255 bytes without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub key: String,
    pub value: String,
}

/// Why a text is not a label.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLabel {
    #[error("bad label `{}`: write KEY=VALUE", .0.escape_debug())]
    NoValue(String),
    #[error("bad label key `{}`: use 1 to 63 letters, digits, `.`, `_`, `/` or `-`", .0.escape_debug())]
    Key(String),
    #[error("bad value of label `{key}`: at most 255 bytes, no control characters")]
    Value { key: String },
}

impl Label {
    /// Checks a key and a value that came apart.
    pub fn new(key: &str, value: &str) -> Result<Self, BadLabel> {
        let key_fits = (1..=63).contains(&key.len())
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"._/-".contains(&b));
        if !key_fits {
            return Err(BadLabel::Key(shortened(key)));
        }
        if value.len() > 255 || value.chars().any(char::is_control) {
            return Err(BadLabel::Value { key: key.to_owned() });
        }
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }
}

impl FromStr for Label {
    type Err = BadLabel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((key, value)) => Self::new(key, value),
            None => Err(BadLabel::NoValue(shortened(text))),
        }
    }
}

/// Errors repeat what was wrong, but not megabytes of it.
fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_everywhere() {
        for good in ["a", "web-1", "3.14_x", &"n".repeat(64)] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in ["", "-f", ".hidden", "a b", "a/b", "é", "a\n", &"n".repeat(65)] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }

    #[test]
    fn labels_say_which_half_is_wrong() {
        assert_eq!("team=x=y".parse::<Label>(), Label::new("team", "x=y"));
        assert!(matches!("team".parse::<Label>(), Err(BadLabel::NoValue(_))));
        assert!(matches!("te am=x".parse::<Label>(), Err(BadLabel::Key(_))));
        assert!(matches!("team=\u{1b}[0m".parse::<Label>(), Err(BadLabel::Value { .. })));
    }
}
