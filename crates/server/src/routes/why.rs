//! `GET /api/sessions/{id}/why`.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State};
use tokio::time::timeout;
use wk_api::{Why, WhyQuery};
use wk_model::{Session, Verdict};

use super::{Ask, Named};
use crate::{
    App, Failure,
    error::{bad_request, conflict, not_found},
};

/// Nobody waits longer for a verdict.
const MAX_WAIT_MS: u64 = 60_000;

pub(crate) async fn why(
    State(app): State<App>,
    Named(session): Named,
    Ask(query): Ask<WhyQuery>,
) -> Result<Json<Why>, Failure> {
    let wait_ms = query.wait_ms.unwrap_or(0);
    if wait_ms > MAX_WAIT_MS {
        let problem = bad_request(format!("bad `wait_ms`: at most {MAX_WAIT_MS}"));
        return Err(Failure(problem));
    }
    let waiting = settled(&app, &session, query.attempt);
    let settled = timeout(Duration::from_millis(wait_ms), waiting).await;
    let found = match settled {
        Ok(found) => Some(found?),
        Err(_) => app.journal.verdict(session.id, query.attempt)?,
    };
    match found {
        Some(verdict) => Ok(Json(view(&session, verdict))),
        None => Err(Failure(nothing(&session, query.attempt))),
    }
}

/// Waits for a verdict that is settled.
async fn settled(app: &App, session: &Session, attempt: Option<u32>) -> Result<Verdict, Failure> {
    let mut events = app.journal.subscribe(app.journal.last(), Some(session.id));
    loop {
        let found = app.journal.verdict(session.id, attempt)?;
        if let Some(verdict) = found.filter(|verdict| verdict.settled) {
            return Ok(verdict);
        }
        events.next().await?;
    }
}

pub(super) fn view(session: &Arc<Session>, verdict: Verdict) -> Why {
    Why {
        session_id: session.id.to_string(),
        name: session.name().map(str::to_owned),
        kind: session.created.session_kind,
        command: session.created.command.clone(),
        verdict,
    }
}

fn nothing(session: &Session, attempt: Option<u32>) -> wk_api::Problem {
    let id = session.id;
    match attempt {
        Some(attempt) => not_found(format!("there is no verdict on attempt {attempt} of {id}")),
        None if !session.is_ended() => {
            conflict(format!("session {id} has not ended: `wk show {id}` says how it is"))
        }
        None => not_found(format!(
            "there is no verdict on session {id} yet: a moment after an end there is one"
        )),
    }
}
