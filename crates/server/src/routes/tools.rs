//! `GET /api/tools`.

use std::collections::HashSet;

use axum::{Json, extract::State};
use wk_agents::{
    tools::{Tally, ToolNumbers},
    uses::Start,
};
use wk_api::{ToolView, ToolsQuery};
use wk_journal::{Journal, JournalError, ToolEvent};
use wk_model::{Kind, SessionId, Time};

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
    journal.tool_events(session, since, |event| take(&mut tally, event))?;
    if let Some(session) = session
        && let Some((agent, own_id)) = agent_above(journal, session)?
    {
        journal.tool_events(Some(agent), since, |event| {
            if event.agent_id.as_ref() == Some(&own_id) {
                take(&mut tally, ToolEvent { session: Some(session), ..event });
            }
        })?;
    }
    let live: HashSet<_> = journal.live().iter().map(|session| session.id).collect();
    Ok(tally.into_numbers(|session| session.is_some_and(|id| live.contains(&id))))
}

fn take(tally: &mut Tally, event: ToolEvent) {
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
}

/// The agent that tells of this session, and by which id, where it is a subagent's.
pub(super) fn agent_above(
    journal: &Journal,
    session_id: SessionId,
) -> Result<Option<(SessionId, String)>, JournalError> {
    let Some(session) = journal.session(session_id)? else { return Ok(None) };
    let Some(parent) = session.created.parent_id else { return Ok(None) };
    let above = journal.session(parent)?;
    let is_agent = above.is_some_and(|above| above.created.session_kind == Kind::Agent);
    let own_id = session.created.external_id.clone().filter(|_| is_agent);
    Ok(own_id.map(|id| (parent, id)))
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
        unfinished: numbers.unfinished,
        p50_seconds: numbers.p50_ms.map(seconds),
        p95_seconds: numbers.p95_ms.map(seconds),
        total_seconds: seconds(numbers.total_ms),
    }
}
