//! Stopping one session, or all that a filter finds.

use axum::{Json, extract::State};
use futures_util::{StreamExt, stream};
use wk_api::{ListQuery, RestartRequest, SessionView, StopRequest, StoppedMany};
use wk_model::{Life, Requester};

use super::{Ask, Body, Named, list::filters, order};
use crate::{App, Failure, Order, peer::By, view::view};

/// Sessions that are stopped side by side.
const AT_ONCE: usize = 32;

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
    let mut sessions = page.sessions;
    // What was found is not ours to end; whoever insists names it.
    sessions.retain(|session| !session.created.watched);
    // Dependents first, then the newest: nothing that waits starts because another one ends.
    sessions.sort_by_key(|session| std::cmp::Reverse((session.start_time, session.id.number())));
    let (waiting, running): (Vec<_>, Vec<_>) = sessions
        .into_iter()
        .partition(|session| matches!(session.life, Life::Queued { .. } | Life::Recovering { .. }));
    let mut many = StoppedMany::default();
    for group in [waiting, running] {
        let ids: Vec<_> = group.iter().map(|session| session.id).collect();
        let stops = ids.into_iter().map(|id| {
            let (app, by) = (app.clone(), by.clone());
            async move { (id, stop_one(&app, id, request, by).await) }
        });
        let mut stops = stream::iter(stops).buffered(AT_ONCE);
        while let Some((id, stopped)) = stops.next().await {
            match stopped {
                Ok(()) => many.stopped.push(id.to_string()),
                Err(Failure(problem)) => {
                    many.failed.insert(id.to_string(), problem.detail);
                }
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
    let StopRequest { grace_ms, force } = request;
    order(app, |answer| Order::Stop { session_id, grace_ms, force, by, answer }).await
}
