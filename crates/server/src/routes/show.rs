//! `GET /api/sessions/{id}` and `…/screen`.

use axum::{
    Json,
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use wk_api::{ScreenQuery, SessionView};
use wk_holder::protocol::ScreenRequest;

use super::{Ask, Named, order};
use crate::{App, Failure, Order, view::view};

pub(crate) async fn show(State(app): State<App>, Named(session): Named) -> Json<SessionView> {
    Json(view(&session, &app.sessions))
}

pub(crate) async fn screen(
    State(app): State<App>,
    Named(session): Named,
    Ask(query): Ask<ScreenQuery>,
) -> Result<Response, Failure> {
    let session_id = session.id;
    let request = ScreenRequest { ansi: query.ansi, history: query.history };
    let text = order(&app, |answer| Order::Screen { session_id, request, answer }).await?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}
