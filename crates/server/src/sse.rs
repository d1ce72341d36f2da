//! Server-sent events, written from a task of their own.

use std::convert::Infallible;

use axum::{
    body::Body,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Events that may wait for a slow client; then the writer waits.
const WAITING: usize = 16;

/// Sends events to one client.
#[derive(Debug)]
pub(crate) struct EventSender(mpsc::Sender<Bytes>);

/// The client has left.
#[derive(Debug)]
pub(crate) struct Left;

impl EventSender {
    /// Sends one event; waits while the client is behind.
    pub(crate) async fn send(
        &self,
        id: Option<&str>,
        event: &str,
        data: &impl Serialize,
    ) -> Result<(), Left> {
        let mut text = String::new();
        if let Some(id) = id {
            text += &format!("id: {id}\n");
        }
        // JSON has no line breaks of its own, so one data line is enough.
        let data = serde_json::to_string(data).unwrap_or_default();
        text += &format!("event: {event}\ndata: {data}\n\n");
        self.0.send(Bytes::from(text)).await.map_err(|_| Left)
    }

    /// Ends when the client has left.
    pub(crate) async fn left(&self) {
        self.0.closed().await;
    }
}

/// Answers with the events that `write` sends; ends with the daemon at the latest.
pub(crate) fn respond<F>(
    ending: CancellationToken,
    write: impl FnOnce(EventSender) -> F,
) -> Response
where
    F: Future<Output = Result<(), Left>> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(WAITING);
    let writing = write(EventSender(sender));
    tokio::spawn(async move {
        tokio::select! {
            // A client that left needs no farewell.
            _ = writing => {}
            () = ending.cancelled() => {}
        }
    });
    let body = stream::unfold(receiver, |mut receiver| async {
        let piece = receiver.recv().await?;
        Some((Ok::<_, Infallible>(piece), receiver))
    });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(body)).into_response()
}
