//! What clients tell of shells that they run; and closing such a record.
//!
//! Recording takes no token on the loopback, by default; one may come in the body. Who is not
//! known is believed in what it says of its own session, and in nothing else.

use axum::{Extension, Json, extract::State};
use serde_json::Value;
use wk_api::{
    Faults, Problem, SessionView, TrackEnd, TrackHeartbeat, TrackStart, TrackStatus, Tracked,
};

use super::{Body, Named, order};
use crate::{
    App, Failure, Order, TrackOrder,
    auth::{Access, Identity},
    error::bad_request,
    peer::By,
    view::view,
};

pub(crate) async fn start(
    State(app): State<App>,
    Extension(identity): Extension<Identity>,
    Body(told): Body<Value>,
) -> Result<Json<Tracked>, Failure> {
    let verified = may_record(&app, identity, token(&told))?;
    let start = Box::new(TrackStart::read(&told).map_err(|faults| wrong(&faults))?);
    let told = Box::new(TrackOrder { start, verified });
    let session = order(&app, |answer| Order::Track(told, answer)).await?;
    Ok(Json(Tracked::good(session.id, TrackStatus::Tracked)))
}

pub(crate) async fn end(
    State(app): State<App>,
    Extension(identity): Extension<Identity>,
    Body(told): Body<Value>,
) -> Result<Json<Tracked>, Failure> {
    let verified = may_record(&app, identity, token(&told))?;
    let end = Box::new(TrackEnd::read(&told).map_err(|faults| wrong(&faults))?);
    let session_id = order(&app, |answer| Order::TrackEnd { end, verified, answer }).await?;
    Ok(Json(Tracked::good(session_id, TrackStatus::Ended)))
}

pub(crate) async fn heartbeat(
    State(app): State<App>,
    Extension(identity): Extension<Identity>,
    Body(told): Body<Value>,
) -> Result<Json<Tracked>, Failure> {
    let verified = may_record(&app, identity, token(&told))?;
    let TrackHeartbeat { session_id } =
        TrackHeartbeat::read(&told).map_err(|faults| wrong(&faults))?;
    let told = session_id.clone();
    let beat = |answer| Order::Heartbeat { session_id: told, verified, answer };
    let status = order(&app, beat).await?;
    Ok(Json(Tracked::good(session_id, status)))
}

pub(crate) async fn end_record(
    State(app): State<App>,
    By(by): By,
    Named(session): Named,
) -> Result<Json<SessionView>, Failure> {
    let session_id = session.id;
    order(&app, |answer| Order::EndRecord { session_id, by, answer }).await?;
    let now = app.journal.session(session_id)?.unwrap_or(session);
    Ok(Json(view(&now, &app.sessions)))
}

/// Whether it is known who records, if that one may.
fn may_record(app: &App, sender: Identity, token: Option<&str>) -> Result<bool, Problem> {
    let token = token.filter(|_| !sender.is_verified());
    let identity = token.map(|token| app.gate.verify(token)).transpose()?.flatten();
    let identity = identity.unwrap_or(sender);
    identity.may(Access::Record)?;
    app.gate.count(&identity, 1)?;
    Ok(identity.is_verified())
}

fn token(told: &Value) -> Option<&str> {
    told.get("token").and_then(Value::as_str).filter(|token| !token.is_empty())
}

fn wrong(faults: &Faults) -> Failure {
    Failure(bad_request(faults.to_string()))
}
