//! `GET /api/sessions/{id}/output`: what a session printed, read from its recording.
//!
//! The holder is not asked: the kernel tells when the recording grows, and a session whose
//! holder is stopped or gone can be read all the same.

use std::{path::Path, time::Duration};

use axum::{extract::State, response::Response};
use tokio::time::Instant;
use wk_api::{OutputChunk, OutputQuery, OutputStream};
use wk_holder::folder;
use wk_model::{Ending, SessionId, Time};
use wk_recording::{Event, Follower, Kind, ReadError, Stream};
use wk_sources::{folder_watch::FolderWatch, until};

use super::{Ask, Named, parameter::time};
use crate::{
    App, Failure,
    error::not_found,
    sse::{EventSender, Left, respond},
    view::{cleaned_up, was_cleaned_up},
};

pub(crate) async fn output(
    State(app): State<App>,
    Named(session): Named,
    Ask(query): Ask<OutputQuery>,
) -> Result<Response, Failure> {
    if !session.created.recorded {
        let id = session.id;
        let detail = format!("session {id} is not recorded: attach to it, or ask for its screen");
        return Err(Failure(not_found(detail)));
    }
    if was_cleaned_up(&session, &app.sessions) {
        return Err(Failure(not_found(cleaned_up(session.id))));
    }
    let since = time("since", query.since.as_deref())?;
    let selection = Selection { since, stream: query.stream };
    let follow = query.follow.unwrap_or(false);
    let ending = app.ending.clone();
    Ok(respond(ending, async move |sender| send(app, &sender, session.id, selection, follow).await))
}

struct Selection {
    since: Option<Time>,
    stream: Option<OutputStream>,
}

/// What is read of a recording, on its way to a client.
struct Reading {
    follower: Follower,
    selection: Selection,
    /// The last thing that was read is the end of an attempt.
    at_exit: bool,
}

async fn send(
    app: App,
    sender: &EventSender,
    session_id: SessionId,
    selection: Selection,
    follow: bool,
) -> Result<(), Left> {
    let recording = app.sessions.join(session_id.as_str()).join(folder::RECORDING);
    let _reading = app.readers.read(session_id);
    let follower = Follower::from_start(&recording);
    let mut reading = Reading { follower, selection, at_exit: false };
    // Watched before the first reading: nothing can grow unseen in between.
    let mut growth = watch(&recording);
    let mut life = app.journal.subscribe(app.journal.last(), Some(session_id));
    let mut patience = None;
    loop {
        let expected = still_expected(&app, session_id, follow);
        reading.send_new(sender).await?;
        match expected {
            Expected::Nothing => return sender.send(None, "end", &"").await,
            Expected::Rest if reading.at_exit => return sender.send(None, "end", &"").await,
            // The end of a session is told before its recording is whole.
            Expected::Rest => patience = patience.or(Some(Instant::now() + REST)),
            Expected::More => {}
        }
        tokio::select! {
            () = grown(&mut growth) => {}
            told = life.next() => if told.is_err() {
                return sender.send(None, "end", &"").await;
            },
            () = sender.left() => return Err(Left),
            () = until(patience) => return sender.send(None, "end", &"").await,
        }
        if !growth.as_ref().is_some_and(|(_, whole)| *whole) {
            growth = watch(&recording);
        }
    }
}

/// How long the rest of the recording of an ended session may take to come to the disk.
const REST: Duration = Duration::from_secs(2);

/// What may come after what is there.
enum Expected {
    Nothing,
    /// The recording's last bytes.
    Rest,
    /// Whatever the session prints.
    More,
}

fn still_expected(app: &App, session_id: SessionId, follow: bool) -> Expected {
    let session = app.journal.session(session_id).ok().flatten();
    let ending = session.as_ref().map(|session| session.ended().map(|ended| &ended.ending));
    match ending {
        Some(None) if follow => Expected::More,
        Some(Some(Ending::Exited { .. } | Ending::Signaled { .. })) => Expected::Rest,
        None | Some(_) => Expected::Nothing,
    }
}

impl Reading {
    async fn send_new(&mut self, sender: &EventSender) -> Result<(), Left> {
        loop {
            match self.follower.next_event() {
                Ok(Some(event)) => {
                    self.at_exit = matches!(event.kind, Kind::Exit(_));
                    send_event(sender, event, &self.selection).await?;
                }
                Ok(None) => return Ok(()),
                Err(error @ ReadError::Damaged { .. }) => {
                    notice(sender, &error.to_string()).await?;
                }
                // It may go by itself; whoever asks for more tries again.
                Err(error) => return notice(sender, &error.to_string()).await,
            }
        }
    }
}

async fn send_event(sender: &EventSender, event: Event, selection: &Selection) -> Result<(), Left> {
    let time = Time::from_millis(i64::try_from(event.time_ms()).unwrap_or(i64::MAX));
    if selection.since.is_some_and(|since| time < since) {
        return Ok(());
    }
    match event.kind {
        Kind::Output { stream, text } => {
            let stream = match stream {
                Stream::Stdout => OutputStream::Stdout,
                Stream::Stderr => OutputStream::Stderr,
            };
            if selection.stream.is_none_or(|wanted| wanted == stream) {
                return sender.send(None, "output", &OutputChunk { time, stream, text }).await;
            }
            Ok(())
        }
        Kind::Dropped { bytes } => {
            notice(sender, &format!("{bytes} bytes of earlier output are not kept")).await
        }
        Kind::Marker(text) if text.starts_with("watchkeeper: gap") => notice(sender, &text).await,
        Kind::Resize { .. }
        | Kind::Marker(_)
        | Kind::Exit(_)
        | Kind::Checkpoint(_)
        | Kind::Other { .. } => Ok(()),
    }
}

async fn notice(sender: &EventSender, text: &str) -> Result<(), Left> {
    sender.send(None, "notice", &text).await
}

/// Watches a recording; true. While the holder has not made it: the folder where it will be.
fn watch(recording: &Path) -> Option<(FolderWatch, bool)> {
    let whole = FolderWatch::new(recording).ok().map(|watch| (watch, true));
    let parent = || FolderWatch::new(recording.parent()?).ok().map(|watch| (watch, false));
    whole.or_else(parent)
}

async fn grown(growth: &mut Option<(FolderWatch, bool)>) {
    match growth {
        Some((watch, _)) => {
            if watch.changed().await.is_err() {
                *growth = None;
            }
        }
        // The user's watches are all taken: the kernel cannot tell.
        None => tokio::time::sleep(UNTOLD).await,
    }
}

/// Between looks at a recording that the kernel cannot tell of.
const UNTOLD: Duration = Duration::from_millis(500);
