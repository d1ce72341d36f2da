//! Session ids: short enough to type, random enough never to collide.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Digits and lower-case letters without `i`, `l`, `o` and `u` (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Names one session, for ever: 60 random bits as 12 characters.
///
/// Any unique prefix of it will do on the command line, which is why no part of it is a clock.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId([u8; Self::LENGTH]);

impl SessionId {
    /// Characters in an id.
    pub const LENGTH: usize = 12;

    /// Makes an id of 60 of the given random bits.
    pub fn from_random(bits: u64) -> Self {
        let mut text = [0; Self::LENGTH];
        for (index, byte) in text.iter_mut().enumerate() {
            *byte = ALPHABET[(bits >> (5 * index)) as usize & 31];
        }
        Self(text)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        // Both constructors take characters of the alphabet only.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The id as a number of 60 bits that sorts as the text does.
    pub fn number(&self) -> u64 {
        self.0.iter().fold(0, |number, byte| {
            // Both constructors take characters of the alphabet only.
            number << 5 | ALPHABET.binary_search(byte).unwrap_or(0) as u64
        })
    }

    /// The id that has this number; bits beyond the 60th are dropped.
    pub fn from_number(number: u64) -> Self {
        let mut text = [0; Self::LENGTH];
        for (index, byte) in text.iter_mut().rev().enumerate() {
            *byte = ALPHABET[(number >> (5 * index)) as usize & 31];
        }
        Self(text)
    }

    /// Whether `text` could begin an id.
    pub fn is_prefix(text: &str) -> bool {
        (1..=Self::LENGTH).contains(&text.len()) && text.bytes().all(|b| ALPHABET.contains(&b))
    }
}

/// Why a text is not a session id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a session id: 12 digits and lower-case letters (no i, l, o, u)", .0.escape_debug())]
pub struct BadId(String);

impl FromStr for SessionId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match <[u8; Self::LENGTH]>::try_from(text.as_bytes()) {
            Ok(bytes) if Self::is_prefix(text) => Ok(Self(bytes)),
            _ => Err(BadId(text.chars().take(64).collect())),
        }
    }
}

impl TryFrom<String> for SessionId {
    type Error = BadId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_itself() {
        for bits in [0, u64::MAX, 0x1234_5678_9abc_def0] {
            let id = SessionId::from_random(bits);
            assert_eq!(id.as_str().parse::<SessionId>().unwrap(), id);
        }
    }

    #[test]
    fn numbers_stand_for_ids_and_sort_as_they_do() {
        let ids = [0, 1, 0x1234_5678_9abc_def0, u64::MAX].map(SessionId::from_random);
        for a in ids {
            assert_eq!(SessionId::from_number(a.number()), a);
            for b in ids {
                assert_eq!(a.number().cmp(&b.number()), a.cmp(&b), "{a} and {b}");
            }
        }
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for bad in ["", "abc", "../../../../", "ABCDEFGHJKMN", "0123456789abc", "ilouilouilou"] {
            assert!(bad.parse::<SessionId>().is_err(), "{bad}");
        }
    }
}
