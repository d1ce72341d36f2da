//! `GET /api/sessions/{id}/timeline`.

use std::{collections::HashMap, sync::Arc};

use axum::{Json, extract::State};
use wk_agents::{
    timeline::{self, KINDS, Lane},
    uses::ToolUse,
};
use wk_api::{MarkView, Timeline, TimelineLane, TimelineQuery, ToolUseView};
use wk_holder::host;
use wk_journal::{Journal, JournalError, SessionQuery};
use wk_model::{Change, Event, Kind, Session, SessionId, Time};

use super::{Ask, Named, parameter, tools::agent_above};
use crate::{App, Failure, error::unavailable};

/// Events that a timeline is made of, at most: a few hundred bytes each while it is made.
const MOST_EVENTS: usize = 400_000;
/// Sessions that may lie below one.
const MOST_BELOW: usize = 10_000;
/// Bytes of what a tool was asked to do that are looked at.
const BRIEF: usize = 480;

pub(crate) async fn timeline(
    State(app): State<App>,
    Named(session): Named,
    Ask(query): Ask<TimelineQuery>,
) -> Result<Json<Timeline>, Failure> {
    let since = parameter::time("since", query.since.as_deref())?;
    let journal = app.journal.clone();
    let made = tokio::task::spawn_blocking(move || make(&journal, session, since)).await;
    Ok(Json(made.map_err(|_| Failure(unavailable()))??))
}

fn make(
    journal: &Journal,
    session: Arc<Session>,
    since: Option<Time>,
) -> Result<Timeline, JournalError> {
    let family = family(journal, session)?;
    let (mut events, mut more) = (Vec::new(), false);
    for session in &family {
        journal.each_event(session.id, KINDS, |event| {
            if since.is_none_or(|since| event.at.time >= since) {
                events.push(brief(event));
            }
            more = events.len() >= MOST_EVENTS;
            !more
        })?;
        if more {
            break;
        }
    }
    if let Some((agent, own_id)) = agent_above(journal, family[0].id)? {
        let own = family[0].id;
        journal.each_event(agent, KINDS, |mut event| {
            let fits = of_subagent(&event.change) == Some(own_id.as_str());
            if fits && since.is_none_or(|since| event.at.time >= since) {
                event.session_id = Some(own);
                events.push(brief(event));
            }
            more = events.len() >= MOST_EVENTS;
            !more
        })?;
    }
    let sessions: Vec<&Session> = family.iter().map(Arc::as_ref).collect();
    let lanes = timeline::fold(&sessions, events).lanes;
    Ok(view(&family[0], lanes, since, more))
}

/// A session and all below it, each behind its parent.
fn family(journal: &Journal, root: Arc<Session>) -> Result<Vec<Arc<Session>>, JournalError> {
    let query = SessionQuery {
        kinds: vec![Kind::Agent],
        started_after: Some(root.start_time),
        started_before: root.ended().map(|ended| Time::from_millis(ended.at.as_millis() + 1)),
        limit: MOST_BELOW,
        ..SessionQuery::default()
    };
    let mut below: HashMap<SessionId, Vec<Arc<Session>>> = HashMap::new();
    for session in journal.sessions(&query)?.sessions {
        if let Some(parent) = session.created.parent_id
            && session.id != root.id
        {
            below.entry(parent).or_default().push(session);
        }
    }
    let (mut family, mut left) = (Vec::new(), vec![root]);
    while let Some(session) = left.pop() {
        // The newest were listed first, so that the oldest comes next.
        left.extend(below.remove(&session.id).unwrap_or_default());
        family.push(session);
    }
    Ok(family)
}

/// The subagent that an agent's event is about, by the agent's own id.
fn of_subagent(change: &Change) -> Option<&str> {
    match change {
        Change::ToolStarted(started) => started.agent_id.as_deref(),
        Change::ToolFinished(finished) => finished.agent_id.as_deref(),
        Change::PermissionWaited(waited) => waited.agent_id.as_deref(),
        _ => None,
    }
}

/// Without what nobody will be shown: there may be much of it.
fn brief(mut event: Event) -> Event {
    let cut = |text: &mut Option<String>| {
        if let Some(text) = text {
            text.truncate(text.floor_char_boundary(BRIEF));
            text.shrink_to_fit();
        }
    };
    match &mut event.change {
        Change::ToolStarted(started) => cut(&mut started.input.text),
        Change::ToolFinished(finished) => {
            finished.output.text = None;
            cut(&mut finished.error);
        }
        Change::Prompt(prompt) => cut(&mut prompt.prompt.text),
        _ => {}
    }
    event
}

fn view(root: &Session, lanes: Vec<Lane>, since: Option<Time>, more: bool) -> Timeline {
    let lives = lanes.iter().any(|lane| lane.agent_id.is_none() && lane.end.is_none());
    let told = lanes.iter().flat_map(|lane| {
        let uses = lane.uses.iter().filter_map(|used| used.end.or(used.start));
        uses.chain(lane.marks.iter().map(|mark| mark.until.unwrap_or(mark.at))).chain(lane.end)
    });
    let now = (lives || root.ended().is_none()).then(|| host::now().time);
    let end_time = told.chain(now).max().unwrap_or(root.start_time);
    Timeline {
        session_id: root.id.to_string(),
        start_time: since.map_or(root.start_time, |since| since.max(root.start_time)),
        end_time: end_time.max(root.start_time),
        more,
        lanes: lanes.into_iter().map(lane).collect(),
    }
}

fn lane(lane: Lane) -> TimelineLane {
    let marks = lane.marks.into_iter().map(|mark| MarkView {
        kind: mark.kind.as_str().to_owned(),
        time: mark.at,
        until: mark.until,
        text: mark.text,
    });
    TimelineLane {
        session_id: lane.session_id.to_string(),
        agent_id: lane.agent_id,
        title: lane.title,
        depth: lane.depth,
        start_time: lane.start,
        end_time: lane.end,
        tools: lane.uses.into_iter().map(used).collect(),
        marks: marks.collect(),
    }
}

fn used(used: ToolUse) -> ToolUseView {
    ToolUseView {
        tool: used.tool,
        start_time: used.start,
        end_time: used.end,
        duration_seconds: used.duration_ms.map(|ms| ms as f64 / 1000.0),
        outcome: used.outcome,
        error: used.error,
        input: used.input,
    }
}
