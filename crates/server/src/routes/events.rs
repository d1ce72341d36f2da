//! The journal's events as they come: `GET /api/events` and `…/sessions/{id}/events`.

use axum::{extract::State, http::HeaderMap, response::Response};
use serde_json::json;
use wk_api::{EventQuery, EventView};
use wk_journal::{EventQuery as Selection, Journal, JournalError};
use wk_model::{Seq, SessionId};

use super::{Ask, Named, find};
use crate::{
    App, Failure,
    error::bad_request,
    sse::{EventSender, Left, respond},
    view::view,
};

/// Events that are read at a time.
const BATCH: usize = 500;

pub(crate) async fn events(
    State(app): State<App>,
    headers: HeaderMap,
    Ask(query): Ask<EventQuery>,
) -> Result<Response, Failure> {
    let session = query.session.as_deref().map(|name| find(&app, name)).transpose()?;
    stream(app, &headers, &query, session.map(|session| session.id))
}

pub(crate) async fn session_events(
    State(app): State<App>,
    headers: HeaderMap,
    Named(session): Named,
    Ask(query): Ask<EventQuery>,
) -> Result<Response, Failure> {
    stream(app, &headers, &query, Some(session.id))
}

fn stream(
    app: App,
    headers: &HeaderMap,
    query: &EventQuery,
    session_id: Option<SessionId>,
) -> Result<Response, Failure> {
    let from = match headers.get("last-event-id") {
        Some(id) => resume(&app.journal, id.to_str().unwrap_or_default())?,
        // From the beginning is from what is kept.
        None => From::Seq(match query.after {
            None | Some(0) => Seq(app.journal.first().0.saturating_sub(1)),
            Some(after) => Seq(after),
        }),
    };
    let follow = query.follow.unwrap_or(false);
    let ending = app.ending.clone();
    Ok(respond(ending, async move |sender| send(&app, &sender, from, session_id, follow).await))
}

/// Where a stream begins.
enum From {
    Seq(Seq),
    /// The client's last event is not one that this journal still knows.
    Anew,
}

/// Reads `<journal-id>:<seq>`.
fn resume(journal: &Journal, id: &str) -> Result<From, Failure> {
    let parsed = id.split_once(':').and_then(|(id, seq)| Some((id, seq.parse().ok()?)));
    let Some((id, seq)) = parsed else {
        return Err(Failure(bad_request("Last-Event-ID must be one that this daemon sent")));
    };
    let known = id == journal.id().to_string() && Seq(seq) <= journal.last();
    Ok(if known && seq + 1 >= journal.first().0 { From::Seq(Seq(seq)) } else { From::Anew })
}

async fn send(
    app: &App,
    sender: &EventSender,
    from: From,
    session_id: Option<SessionId>,
    follow: bool,
) -> Result<(), Left> {
    let journal = &app.journal;
    let mut after = match from {
        From::Seq(seq) => seq,
        From::Anew => reset(app, sender).await?,
    };
    if !follow {
        let last = journal.last();
        while let Ok(events) = read(journal, after, session_id) {
            for event in events.iter().take_while(|event| event.seq <= last) {
                send_event(journal, sender, event).await?;
            }
            match events.last() {
                Some(event) if event.seq < last => after = event.seq,
                _ => break,
            }
        }
        return Ok(());
    }
    let mut subscription = journal.subscribe(after, session_id);
    loop {
        let events = tokio::select! {
            events = subscription.next() => events,
            () = sender.left() => return Err(Left),
        };
        match events {
            Ok(events) => {
                for event in &events {
                    send_event(journal, sender, event).await?;
                }
            }
            Err(JournalError::Trimmed { .. }) => {
                let after = reset(app, sender).await?;
                subscription = journal.subscribe(after, session_id);
            }
            Err(error) => {
                tracing::warn!(%error, "an event stream ends");
                return Ok(());
            }
        }
    }
}

fn read(
    journal: &Journal,
    after: Seq,
    session: Option<SessionId>,
) -> Result<Vec<wk_model::Event>, JournalError> {
    journal.events(&Selection { after, session, limit: BATCH, ..Selection::default() })
}

/// Tells the client to begin anew, from a snapshot of what lives.
async fn reset(app: &App, sender: &EventSender) -> Result<Seq, Left> {
    let last = app.journal.last();
    let live = app.journal.live();
    let sessions: Vec<_> = live.iter().map(|session| view(session, &app.sessions)).collect();
    let id = format!("{}:{last}", app.journal.id());
    sender.send(Some(&id), "reset", &json!({ "seq": last.0, "sessions": sessions })).await?;
    Ok(last)
}

async fn send_event(
    journal: &Journal,
    sender: &EventSender,
    event: &wk_model::Event,
) -> Result<(), Left> {
    let id = format!("{}:{}", journal.id(), event.seq);
    sender.send(Some(&id), event.change.kind(), &EventView::from(event)).await
}
