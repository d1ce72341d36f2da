//! `POST /events` and what is read of it: the names and shapes are those that senders and
//! boards of other programs know.

use axum::{
    Extension, Json,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{
        StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde_json::json;
use tokio::time::timeout;
use wk_api::{FilterOptions, RecentQuery};

use super::{Ask, PATIENCE};
use crate::{
    App, Failure,
    auth::Identity,
    collector::{BadEvents, Collector, Kept, RECENT, read},
};

/// Bytes of one request; of senders whom nobody knows, and of others.
const UNKNOWN: usize = 1 << 20;
const KNOWN: usize = 8 << 20;

/// Events that are shown when nobody says how many.
const LIMIT: u32 = 100;

pub(crate) async fn take(
    State(app): State<App>,
    Extension(identity): Extension<Identity>,
    request: Request,
) -> Response {
    let most = if identity.is_verified() { KNOWN } else { UNKNOWN };
    let declared = request.headers().get(CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: usize| length > most) {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, &too_large(most));
    }
    let Some(room) = app.collector.room(declared.unwrap_or(most)).await else {
        return busy("too much at once: try again");
    };
    let body = match body(request.into_body(), most).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    // Nobody holds some room while he waits for more.
    drop(room);
    let Some(_room) = app.collector.room(Collector::weight(&body)).await else {
        return busy("too much at once: try again, or send less in one request");
    };
    let (events, list) = match read(&body) {
        Ok(read) => read,
        Err(BadEvents::Many) => {
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, &BadEvents::Many.to_string());
        }
        Err(bad) => return refuse(StatusCode::BAD_REQUEST, &bad.to_string()),
    };
    drop(body);
    let count = u32::try_from(events.len()).unwrap_or(u32::MAX);
    if let Err(problem) = app.gate.count(&identity, count) {
        return busy(&problem.detail);
    }
    match app.collector.take(events, identity.is_verified()).await {
        Ok(kept) if list => {
            let ids: Vec<_> = kept.iter().map(|event| event.id).collect();
            Json(json!({ "saved": ids.len(), "ids": ids })).into_response()
        }
        Ok(kept) => one(kept.first().map_or("{}", |event| event.json.as_str()).to_owned()),
        Err(error) => {
            tracing::error!(%error, "cannot take events in");
            refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())
        }
    }
}

pub(crate) async fn recent(
    State(app): State<App>,
    Ask(query): Ask<RecentQuery>,
) -> Result<Response, Failure> {
    let limit = query.limit.unwrap_or(LIMIT) as usize;
    Ok(one(array(&app.collector.recent(limit.min(RECENT)).await)))
}

pub(crate) async fn options(State(app): State<App>) -> Json<FilterOptions> {
    Json(app.collector.options().await)
}

/// Events as a JSON array.
pub(crate) fn array(events: &[std::sync::Arc<Kept>]) -> String {
    let events: Vec<_> = events.iter().map(|event| event.json.as_str()).collect();
    format!("[{}]", events.join(","))
}

async fn body(body: Body, most: usize) -> Result<Bytes, Response> {
    match timeout(PATIENCE, to_bytes(body, most)).await {
        Err(_) => Err(refuse(StatusCode::REQUEST_TIMEOUT, "the request did not come in time")),
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => {
            let source = std::error::Error::source(&error);
            let long = source.is_some_and(|error| error.to_string().contains("length limit"));
            Err(match long {
                true => refuse(StatusCode::PAYLOAD_TOO_LARGE, &too_large(most)),
                false => refuse(StatusCode::BAD_REQUEST, "the request broke off"),
            })
        }
    }
}

fn too_large(most: usize) -> String {
    format!("the request is too large: at most {} MiB", most >> 20)
}

fn one(json: String) -> Response {
    ([(CONTENT_TYPE, "application/json")], json).into_response()
}

fn busy(error: &str) -> Response {
    ([(RETRY_AFTER, "1")], refuse(StatusCode::TOO_MANY_REQUESTS, error)).into_response()
}

/// The form in which senders expect to hear what is wrong.
fn refuse(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}
