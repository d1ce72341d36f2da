//! The routes, one file per thing they are about.

mod act;
mod alive;
mod analytics;
mod attach;
mod clean;
mod collector;
mod create;
mod daemon;
mod deaths;
mod events;
mod health;
mod instances;
mod list;
mod listener;
mod output;
mod parameter;
mod recording;
mod show;
mod stats;
mod stop;
mod stream;
mod timeline;
mod tmux;
mod tokens;
mod tools;
mod track;
mod wait;
mod why;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Path, Query, Request},
    http::request::Parts,
    routing::{delete, get, post},
};
use serde::de::DeserializeOwned;
use tokio::{sync::oneshot, time::timeout};
use wk_api::{MAX_CREATE_BYTES, Problem};
use wk_journal::Resolved;
use wk_model::Session;

use crate::{
    App, Failure, Order,
    auth::Access,
    error::{ambiguous, bad_request, not_found, slow, too_large, unavailable},
    openapi,
    order::Answer,
    table::Table,
};

/// How long a body may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most bytes that any other request may have.
const MAX_BODY: usize = 1 << 20;

pub(crate) fn router(app: App) -> Router {
    use Access::{Admin, Delete, Inside, Look, Public, Read, Record, Write};
    let create = post(create::create).layer(DefaultBodyLimit::max(MAX_CREATE_BYTES));
    let api = Table::new(&app.gate)
        .route("/sessions", Look, get(list::list))
        .route("/sessions", Write, create)
        .route("/sessions/stop", Write, post(stop::stop_many))
        .route("/sessions/{session}", Look, get(show::show))
        .route("/sessions/{session}", Delete, delete(act::remove))
        .route("/sessions/{session}/stop", Write, post(stop::stop))
        .route("/sessions/{session}/restart", Write, post(stop::restart))
        .route("/sessions/{session}/signal", Write, post(act::signal))
        .route("/sessions/{session}/input", Write, post(act::input))
        .route("/sessions/{session}/resize", Write, post(act::resize))
        .route("/sessions/{session}/screen", Read, get(show::screen))
        .route("/sessions/{session}/output", Read, get(output::output))
        .route("/sessions/{session}/attach", Write, get(attach::attach))
        .route("/sessions/{session}/wait", Read, get(wait::wait))
        .route("/sessions/{session}/recording", Read, get(recording::recording))
        .route("/sessions/{session}/events", Read, get(events::session_events))
        .route("/sessions/{session}/why", Read, get(why::why))
        .route("/sessions/{session}/timeline", Read, get(timeline::timeline))
        .route("/tools", Look, get(tools::tools))
        .route("/deaths", Read, get(deaths::deaths))
        .route("/deaths/patterns", Read, get(deaths::patterns))
        .route("/events", Read, get(events::events))
        .route("/health", Look, get(health::health))
        .route("/stats", Look, get(stats::stats))
        .route("/analytics", Look, get(analytics::analytics))
        .route("/clean", Admin, post(clean::clean))
        .route("/instances", Look, get(instances::list))
        .route("/instances/{template}/{instance}/reset", Write, post(instances::reset))
        .route("/tmux", Look, get(tmux::list))
        .route("/tmux/repair", Write, post(tmux::repair))
        .route("/daemon", Look, get(daemon::status))
        .route("/daemon/stop", Admin, post(daemon::stop))
        .route("/daemon/reload", Admin, post(daemon::reload))
        .route("/rebuild", Admin, post(daemon::rebuild))
        .route("/openapi.json", Look, get(openapi::document))
        .route("/listener", Look, get(listener::show))
        .route("/listener/start", Admin, post(listener::start))
        .route("/listener/stop", Admin, post(listener::stop))
        .route("/listener/restart", Admin, post(listener::restart))
        .route("/tokens", Admin, get(tokens::list).post(tokens::create))
        .route("/tokens/{token}", Admin, delete(tokens::revoke))
        .route("/sessions/{session}/end", Write, post(track::end_record))
        .route("/track/start", Inside, post(track::start))
        .route("/track/end", Inside, post(track::end))
        .route("/track/heartbeat", Inside, post(track::heartbeat))
        .router()
        .layer(DefaultBodyLimit::max(MAX_BODY));
    let backend = wk_mcp::Backend::Routes(api.clone().with_state(app.clone()));
    let mcp = wk_mcp::http(backend, &app.ending);
    let outside = Table::new(&app.gate)
        .route("/health", Public, get(alive::alive))
        .route("/healthz", Public, get(alive::alive))
        .route("/events", Record, post(collector::take))
        .route("/events/recent", Read, get(collector::recent))
        .route("/events/filter-options", Look, get(collector::options))
        .route("/stream", Read, get(stream::stream))
        .route("/mcp", Inside, mcp)
        .router();
    outside
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
        let reading = timeout(PATIENCE, Bytes::from_request(request, state)).await;
        let bytes = reading.map_err(|_| Failure(slow()))?.map_err(|rejection| {
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
