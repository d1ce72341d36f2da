//! The daemon itself: how it stands, its end, its settings, its journal.

use std::sync::atomic::Ordering;

use axum::{Json, extract::State};
use serde_json::{Value, json};
use wk_api::DaemonStatus;

use super::order;
use crate::{App, Failure, Order};

pub(crate) async fn status(State(app): State<App>) -> Json<DaemonStatus> {
    Json(DaemonStatus {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        socket: app.socket.display().to_string(),
        state_dir: app.state.display().to_string(),
        listen: app.listener.address().map(|address| address.to_string()),
        started_at: app.started_at,
        sessions: app.journal.live().len() as u64,
        orphans: app.orphans.load(Ordering::Relaxed),
        last_seq: app.journal.last().0,
        warnings: [app.warnings.to_vec(), app.listener.warnings(&app.gate)].concat(),
        rules: app.rules.statuses(),
    })
}

pub(crate) async fn stop(State(app): State<App>) -> Result<Json<Value>, Failure> {
    order(&app, |answer| Order::StopDaemon { answer }).await?;
    Ok(Json(json!({ "stopping": true })))
}

pub(crate) async fn reload(State(app): State<App>) -> Result<Json<Value>, Failure> {
    order(&app, |answer| Order::Reload { answer }).await?;
    Ok(Json(json!({ "reloaded": true })))
}

pub(crate) async fn rebuild(State(app): State<App>) -> Result<Json<Value>, Failure> {
    let report = app.journal.rebuild().await?;
    let differing: Vec<_> = report.differing.iter().map(ToString::to_string).collect();
    Ok(Json(json!({
        "sessions": report.sessions,
        "events": report.events,
        "differing": differing,
    })))
}
