//! Who answers: the daemon's own routes, or the daemon over its socket.

use axum::{
    Router,
    body::Body,
    http::{
        Request,
        header::{AUTHORIZATION, CONTENT_TYPE, FORWARDED, HOST, HeaderName, ORIGIN},
        request::Parts,
    },
};
use bytes::Bytes;
use futures_util::StreamExt;
use tower::ServiceExt;
use wk_api::{CLIENT, Problem, problem_type};
use wk_client::{Client, ClientError};

use crate::ask::Ask;

/// What says who a caller is, and goes with each call.
const PASSED_ON: [HeaderName; 6] = [
    AUTHORIZATION,
    ORIGIN,
    HOST,
    FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("sec-fetch-site"),
];

/// Carries calls out.
#[derive(Clone, Debug)]
pub enum Backend {
    /// The routes below `/api`, asked as whoever has asked us.
    Routes(Router),
    /// The daemon that listens here, asked as its user.
    Socket(Client),
}

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    pub(crate) bytes: Bytes,
    /// A list was cut at its limit.
    pub(crate) more: bool,
    /// There were more bytes than anybody wanted.
    pub(crate) cut: bool,
}

impl Backend {
    pub(crate) async fn ask(&self, from: Option<&Parts>, ask: Ask) -> Result<Answered, Problem> {
        match self {
            Self::Routes(router) => ask_routes(router, from, ask).await,
            Self::Socket(client) => ask_socket(client, ask).await,
        }
    }
}

async fn ask_routes(router: &Router, from: Option<&Parts>, ask: Ask) -> Result<Answered, Problem> {
    let most = ask.most;
    let request = request(from, ask).map_err(|error| internal(error.to_string()))?;
    let answer = router.clone().oneshot(request).await.map_err(|never| match never {})?;
    let (head, body) = answer.into_parts();
    let mut answered =
        Answered { more: head.headers.contains_key(wk_api::MORE), ..Answered::default() };
    let mut bytes = Vec::new();
    let mut frames = body.into_data_stream();
    while let Some(frame) = frames.next().await {
        bytes.extend_from_slice(&frame.map_err(|error| internal(error.to_string()))?);
        if bytes.len() > most {
            bytes.truncate(most);
            answered.cut = true;
            break;
        }
    }
    answered.bytes = bytes.into();
    if head.status.is_success() {
        return Ok(answered);
    }
    Err(serde_json::from_slice(&answered.bytes).unwrap_or_else(|_| {
        let text = String::from_utf8_lossy(&answered.bytes);
        internal(format!("the daemon answered {}: {text}", head.status))
    }))
}

fn request(from: Option<&Parts>, ask: Ask) -> Result<Request<Body>, axum::http::Error> {
    let query = serde_urlencoded::to_string(&ask.query).unwrap_or_default();
    let mark = if query.is_empty() { "" } else { "?" };
    let mut request = Request::builder()
        .method(ask.method)
        .uri(format!("{}{mark}{query}", ask.path))
        .header(CONTENT_TYPE, "application/json")
        .header(CLIENT, "mcp");
    for name in PASSED_ON {
        for value in from.iter().flat_map(|from| from.headers.get_all(&name)) {
            request = request.header(name.clone(), value);
        }
    }
    let has_token = from.is_some_and(|from| from.headers.contains_key(AUTHORIZATION));
    if let Some(token) = ask.token.filter(|_| !has_token) {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let body = ask.body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let mut request = request.body(body)?;
    if let Some(from) = from {
        // Who is at the other end of the connection.
        *request.extensions_mut() = from.extensions.clone();
    }
    Ok(request)
}

async fn ask_socket(client: &Client, ask: Ask) -> Result<Answered, Problem> {
    let body = ask.body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
    let raw = client.raw(ask.method, &ask.path, &ask.query, body, ask.most).await;
    let raw = raw.map_err(|error| match error {
        ClientError::Refused(problem) => problem,
        error => unavailable(&error),
    })?;
    Ok(Answered { bytes: raw.bytes, more: raw.more, cut: raw.cut })
}

fn internal(detail: String) -> Problem {
    problem(problem_type::INTERNAL, "Internal error", 500, detail)
}

fn unavailable(error: &ClientError) -> Problem {
    let detail = format!("{error}: `wk daemon start` starts one");
    problem(problem_type::UNAVAILABLE, "Unavailable", 503, detail)
}

fn problem(kind: &str, title: &str, status: u16, detail: String) -> Problem {
    Problem { kind: kind.into(), title: title.into(), status, detail, candidates: Vec::new() }
}
