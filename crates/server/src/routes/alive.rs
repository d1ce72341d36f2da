//! `GET /health` and `GET /healthz`: the daemon is there.

use axum::Json;
use wk_api::Alive;

pub(crate) async fn alive() -> Json<Alive> {
    Json(Alive {
        status: "healthy".into(),
        service: "watchkeeper".into(),
        version: env!("CARGO_PKG_VERSION").into(),
    })
}
