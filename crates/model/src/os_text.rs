//! Text of the operating system: mostly UTF-8, but any bytes can come.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// An argument, path or environment string as the system has it: bytes without NUL.
///
/// In JSON it is a string, or `{"hex": "…"}` where the bytes are no UTF-8.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OsText(Vec<u8>);

/// A NUL byte can be in no string that the system takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("contains a NUL byte, which no argument, path or variable can hold")]
pub struct HasNul;

impl OsText {
    /// Takes bytes that hold no NUL.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, HasNul> {
        let bytes = bytes.into();
        if bytes.contains(&0) { Err(HasNul) } else { Ok(Self(bytes)) }
    }

    /// The bytes, as the system has them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// For people: what is no UTF-8 becomes U+FFFD.
    pub fn to_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl fmt::Debug for OsText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_text(), f)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Wire<'a> {
    Text(Cow<'a, str>),
    Bytes { hex: String },
}

impl Serialize for OsText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => Wire::Text(text.into()),
            Err(_) => Wire::Bytes { hex: self.0.iter().map(|b| format!("{b:02x}")).collect() },
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for OsText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = match Wire::deserialize(deserializer)? {
            Wire::Text(text) => text.into_owned().into_bytes(),
            Wire::Bytes { hex } => unhex(&hex)
                .ok_or_else(|| D::Error::custom("`hex` must hold pairs of hexadecimal digits"))?,
        };
        Self::new(bytes).map_err(D::Error::custom)
    }
}

fn unhex(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        hex.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_but_nul_survive_json() {
        for bytes in [&b"plain"[..], b"", b"caf\xc3\xa9", b"\xff\xfe=\x80", b"\"\\\n"] {
            let text = OsText::new(bytes).unwrap();
            let json = serde_json::to_string(&text).unwrap();
            assert_eq!(serde_json::from_str::<OsText>(&json).unwrap(), text, "{json}");
        }
    }

    #[test]
    fn nul_and_bad_hex_are_refused() {
        for json in [r#""a\u0000b""#, r#"{"hex":"00"}"#, r#"{"hex":"abc"}"#, r#"{"hex":"zz"}"#] {
            assert!(serde_json::from_str::<OsText>(json).is_err(), "{json}");
        }
    }
}
