//! `GET /api/sessions`.

use std::str::FromStr;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use wk_api::{ListQuery, MORE};
use wk_journal::{SessionQuery, SessionType};
use wk_model::{Label, Time};

use super::{
    Ask, find,
    parameter::{limit, time},
};
use crate::{App, Failure, error::bad_request, view::view};

pub(crate) async fn list(
    State(app): State<App>,
    Ask(query): Ask<ListQuery>,
) -> Result<Response, Failure> {
    let page = app.journal.sessions(&filters(&app, &query)?)?;
    let views: Vec<_> = page.sessions.iter().map(|session| view(session, &app.sessions)).collect();
    let more = page.more.then_some([(MORE, "true")]);
    Ok((more, Json(views)).into_response())
}

/// The filters as the journal understands them.
pub(crate) fn filters(app: &App, query: &ListQuery) -> Result<SessionQuery, Failure> {
    let (mut started_before, mut before) = (None, None);
    if let Some(text) = &query.before {
        match Time::parse(text) {
            Ok(time) => started_before = Some(time),
            Err(_) => before = Some(find(app, text)?.id),
        }
    }
    Ok(SessionQuery {
        statuses: words(query.status.as_deref())?,
        active: query.active == Some(true),
        failed: query.failed == Some(true),
        kinds: words(query.kind.as_deref())?,
        session_type: query.session_type.as_deref().map(SessionType::from),
        incomplete: query.incomplete == Some(true),
        name: query.name.clone(),
        agent_id: query.agent_id.clone(),
        component: query.component.clone(),
        username: query.user.clone(),
        labels: labels(query.label.as_deref())?,
        started_after: time("after", query.after.as_deref())?,
        started_before,
        longer_than_ms: query.duration_greater.map(|seconds| seconds.saturating_mul(1000)),
        ended_since: time("ended_since", query.ended_since.as_deref())?,
        before,
        limit: limit(query.limit),
    })
}

fn words<T: FromStr<Err = String>>(list: Option<&str>) -> Result<Vec<T>, Failure> {
    let words = list.into_iter().flat_map(|list| list.split(','));
    words.map(|word| word.parse().map_err(|error: String| Failure(bad_request(error)))).collect()
}

fn labels(list: Option<&str>) -> Result<Vec<Label>, Failure> {
    let labels = list.into_iter().flat_map(|list| list.split(','));
    let bad = |error: wk_model::BadLabel| Failure(bad_request(error.to_string()));
    labels.map(|label| label.parse().map_err(bad)).collect()
}
