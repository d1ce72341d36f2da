//! `POST /api/clean`.

use axum::{Json, extract::State};
use wk_api::{CleanRequest, Cleaned};

use super::{Body, order};
use crate::{App, Failure, Order};

pub(crate) async fn clean(
    State(app): State<App>,
    Body(request): Body<CleanRequest>,
) -> Result<Json<Cleaned>, Failure> {
    Ok(Json(order(&app, |answer| Order::Clean { request, answer }).await?))
}
