//! `POST /api/sessions`.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use wk_api::{CreateSession, IDEMPOTENCY_KEY};

use super::{Body, find, order};
use crate::{App, CreateOrder, Failure, Order, error::bad_request, peer::By, view::view};

pub(crate) async fn create(
    State(app): State<App>,
    By(by): By,
    headers: HeaderMap,
    Body(mut request): Body<CreateSession>,
) -> Result<Response, Failure> {
    let idempotency_key = key(&headers)?;
    if let Some(after) = &request.after {
        request.after = Some(find(&app, after)?.id.to_string());
    }
    let create = Box::new(CreateOrder { request, idempotency_key, by });
    let session = order(&app, |answer| Order::Create(create, answer)).await?;
    let location = format!("/api/sessions/{}", session.id);
    let view = Json(view(&session, &app.sessions));
    Ok((StatusCode::CREATED, [(LOCATION, location)], view).into_response())
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=128).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(Failure(bad_request("Idempotency-Key must be 1 to 128 printable characters"))),
    }
}
