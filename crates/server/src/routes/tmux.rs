//! `GET /api/tmux`, and having a server make its socket anew.

use axum::{Json, extract::State};
use wk_api::{RepairTmux, TmuxRepaired, TmuxServerView};

use super::{Body, order};
use crate::{App, Failure, Order};

pub(crate) async fn list(State(app): State<App>) -> Result<Json<Vec<TmuxServerView>>, Failure> {
    Ok(Json(order(&app, |answer| Order::Tmux { answer }).await?))
}

pub(crate) async fn repair(
    State(app): State<App>,
    Body(request): Body<RepairTmux>,
) -> Result<Json<Vec<TmuxRepaired>>, Failure> {
    let socket = request.socket.map(Into::into);
    Ok(Json(order(&app, |answer| Order::RepairTmux { socket, answer }).await?))
}
