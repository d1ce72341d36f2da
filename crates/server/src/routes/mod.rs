//! The routes, one file per thing they are about.

mod act;
mod analytics;
mod attach;
mod clean;
mod create;
mod daemon;
mod deaths;
mod events;
mod health;
mod instances;
mod list;
mod output;
mod recording;
mod show;
mod stats;
mod stop;
mod tmux;
mod wait;
mod why;

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Path, Query, Request},
    http::request::Parts,
    routing::{get, post},
};
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use wk_api::{MAX_CREATE_BYTES, Problem};
use wk_journal::Resolved;
use wk_model::Session;

use crate::{
    App, Failure, Order,
    error::{ambiguous, bad_request, not_found, too_large, unavailable},
    openapi,
    order::Answer,
};

/// The most bytes that any other request may have.
const MAX_BODY: usize = 1 << 20;

pub(crate) fn router(app: App) -> Router {
    let create = post(create::create).layer(DefaultBodyLimit::max(MAX_CREATE_BYTES));
    let api = Router::new()
        .route("/sessions", get(list::list).merge(create))
        .route("/sessions/stop", post(stop::stop_many))
        .route("/sessions/{session}", get(show::show).delete(act::remove))
        .route("/sessions/{session}/stop", post(stop::stop))
        .route("/sessions/{session}/restart", post(stop::restart))
        .route("/sessions/{session}/signal", post(act::signal))
        .route("/sessions/{session}/input", post(act::input))
        .route("/sessions/{session}/resize", post(act::resize))
        .route("/sessions/{session}/screen", get(show::screen))
        .route("/sessions/{session}/output", get(output::output))
        .route("/sessions/{session}/attach", get(attach::attach))
        .route("/sessions/{session}/wait", get(wait::wait))
        .route("/sessions/{session}/recording", get(recording::recording))
        .route("/sessions/{session}/events", get(events::session_events))
        .route("/sessions/{session}/why", get(why::why))
        .route("/deaths", get(deaths::deaths))
        .route("/deaths/patterns", get(deaths::patterns))
        .route("/events", get(events::events))
        .route("/health", get(health::health))
        .route("/stats", get(stats::stats))
        .route("/analytics", get(analytics::analytics))
        .route("/clean", post(clean::clean))
        .route("/instances", get(instances::list))
        .route("/instances/{template}/{instance}/reset", post(instances::reset))
        .route("/tmux", get(tmux::list))
        .route("/tmux/repair", post(tmux::repair))
        .route("/daemon", get(daemon::status))
        .route("/daemon/stop", post(daemon::stop))
        .route("/daemon/reload", post(daemon::reload))
        .route("/rebuild", post(daemon::rebuild))
        .route("/openapi.json", get(openapi::document))
        .layer(DefaultBodyLimit::max(MAX_BODY));
    Router::new()
        .nest("/api", api)
        .fallback(async || Failure(not_found("there is no such route: see /api/openapi.json")))
        .method_not_allowed_fallback(async || {
            let problem = bad_request("this route does not take that method");
            Failure(Problem { status: 405, title: "Method not allowed".into(), ..problem })
        })
        .with_state(app)
}

/// The session that a path names, by id, unique prefix or name.
struct Named(Arc<Session>);

impl FromRequestParts<App> for Named {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let Path(names) = Path::<Vec<(String, String)>>::from_request_parts(parts, app)
            .await
            .map_err(|error| Failure(bad_request(error.body_text())))?;
        let name = names.into_iter().next().map(|(_, name)| name).unwrap_or_default();
        find(app, &name).map(Self)
    }
}

/// The session that `name` means.
fn find(app: &App, name: &str) -> Result<Arc<Session>, Failure> {
    let shown: String = name.chars().take(80).collect::<String>().escape_debug().to_string();
    match app.journal.resolve(name)? {
        Resolved::One(session) => Ok(session),
        Resolved::None => Err(Failure(not_found(format!(
            "no session `{shown}`: `wk ls --all` shows what there is"
        )))),
        Resolved::Ambiguous(sessions) => {
            let lines = sessions.iter().map(|session| candidate(session)).collect();
            let detail = format!("`{shown}` could be any of several sessions:");
            Err(Failure(ambiguous(detail, lines)))
        }
    }
}

fn candidate(session: &Session) -> String {
    let name = session.name().unwrap_or("-");
    format!("{}  {name}  {}  {}", session.id, session.phase(), session.created.command.join(" "))
}

/// A JSON body; what is wrong with one is said.
struct Body<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            Failure(if rejection.status().as_u16() == 413 {
                too_large("the request is too large: at most 8 MiB to start a session, else 1 MiB")
            } else {
                bad_request(rejection.body_text())
            })
        })?;
        // No body is an empty one: `POST …/stop` needs no more.
        let bytes = if bytes.is_empty() { Bytes::from_static(b"{}") } else { bytes };
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| Failure(bad_request(format!("the request body is wrong: {error}"))))
    }
}

/// A query string; what is wrong with one is said.
struct Ask<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Ask<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        Query::from_request_parts(parts, state)
            .await
            .map(|Query(query)| Self(query))
            .map_err(|error| Failure(bad_request(error.body_text())))
    }
}

/// Gives the driver an order and waits for what comes of it.
async fn order<T>(app: &App, make: impl FnOnce(Answer<T>) -> Order) -> Result<T, Failure> {
    let (answer, answered) = oneshot::channel();
    app.orders.send(make(answer)).await.map_err(|_| Failure(unavailable()))?;
    Ok(answered.await.map_err(|_| Failure(unavailable()))??)
}
