//! Stopping one session, or all that a filter finds.

use axum::{Json, extract::State};
use futures_util::future::join_all;
use wk_api::{ListQuery, RestartRequest, SessionView, StopRequest, StoppedMany};
use wk_model::Requester;

use super::{Ask, Body, Named, list::filters, order};
use crate::{App, Failure, Order, peer::By, view::view};

pub(crate) async fn stop(
    State(app): State<App>,
    By(by): By,
    Named(session): Named,
    Body(request): Body<StopRequest>,
) -> Result<Json<SessionView>, Failure> {
    stop_one(&app, session.id, request, by).await?;
    let now = app.journal.session(session.id)?.unwrap_or(session);
    Ok(Json(view(&now, &app.sessions)))
}

pub(crate) async fn restart(
    State(app): State<App>,
    By(by): By,
    Named(session): Named,
    Body(request): Body<RestartRequest>,
) -> Result<Json<SessionView>, Failure> {
    let (session_id, grace_ms) = (session.id, request.grace_ms);
    order(&app, |answer| Order::Restart { session_id, grace_ms, by, answer }).await?;
    let now = app.journal.session(session_id)?.unwrap_or(session);
    Ok(Json(view(&now, &app.sessions)))
}

pub(crate) async fn stop_many(
    State(app): State<App>,
    By(by): By,
    Ask(query): Ask<ListQuery>,
    Body(request): Body<StopRequest>,
) -> Result<Json<StoppedMany>, Failure> {
    let mut filters = filters(&app, &query)?;
    (filters.active, filters.limit) = (true, query.limit.unwrap_or(0) as usize);
    let page = app.journal.sessions(&filters)?;
    let stops = page.sessions.iter().map(|session| {
        let (app, by) = (&app, by.clone());
        async move { (session.id, stop_one(app, session.id, request, by).await) }
    });
    let mut many = StoppedMany::default();
    for (id, stopped) in join_all(stops).await {
        match stopped {
            Ok(()) => many.stopped.push(id.to_string()),
            Err(Failure(problem)) => {
                many.failed.insert(id.to_string(), problem.detail);
            }
        }
    }
    Ok(Json(many))
}

async fn stop_one(
    app: &App,
    session_id: wk_model::SessionId,
    request: StopRequest,
    by: Requester,
) -> Result<(), Failure> {
    let grace_ms = request.grace_ms;
    order(app, |answer| Order::Stop { session_id, grace_ms, by, answer }).await
}
