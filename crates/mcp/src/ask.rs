//! A call of the HTTP API.

use axum::http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

/// What a tool or a resource asks of the API.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    /// Below `/api`.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Option<Value>,
    /// A token that came with the call, for callers who cannot send a header.
    pub(crate) token: Option<String>,
    /// More bytes of the answer are not read.
    pub(crate) most: usize,
}

/// Bytes of an answer.
const MOST: usize = 8 << 20;

impl Ask {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        let path = path.into();
        Self { method: Method::GET, path, query: Vec::new(), body: None, token: None, most: MOST }
    }

    pub(crate) fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::POST, body: Some(body), ..Self::get(path) }
    }

    /// With these arguments as its query.
    pub(crate) fn query(self, arguments: &Map<String, Value>) -> Self {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Array(values) => {
                values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
            }
            other => other.to_string(),
        };
        let given = arguments.iter().filter(|(_, value)| !value.is_null());
        Self { query: given.map(|(name, value)| (name.clone(), text(value))).collect(), ..self }
    }
}

/// Makes any text fit to be one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
