//! What comes over HTTP, before the protocol's own library sees it: whatever is no request is
//! answered as JSON-RPC says, with a code and in words.

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde_json::{Value, json};
use wk_api::{Problem, problem_type};

/// The most bytes that a request may have.
pub(crate) const MAX_REQUEST: usize = 1 << 20;

const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;

/// The request as it is to be passed on, or the answer.
pub(crate) async fn receive(request: Request) -> Result<Request, Box<Response>> {
    if request.method() != Method::POST || !is_json(request.headers()) {
        // That is for the library to refuse.
        return Ok(request);
    }
    let (head, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, MAX_REQUEST).await else {
        let said = format!("a request has at most {MAX_REQUEST} bytes");
        return Err(refuse(StatusCode::PAYLOAD_TOO_LARGE, None, INVALID_REQUEST, &said));
    };
    match look(&bytes) {
        Ok(()) => Ok(Request::from_parts(head, Body::from(bytes))),
        Err((id, code, said)) => Err(refuse(StatusCode::BAD_REQUEST, id, code, &said)),
    }
}

/// The library's answer; what it refuses in plain text is said in a problem document, as
/// everywhere else.
pub(crate) async fn answer(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || is_json(response.headers()) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let said = to_bytes(body, MAX_REQUEST).await.unwrap_or_default();
    let problem = Problem {
        kind: kind(status).to_owned(),
        title: status.canonical_reason().unwrap_or("Refused").to_owned(),
        status: status.as_u16(),
        detail: String::from_utf8_lossy(&said).trim().to_owned(),
        candidates: Vec::new(),
    };
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    head.headers.remove(CONTENT_LENGTH);
    Response::from_parts(head, Body::from(serde_json::to_vec(&problem).unwrap_or_default()))
}

fn kind(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => problem_type::NOT_FOUND,
        status if status.is_server_error() => problem_type::INTERNAL,
        _ => problem_type::BAD_REQUEST,
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

/// Whether it is one message; else the id to answer to, where there is one, a code, and why.
fn look(bytes: &Bytes) -> Result<(), (Option<Value>, i32, String)> {
    let invalid = |id: Option<&Value>, why: &str| {
        (id.cloned(), INVALID_REQUEST, format!("this is no request: {why}"))
    };
    let message: Value = serde_json::from_slice(bytes)
        .map_err(|error| (None, PARSE_ERROR, format!("this is no JSON: {error}")))?;
    let Value::Object(message) = message else {
        let batch = message.is_array();
        let why = if batch { "send one message at a time, not a list" } else { "send an object" };
        return Err(invalid(None, why));
    };
    let id = message.get("id");
    if id.is_some_and(|id| !(id.is_string() || id.is_i64() || id.is_u64())) {
        return Err(invalid(None, "`id` must be a text or a whole number"));
    }
    if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(invalid(id, "`jsonrpc` must be \"2.0\""));
    }
    let answers = message.contains_key("result") || message.contains_key("error");
    match message.get("method") {
        Some(Value::String(_)) => {}
        Some(_) => return Err(invalid(id, "`method` must be a text")),
        None if answers => return Err(invalid(id, "nothing was asked of you")),
        None => return Err(invalid(id, "`method` is missing")),
    }
    match message.get("params") {
        None | Some(Value::Object(_)) => Ok(()),
        Some(_) => Err(invalid(id, "`params` must be an object")),
    }
}

fn refuse(status: StatusCode, id: Option<Value>, code: i32, said: &str) -> Box<Response> {
    let mut said = json!({"jsonrpc": "2.0", "error": {"code": code, "message": said}});
    said["id"] = id.unwrap_or_default();
    Box::new((status, [(CONTENT_TYPE, "application/json")], said.to_string()).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_well_formed_message_is_passed_on() {
        let said = |text: &str| look(&Bytes::copy_from_slice(text.as_bytes()));
        for fine in [
            r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":"a","method":"x/y","params":{}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        ] {
            assert_eq!(said(fine), Ok(()), "{fine}");
        }
        let nested = "[".repeat(10_000);
        for (text, id, code, why) in [
            ("", Value::Null, PARSE_ERROR, "no JSON"),
            ("{", Value::Null, PARSE_ERROR, "no JSON"),
            (nested.as_str(), Value::Null, PARSE_ERROR, "no JSON"),
            ("7", Value::Null, INVALID_REQUEST, "send an object"),
            ("[]", Value::Null, INVALID_REQUEST, "one message at a time"),
            ("{}", Value::Null, INVALID_REQUEST, "`jsonrpc`"),
            (r#"{"id":3,"method":"ping"}"#, 3.into(), INVALID_REQUEST, "`jsonrpc`"),
            (r#"{"jsonrpc":"2.0","id":3}"#, 3.into(), INVALID_REQUEST, "`method` is missing"),
            (r#"{"jsonrpc":"2.0","id":3,"method":[]}"#, 3.into(), INVALID_REQUEST, "a text"),
            (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, Value::Null, INVALID_REQUEST, "id"),
            (r#"{"jsonrpc":"2.0","id":3,"result":{}}"#, 3.into(), INVALID_REQUEST, "nothing"),
            (
                r#"{"jsonrpc":"2.0","id":"a","method":"ping","params":[1]}"#,
                "a".into(),
                INVALID_REQUEST,
                "`params`",
            ),
        ] {
            let (told, found, sentence) = said(text).unwrap_err();
            assert_eq!((told.unwrap_or_default(), found), (id, code), "{text}");
            assert!(sentence.contains(why), "{text}: {sentence}");
        }
    }
}
