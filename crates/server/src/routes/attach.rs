//! `GET /api/sessions/{id}/attach`: the connection becomes a line to the holder.

use axum::{
    extract::{Request, State},
    http::{
        StatusCode,
        header::{CONNECTION, UPGRADE},
    },
    response::{IntoResponse, Response},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy},
    net::UnixStream,
};
use wk_api::{ATTACH_PROTOCOL, AttachQuery};
use wk_holder::protocol::AttachRequest;

use super::{Ask, Named, order};
use crate::{App, Failure, Order, error::bad_request};

pub(crate) async fn attach(
    State(app): State<App>,
    Named(session): Named,
    Ask(query): Ask<AttachQuery>,
    mut http: Request,
) -> Result<Response, Failure> {
    if http.headers().get(UPGRADE).is_none_or(|value| value != ATTACH_PROTOCOL) {
        let detail = format!("attaching needs `Upgrade: {ATTACH_PROTOCOL}`");
        return Err(Failure(bad_request(detail)));
    }
    let session_id = session.id;
    let request = AttachRequest {
        read_only: query.read_only,
        cols: query.cols,
        rows: query.rows,
        feed: query.feed,
        history: query.history,
        received: query.received,
    };
    let holder = order(&app, |answer| Order::Attach { session_id, request, answer }).await?;
    let upgrade = hyper::upgrade::on(&mut http);
    let ending = app.ending.clone();
    tokio::spawn(async move {
        let client = match upgrade.await {
            Ok(client) => TokioIo::new(client),
            Err(error) => {
                tracing::debug!(%error, "a client left while it attached");
                return;
            }
        };
        tokio::select! {
            () = relay(client, holder) => {}
            () = ending.cancelled() => {}
        }
    });
    let headers = [(CONNECTION, "upgrade"), (UPGRADE, ATTACH_PROTOCOL)];
    Ok((StatusCode::SWITCHING_PROTOCOLS, headers).into_response())
}

/// Brings bytes both ways until the holder has said its last.
///
/// A holder whose session has ended takes no more input; its last words are still on the way,
/// so a failure in that direction must not end the other. Of a client that is gone the holder
/// is told, and hangs up.
async fn relay(client: impl AsyncRead + AsyncWrite, holder: UnixStream) {
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_holder, mut to_holder) = holder.into_split();
    let input = async {
        let _ = copy(&mut from_client, &mut to_holder).await;
        let _ = to_holder.shutdown().await;
        std::future::pending::<()>().await;
    };
    let output = async {
        let _ = copy(&mut from_holder, &mut to_client).await;
        let _ = to_client.shutdown().await;
    };
    tokio::select! {
        () = input => {}
        () = output => {}
    }
}
