//! `GET /api/sessions/{id}/recording`: one asciicast v3 file.

use std::{io, thread};

use axum::{
    body::Body,
    extract::State,
    http::header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;
use wk_holder::folder;
use wk_recording::{ExportOptions, StderrAs, export, read_segments};

use super::Named;
use crate::{
    App, Failure,
    error::{internal, not_found},
    view::{cleaned_up, was_cleaned_up},
    whole::until_whole,
};

/// Bytes that are handed on at a time.
const PIECE: usize = 64 << 10;

pub(crate) async fn recording(
    State(app): State<App>,
    Named(session): Named,
) -> Result<Response, Failure> {
    let id = session.id;
    let reading = app.readers.read(id);
    until_whole(&app, &session).await;
    let folder = app.sessions.join(id.as_str()).join(folder::RECORDING);
    let segments = read_segments(&folder).map_err(|error| Failure(internal(error.to_string())))?;
    if was_cleaned_up(&session, &app.sessions) {
        return Err(Failure(not_found(cleaned_up(id))));
    }
    if segments.is_empty() {
        return Err(Failure(not_found(format!("session {id} has no recording"))));
    }
    let terminal = session.created.terminal;
    let options = ExportOptions { stderr: StderrAs::Output, carriage_returns: !terminal };
    let (sender, receiver) = mpsc::channel(4);
    // Reading files blocks; the channel makes it wait for a slow client.
    thread::spawn(move || {
        let _reading = reading;
        let mut pieces = Pieces { sender, piece: Vec::with_capacity(PIECE) };
        let exported = export(&folder, &mut pieces, options).map_err(|error| error.to_string());
        if let Err(error) = exported.and_then(|_| pieces.send().map_err(|e| e.to_string())) {
            tracing::warn!(%id, error, "a recording was not sent whole");
        }
    });
    let body = stream::unfold(receiver, |mut receiver| async {
        let piece = receiver.recv().await?;
        Some((Ok::<_, io::Error>(piece), receiver))
    });
    let name = format!("attachment; filename=\"{id}.cast\"");
    let headers =
        [(CONTENT_TYPE, "application/x-asciicast".to_owned()), (CONTENT_DISPOSITION, name)];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// Hands what is written on to a channel.
struct Pieces {
    sender: mpsc::Sender<Bytes>,
    piece: Vec<u8>,
}

impl Pieces {
    fn send(&mut self) -> io::Result<()> {
        let piece = Bytes::from(std::mem::take(&mut self.piece));
        self.sender.blocking_send(piece).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl io::Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend(bytes);
        if self.piece.len() >= PIECE {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}
