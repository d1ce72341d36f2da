//! The TCP listener: how it stands, on, off, over.

use axum::{Json, extract::State};
use wk_api::ListenerView;

use crate::{App, Failure, Switch, bad_request, peer::Peer};

pub(crate) async fn show(State(app): State<App>) -> Json<ListenerView> {
    Json(app.listener.view(&app.gate))
}

pub(crate) async fn start(State(app): State<App>) -> Json<ListenerView> {
    switch(&app, Switch::On).await
}

pub(crate) async fn stop(State(app): State<App>, by: OverSocket) -> Json<ListenerView> {
    let OverSocket = by;
    switch(&app, Switch::Off).await
}

pub(crate) async fn restart(State(app): State<App>, by: OverSocket) -> Json<ListenerView> {
    let OverSocket = by;
    switch(&app, Switch::Over).await
}

async fn switch(app: &App, switch: Switch) -> Json<ListenerView> {
    app.listener.switch(switch).await;
    show(State(app.clone())).await
}

/// Who switches the listener off must not sit on it.
pub(crate) struct OverSocket;

impl<S: Sync> axum::extract::FromRequestParts<S> for OverSocket {
    type Rejection = Failure;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        _: &S,
    ) -> Result<Self, Failure> {
        match parts.extensions.get::<Peer>() {
            Some(_) => Ok(Self),
            None => Err(Failure(bad_request("this works on the Unix socket only: use `wk mcp`"))),
        }
    }
}
