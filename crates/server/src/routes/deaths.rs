//! `GET /api/deaths`, and what repeats in them.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use wk_api::{Death, DeathsQuery, MORE};
use wk_journal::Judged;
use wk_model::{Cause, Culprit, Time};

use super::Ask;
use crate::{
    App, Failure,
    error::{bad_request, unavailable},
};

/// Deaths in a list when nobody says how many.
const LIMIT: u32 = 100;

pub(crate) async fn deaths(
    State(app): State<App>,
    Ask(query): Ask<DeathsQuery>,
) -> Result<Response, Failure> {
    let limit = match query.limit.unwrap_or(LIMIT) {
        0 => usize::MAX,
        limit => limit as usize,
    };
    let mut found = select(&app, &query).await?;
    let more = (found.len() > limit).then_some([(MORE, "true")]);
    found.truncate(limit);
    let deaths: Vec<Death> = found.iter().map(|judged| view(&app, judged)).collect();
    Ok((more, Json(deaths)).into_response())
}

/// The deaths that are asked for, newest first.
async fn select(app: &App, query: &DeathsQuery) -> Result<Vec<Judged>, Failure> {
    let since = query.since.as_deref().map(Time::parse).transpose();
    let since = since.map_err(|error| Failure(bad_request(format!("bad `since`: {error}"))))?;
    let cause = query.cause.as_deref().map(str::parse::<Cause>).transpose();
    let cause = cause.map_err(|error| Failure(bad_request(error)))?;
    let (journal, all) = (app.journal.clone(), query.all || cause.is_some());
    let read = tokio::task::spawn_blocking(move || journal.verdicts(since, usize::MAX)).await;
    let mut judged = read.map_err(|_| Failure(unavailable()))??;
    judged.retain(|judged| {
        (all || judged.verdict.unexpected)
            && cause.is_none_or(|cause| judged.verdict.cause == cause)
    });
    judged.sort_by_key(|judged| std::cmp::Reverse((judged.verdict.end_time, judged.seq)));
    Ok(judged)
}

fn view(app: &App, judged: &Judged) -> Death {
    let session = app.journal.session(judged.session_id).ok().flatten();
    let verdict = &judged.verdict;
    Death {
        session_id: judged.session_id.to_string(),
        name: session.as_ref().and_then(|session| session.name().map(str::to_owned)),
        kind: session.as_ref().map(|session| session.created.session_kind),
        attempt: verdict.attempt,
        end_time: verdict.end_time,
        cause: verdict.cause,
        confidence: verdict.confidence,
        exit_code: verdict.exit_code,
        signal: verdict.signal,
        culprit: verdict.culprit.as_ref().map(Culprit::title),
        scope: verdict.scope.kind,
        deaths: verdict.scope.deaths.len().max(1),
        age_seconds: verdict.before.as_ref().map(|before| before.age_seconds),
        settled: verdict.settled,
        unexpected: verdict.unexpected,
        summary: verdict.summary.clone(),
    }
}

pub(crate) async fn patterns(
    State(app): State<App>,
    Ask(query): Ask<DeathsQuery>,
) -> Result<Json<wk_api::Patterns>, Failure> {
    let deaths = select(&app, &query).await?;
    Ok(Json(wk_api::Patterns { deaths: deaths.len(), patterns: Vec::new() }))
}
