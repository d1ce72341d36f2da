//! The secret that web tokens are signed with.

use std::fmt;

/// Where a secret may be, the first wins; the last three are those of the programs that sign.
pub const VARIABLES: [&str; 4] = [
    "WATCHKEEPER_AUTH_SECRET",
    "SESSION_BUDDY_SECRET",
    "BODAI_SHARED_SECRET",
    "MAHAVISHNU_CROSS_PROJECT_AUTH_SECRET",
];

/// Fewer characters can be guessed.
const LEAST: usize = 32;

/// Parts of what stands in examples, and in nobody's real secret.
const PLACEHOLDERS: [&str; 10] = [
    "changeme",
    "change-me",
    "change_me",
    "your-secret",
    "your_secret",
    "yoursecret",
    "placeholder",
    "example",
    "replace-this",
    "replace_this",
];

/// A shared secret. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// Why a text is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    #[error("it has fewer than {LEAST} characters")]
    Short,
    #[error("it is a placeholder")]
    Placeholder,
}

impl Secret {
    /// Takes a text that could be one.
    pub fn new(text: &str) -> Result<Self, BadSecret> {
        let text = text.trim();
        if text.chars().count() < LEAST {
            return Err(BadSecret::Short);
        }
        let lower = text.to_ascii_lowercase();
        let first = text.chars().next();
        let is_one_character = text.chars().all(|character| Some(character) == first);
        if is_one_character || PLACEHOLDERS.iter().any(|word| lower.contains(word)) {
            return Err(BadSecret::Placeholder);
        }
        Ok(Self(text.as_bytes().to_vec()))
    }

    /// The first variable that is set, with its name; a bad one is not passed over.
    pub fn of_variables(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Option<(&'static str, Result<Self, BadSecret>)> {
        VARIABLES.into_iter().find_map(|name| {
            let text = variable(name).filter(|text| !text.is_empty())?;
            Some((name, Self::new(&text)))
        })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_and_placeholders_are_no_secrets() {
        let good = "4f9c1d77a0b84e7c9d02c1e8b5a6f310";
        assert!(Secret::new(good).is_ok());
        for (text, want) in [
            ("", BadSecret::Short),
            (&good[1..], BadSecret::Short),
            ("changeme-changeme-changeme-changeme", BadSecret::Placeholder),
            ("YOUR-SECRET-HERE-at-least-32-characters", BadSecret::Placeholder),
            ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", BadSecret::Placeholder),
        ] {
            assert_eq!(Secret::new(text), Err(want), "{text}");
        }
        assert!(!format!("{:?}", Secret::new(good)).contains("4f9c"));
    }

    #[test]
    fn the_first_variable_wins_even_if_it_is_bad() {
        let good = "4f9c1d77a0b84e7c9d02c1e8b5a6f310";
        let found = Secret::of_variables(|name| match name {
            "BODAI_SHARED_SECRET" => Some(good.into()),
            "SESSION_BUDDY_SECRET" => Some("short".into()),
            _ => None,
        });
        assert_eq!(found, Some(("SESSION_BUDDY_SECRET", Err(BadSecret::Short))));
        assert_eq!(Secret::of_variables(|_| None), None);
        let (name, secret) = Secret::of_variables(|_| Some(good.into())).unwrap();
        assert!(name == "WATCHKEEPER_AUTH_SECRET" && secret.is_ok());
    }
}
