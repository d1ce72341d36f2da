//! What comes on stdin: read to its end, kept up to a bound.

use std::{
    borrow::Cow,
    fmt,
    io::{self, Read},
};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::shrink::Shrinker;

/// Read at once.
const PIECE: usize = 64 << 10;

/// What has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// As it came, or shortened.
    pub body: Vec<u8>,
    /// Its full length.
    pub bytes: u64,
    pub shortened: bool,
}

/// The fields that a hook itself looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    pub session_id: Option<String>,
    pub cwd: Option<String>,
    pub hook_event_name: Option<String>,
    pub source: Option<String>,
}

impl Fields {
    /// The agent says that it has just started: whatever its process was before, it is not.
    pub fn is_first(&self) -> bool {
        self.hook_event_name.as_deref() == Some("SessionStart")
            && self.source.as_deref().is_none_or(|source| source == "startup")
    }
}

impl Payload {
    /// Reads to the end. What is longer than `bound` is shortened as it comes.
    pub fn read(input: &mut impl Read, bound: usize) -> io::Result<Self> {
        let mut whole = Vec::with_capacity(4096);
        input.take(bound as u64 + 1).read_to_end(&mut whole)?;
        if whole.len() <= bound {
            let bytes = whole.len() as u64;
            return Ok(Self { body: whole, bytes, shortened: false });
        }
        let mut bytes = whole.len() as u64;
        let mut short = Short::begin(whole, bound);
        let mut piece = vec![0; PIECE];
        loop {
            match input.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => {
                    bytes += length as u64;
                    short.feed(&piece[..length]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What has come is what there is.
                Err(_) => break,
            }
        }
        Ok(Self { body: short.finish(), bytes, shortened: true })
    }

    /// What came in another way.
    pub fn of(text: &[u8], bound: usize) -> Self {
        // Reading from memory does not fail.
        Self::read(&mut &*text, bound).unwrap_or_default()
    }

    /// The fields of interest; none of them where this is no JSON object.
    pub fn fields(&self) -> Fields {
        fields(&self.body).or_else(|| fields(&repaired(&self.body))).unwrap_or_default()
    }
}

/// A JSON text that readers can bear: closed, and not too deep.
pub fn repaired(text: &[u8]) -> Vec<u8> {
    let mut shrinker = Shrinker::new(text.len().max(1024));
    shrinker.feed(text);
    shrinker.finish()
}

fn fields(text: &[u8]) -> Option<Fields> {
    serde_json::from_slice(text).ok()
}

/// Reads the fields one by one: neither a wrong type nor a field that comes twice hides others.
impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            let field = match &*key {
                "session_id" => &mut fields.session_id,
                "thread-id" if fields.session_id.is_none() => &mut fields.session_id,
                "cwd" => &mut fields.cwd,
                "hook_event_name" => &mut fields.hook_event_name,
                "source" => &mut fields.source,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let raw = map.next_value::<&'de RawValue>()?;
            if let Ok(text) = serde_json::from_str(raw.get()) {
                *field = Some(text);
            }
        }
        Ok(fields)
    }
}

/// What is too long to be kept whole.
enum Short {
    Json(Box<Shrinker>),
    /// The beginning.
    Other(Vec<u8>),
}

impl Short {
    fn begin(mut read: Vec<u8>, bound: usize) -> Self {
        let first = read.iter().find(|byte| !byte.is_ascii_whitespace());
        if matches!(first, Some(b'{' | b'[')) {
            let mut shrinker = Shrinker::new(bound);
            shrinker.feed(&read);
            Self::Json(Box::new(shrinker))
        } else {
            read.truncate(bound);
            Self::Other(read)
        }
    }

    fn feed(&mut self, piece: &[u8]) {
        if let Self::Json(shrinker) = self {
            shrinker.feed(piece);
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Json(shrinker) => shrinker.finish(),
            Self::Other(beginning) => beginning,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_to_the_bound_every_byte_is_kept() {
        let text = b"{\"session_id\":\"s\"}\0\xff".to_vec();
        let payload = Payload::of(&text, text.len());
        assert_eq!(payload, Payload { bytes: text.len() as u64, body: text, shortened: false });
    }

    #[test]
    fn what_is_longer_is_read_to_its_end_and_its_length_is_known() {
        let text = format!("{{\"big\":\"{}\",\"session_id\":\"s\"}}", "x".repeat(1 << 20));
        let payload = Payload::of(text.as_bytes(), 4096);
        assert!(payload.shortened && payload.body.len() <= 4096);
        assert_eq!(payload.bytes, text.len() as u64);
        assert_eq!(payload.fields().session_id.as_deref(), Some("s"));
        let other = Payload::of(&vec![b'x'; 1 << 20], 4096);
        assert_eq!((other.body.len(), other.bytes), (4096, 1 << 20));
    }

    #[test]
    fn one_wrong_type_does_not_hide_the_other_fields() {
        let fields = |text: &str| Payload::of(text.as_bytes(), 65536).fields();
        let wrong = fields(r#"{"session_id":7,"cwd":"/w"}"#);
        assert_eq!((wrong.session_id, wrong.cwd.as_deref()), (None, Some("/w")));
        assert_eq!(fields(r#"{"thread-id":"t"}"#).session_id.as_deref(), Some("t"));
        assert_eq!(fields(r#"{"session_id":"half","cwd":"/w"#).session_id.as_deref(), Some("half"));
        let deep = format!(r#"{{"a":{}{},"session_id":"s"}}"#, "[".repeat(500), "]".repeat(500));
        assert_eq!(fields(&deep).session_id.as_deref(), Some("s"));
        for text in ["", "nonsense", "[]", "7", "\u{0}"] {
            assert_eq!(fields(text), Fields::default(), "{text}");
        }
    }
}
