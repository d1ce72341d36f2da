//! `GET /api/instances`, and closing the circuit breaker of one.

use axum::{
    Json,
    extract::{Path, State},
};
use wk_api::InstanceView;

use super::order;
use crate::{App, Failure, Order, peer::By};

pub(crate) async fn list(State(app): State<App>) -> Result<Json<Vec<InstanceView>>, Failure> {
    Ok(Json(order(&app, |answer| Order::Instances { answer }).await?))
}

pub(crate) async fn reset(
    State(app): State<App>,
    By(by): By,
    Path((template, instance)): Path<(String, String)>,
) -> Result<Json<Vec<InstanceView>>, Failure> {
    order(&app, |answer| Order::ResetBreaker { template, instance, by, answer }).await?;
    list(State(app)).await
}
