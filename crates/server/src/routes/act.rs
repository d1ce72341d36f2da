//! Signals, input, sizes, and removal of sessions.

use axum::{Json, extract::State, http::StatusCode};
use wk_api::{InputRequest, ResizeRequest, SessionView, SignalRequest};
use wk_holder::protocol::SignalTarget;
use wk_model::parse_signal;

use super::{Body, Named, order};
use crate::{App, Failure, Order, error::bad_request, keys, peer::By, view::view};

pub(crate) async fn signal(
    State(app): State<App>,
    Named(session): Named,
    Body(request): Body<SignalRequest>,
) -> Result<Json<SessionView>, Failure> {
    let session_id = session.id;
    let signal =
        parse_signal(&request.signal).map_err(|error| Failure(bad_request(error.to_string())))?;
    let to = if request.tree { SignalTarget::Tree } else { SignalTarget::Leader };
    order(&app, |answer| Order::Signal { session_id, signal, to, answer }).await?;
    Ok(Json(view(&session, &app.sessions)))
}

pub(crate) async fn input(
    State(app): State<App>,
    Named(session): Named,
    Body(request): Body<InputRequest>,
) -> Result<Json<SessionView>, Failure> {
    let session_id = session.id;
    let mut bytes = request.text.unwrap_or_default().into_bytes();
    for key in &request.keys {
        bytes.extend(keys::bytes(key).ok_or_else(|| {
            let key: String = key.chars().take(40).collect();
            let key = key.escape_debug();
            Failure(bad_request(format!("`{key}` is not a key: use names like C-c, Enter or Up")))
        })?);
    }
    order(&app, |answer| Order::Input { session_id, bytes, answer }).await?;
    Ok(Json(view(&session, &app.sessions)))
}

pub(crate) async fn resize(
    State(app): State<App>,
    Named(session): Named,
    Body(size): Body<ResizeRequest>,
) -> Result<Json<SessionView>, Failure> {
    let (session_id, cols, rows) = (session.id, size.cols, size.rows);
    if ![cols, rows].iter().all(|n| (1..=1000).contains(n)) {
        let detail = format!("bad size {cols}x{rows}: 1 to 1000 columns and rows");
        return Err(Failure(bad_request(detail)));
    }
    order(&app, |answer| Order::Resize { session_id, cols, rows, answer }).await?;
    Ok(Json(view(&session, &app.sessions)))
}

pub(crate) async fn remove(
    State(app): State<App>,
    By(by): By,
    Named(session): Named,
) -> Result<StatusCode, Failure> {
    let session_id = session.id;
    order(&app, |answer| Order::Remove { session_id, by, answer }).await?;
    Ok(StatusCode::NO_CONTENT)
}
