//! `GET /stream`: a WebSocket on which boards see events as they come.

use std::{collections::HashSet, time::Duration};

use axum::{
    Extension,
    extract::{
        State,
        ws::{Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    response::{IntoResponse, Response},
};
use tokio::{sync::broadcast::error::RecvError, time::timeout};
use tokio_util::sync::CancellationToken;

use super::collector::array;
use crate::{App, Failure, bad_request, listener::Closing};

/// Events that a board gets to begin with.
const INITIAL: usize = 300;

/// Boards have nothing to say.
const MAX_MESSAGE: usize = 64 << 10;

/// A board that takes no more for so long has left.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn stream(
    State(app): State<App>,
    closing: Option<Extension<Closing>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return Failure(bad_request(rejection.body_text())).into_response(),
    };
    let closing = closing.map(|Extension(Closing(closing))| closing).unwrap_or_default();
    let upgrade = upgrade.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE);
    upgrade.on_upgrade(async move |socket| {
        let ending = app.ending.clone();
        tokio::select! {
            // Whoever left needs no farewell.
            _ = show(app, socket) => {}
            () = over(ending, closing) => {}
        }
    })
}

async fn over(ending: CancellationToken, closing: CancellationToken) {
    tokio::select! {
        () = ending.cancelled() => {}
        () = closing.cancelled() => {}
    }
}

/// The client has left.
struct Left;

async fn show(app: App, mut socket: WebSocket) -> Result<(), Left> {
    // Followed first, looked at then: nothing can go unseen in between.
    let mut events = app.collector.follow();
    let mut shown = initial(&app, &mut socket).await?;
    loop {
        let heard = tokio::select! {
            heard = events.recv() => heard,
            message = socket.recv() => match message {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Left),
                Some(Ok(_)) => continue,
            },
        };
        match heard {
            Ok(event) if shown.contains(&event.id) => {}
            Ok(event) => {
                send(&mut socket, format!("{{\"type\":\"event\",\"data\":{}}}", event.json))
                    .await?;
            }
            // It was too far behind: it begins anew.
            Err(RecvError::Lagged(_)) => shown = initial(&app, &mut socket).await?,
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

/// Sends the latest events; answers which they are.
async fn initial(app: &App, socket: &mut WebSocket) -> Result<HashSet<u64>, Left> {
    let events = app.collector.recent(INITIAL).await;
    send(socket, format!("{{\"type\":\"initial\",\"data\":{}}}", array(&events))).await?;
    Ok(events.iter().map(|event| event.id).collect())
}

async fn send(socket: &mut WebSocket, text: String) -> Result<(), Left> {
    match timeout(PATIENCE, socket.send(Message::Text(text.into()))).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(Left),
    }
}
