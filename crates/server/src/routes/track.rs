//! What clients tell of shells that they run; and closing such a record.

use axum::{Json, extract::State};
use serde_json::Value;
use wk_api::{Faults, SessionView, TrackEnd, TrackHeartbeat, TrackStart, TrackStatus, Tracked};

use super::{Body, Named, order};
use crate::{App, Failure, Order, TrackOrder, error::bad_request, view::view};

pub(crate) async fn start(
    State(app): State<App>,
    Body(told): Body<Value>,
) -> Result<Json<Tracked>, Failure> {
    let start = Box::new(TrackStart::read(&told).map_err(wrong)?);
    let told = Box::new(TrackOrder { start, verified: true });
    let session = order(&app, |answer| Order::Track(told, answer)).await?;
    Ok(Json(Tracked::good(session.id, TrackStatus::Tracked)))
}

pub(crate) async fn end(
    State(app): State<App>,
    Body(told): Body<Value>,
) -> Result<Json<Tracked>, Failure> {
    let end = Box::new(TrackEnd::read(&told).map_err(wrong)?);
    let verified = true;
    let session_id = order(&app, |answer| Order::TrackEnd { end, verified, answer }).await?;
    Ok(Json(Tracked::good(session_id, TrackStatus::Ended)))
}

pub(crate) async fn heartbeat(
    State(app): State<App>,
    Body(told): Body<Value>,
) -> Result<Json<Tracked>, Failure> {
    let TrackHeartbeat { session_id, .. } = TrackHeartbeat::read(&told).map_err(wrong)?;
    let (told, verified) = (session_id.clone(), true);
    let beat = |answer| Order::Heartbeat { session_id: told, verified, answer };
    let status = order(&app, beat).await?;
    Ok(Json(Tracked::good(session_id, status)))
}

pub(crate) async fn end_record(
    State(app): State<App>,
    Named(session): Named,
) -> Result<Json<SessionView>, Failure> {
    let session_id = session.id;
    order(&app, |answer| Order::EndRecord { session_id, answer }).await?;
    let now = app.journal.session(session_id)?.unwrap_or(session);
    Ok(Json(view(&now, &app.sessions)))
}

fn wrong(faults: Faults) -> Failure {
    Failure(bad_request(faults.to_string()))
}
