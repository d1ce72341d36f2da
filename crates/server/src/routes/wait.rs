//! `GET /api/sessions/{id}/wait`: answers when a session has ended, fallen silent, or shows a
//! text. Waits for events, and never polls.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State};
use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};
use wk_api::{Problem, WaitFor, WaitQuery, Waited};
use wk_holder::{folder, gauge::Gauges, host, protocol::ScreenRequest};
use wk_journal::Subscription;
use wk_model::{Life, Session, SessionId};
use wk_recording::{Events, Kind};

use super::{Ask, Named, order};
use crate::{App, Failure, Order, error::bad_request, view::view, whole::until_whole};

/// Silence that counts as idle.
const IDLE: u64 = 2000;

/// At most so often is a busy screen looked at.
const BREATH: Duration = Duration::from_millis(20);

/// Output of an ended session that is searched for a text.
const SEARCHED: usize = 1 << 20;

pub(crate) async fn wait(
    State(app): State<App>,
    Named(session): Named,
    Ask(query): Ask<WaitQuery>,
) -> Result<Json<Waited>, Failure> {
    let waiting = async {
        match query.until {
            WaitFor::Exit => until_exit(&app, session.id).await,
            WaitFor::Idle => until_idle(&app, session.id, query.idle_ms.unwrap_or(IDLE)).await,
            WaitFor::Over => until_over(&app, session.id, query.attempt.unwrap_or(1)).await,
            WaitFor::Running => until_running(&app, session.id).await,
            WaitFor::Text => match query.text.as_deref() {
                Some(text) if !text.is_empty() => until_text(&app, session.id, text).await,
                _ => Err(Failure(bad_request("waiting for a text needs `text`"))),
            },
        }
    };
    let met = match query.timeout_ms.map(Duration::from_millis) {
        Some(patience) => timeout(patience, waiting).await.unwrap_or(Ok(false))?,
        None => waiting.await?,
    };
    let now = app.journal.session(session.id)?.unwrap_or(session);
    Ok(Json(Waited { met, session: view(&now, &app.sessions) }))
}

/// A session, and word of whatever happens to it.
struct Watched {
    events: Subscription,
    session: Option<Arc<Session>>,
}

impl Watched {
    /// Subscribes first and looks then, so that nothing can happen unseen in between.
    fn new(app: &App, id: SessionId) -> Result<Self, Failure> {
        let events = app.journal.subscribe(app.journal.last(), Some(id));
        Ok(Self { events, session: app.journal.session(id)? })
    }

    fn is_over(&self) -> bool {
        self.session.as_ref().is_none_or(|session| session.is_ended())
    }

    async fn change(&mut self, app: &App, id: SessionId) -> Result<(), Failure> {
        self.events.next().await?;
        self.session = app.journal.session(id)?;
        Ok(())
    }
}

async fn until_exit(app: &App, id: SessionId) -> Result<bool, Failure> {
    let mut watched = Watched::new(app, id)?;
    while !watched.is_over() {
        watched.change(app, id).await?;
    }
    Ok(true)
}

async fn until_over(app: &App, id: SessionId, attempt: u32) -> Result<bool, Failure> {
    let mut watched = Watched::new(app, id)?;
    while watched.session.as_ref().is_some_and(|session| {
        let under_way = matches!(session.life, Life::Starting | Life::Running { .. });
        !session.is_ended()
            && (session.attempt < attempt || session.attempt == attempt && under_way)
    }) {
        watched.change(app, id).await?;
    }
    Ok(true)
}

async fn until_running(app: &App, id: SessionId) -> Result<bool, Failure> {
    let mut watched = Watched::new(app, id)?;
    loop {
        match watched.session.as_ref().map(|session| &session.life) {
            Some(Life::Running { .. }) => return Ok(true),
            None | Some(Life::Ended(_)) => return Ok(false),
            Some(Life::Queued { .. } | Life::Starting | Life::Recovering { .. }) => {}
        }
        watched.change(app, id).await?;
    }
}

async fn until_idle(app: &App, id: SessionId, idle_ms: u64) -> Result<bool, Failure> {
    let mut watched = Watched::new(app, id)?;
    let folder = app.sessions.join(id.as_str());
    loop {
        let Some(session) = watched.session.clone().filter(|session| !session.is_ended()) else {
            return Ok(false);
        };
        let last = Gauges::read(&folder).ok().flatten().and_then(|gauges| gauges.last_activity);
        let silent = host::now().time.millis_since(last.unwrap_or(session.start_time));
        if silent >= idle_ms {
            return Ok(true);
        }
        tokio::select! {
            // The earliest moment at which it can have been idle long enough.
            () = sleep(Duration::from_millis(idle_ms - silent)) => {}
            change = watched.change(app, id) => change?,
        }
    }
}

async fn until_text(app: &App, id: SessionId, text: &str) -> Result<bool, Failure> {
    let mut watched = Watched::new(app, id)?;
    loop {
        if watched.is_over() {
            if let Some(session) = &watched.session {
                until_whole(app, session).await;
            }
            return Ok(recorded(app, id, text).await);
        }
        // Watched before the look: output in between is not missed.
        let activity = activity(app, id).await;
        if shows(app, id, text).await? {
            return Ok(true);
        }
        match activity {
            Ok(seen) => tokio::select! {
                // A holder that has gone is told of by the journal.
                _ = seen => sleep(BREATH).await,
                change = watched.change(app, id) => change?,
            },
            Err(_) => watched.change(app, id).await?,
        }
    }
}

async fn activity(app: &App, session_id: SessionId) -> Result<oneshot::Receiver<()>, Failure> {
    order(app, |answer| Order::Activity { session_id, answer }).await
}

async fn shows(app: &App, session_id: SessionId, text: &str) -> Result<bool, Failure> {
    let request = ScreenRequest { ansi: false, history: true };
    match order(app, |answer| Order::Screen { session_id, request, answer }).await {
        Ok(screen) => Ok(String::from_utf8_lossy(&screen).contains(text)),
        // It ended in this moment: its end is about to be heard.
        Err(Failure(Problem { status: 409, .. })) => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// Whether an ended session had printed the text, as far as its last output tells.
async fn recorded(app: &App, id: SessionId, text: &str) -> bool {
    let folder = app.sessions.join(id.as_str()).join(folder::RECORDING);
    let text = text.to_owned();
    let search = move || {
        let mut tail = String::new();
        for event in Events::new(&folder) {
            if let Ok(wk_recording::Event { kind: Kind::Output { text: piece, .. }, .. }) = event {
                tail += &piece;
                if tail.contains(&text) {
                    return true;
                }
                if tail.len() > SEARCHED {
                    let keep = tail.floor_char_boundary(tail.len() - text.len().min(tail.len()));
                    tail.drain(..keep);
                }
            }
        }
        false
    };
    tokio::task::spawn_blocking(search).await.unwrap_or(false)
}
