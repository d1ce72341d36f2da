//! `GET /api/tools`.

use axum::{Json, extract::State};
use wk_agents::{
    tools::{Tally, ToolNumbers},
    uses::Start,
};
use wk_api::{ToolView, ToolsQuery};
use wk_journal::{Journal, JournalError};
use wk_model::{SessionId, Time};

use super::{Ask, find, parameter};
use crate::{App, Failure, error::unavailable};

pub(crate) async fn tools(
    State(app): State<App>,
    Ask(query): Ask<ToolsQuery>,
) -> Result<Json<Vec<ToolView>>, Failure> {
    let session = query.session.as_deref().map(|name| find(&app, name)).transpose()?;
    let since = parameter::time("since", query.since.as_deref())?;
    let (journal, session) = (app.journal.clone(), session.map(|session| session.id));
    let counted = tokio::task::spawn_blocking(move || count(&journal, session, since)).await;
    let counted = counted.map_err(|_| Failure(unavailable()))??;
    Ok(Json(counted.into_iter().map(view).collect()))
}

fn count(
    journal: &Journal,
    session: Option<SessionId>,
    since: Option<Time>,
) -> Result<Vec<ToolNumbers>, JournalError> {
    let mut tally = Tally::default();
    journal.tool_events(session, since, |event| {
        let start = Start {
            session: event.session,
            tool: event.tool,
            use_id: event.use_id,
            agent_id: event.agent_id,
        };
        match event.end {
            None => tally.start(start, event.at),
            Some(end) => tally.end(&start, event.at, end.outcome, end.duration_ms),
        }
    })?;
    Ok(tally.into_numbers())
}

fn view(numbers: ToolNumbers) -> ToolView {
    let seconds = |ms: u64| ms as f64 / 1000.0;
    ToolView {
        tool: numbers.tool,
        count: numbers.count,
        errors: numbers.failed,
        denied: numbers.denied,
        interrupted: numbers.interrupted,
        running: numbers.open,
        p50_seconds: numbers.p50_ms.map(seconds),
        p95_seconds: numbers.p95_ms.map(seconds),
        total_seconds: seconds(numbers.total_ms),
    }
}
