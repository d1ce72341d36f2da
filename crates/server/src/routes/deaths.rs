//! `GET /api/deaths`, and what repeats in them.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use wk_api::{Death, DeathsQuery, MORE, Pattern, Patterns};
use wk_journal::Judged;
use wk_judges::autopsy::{DeathRecord, patterns as patterns_of};
use wk_model::{Cause, Culprit, HostState, Verdict};

use super::{
    Ask,
    parameter::{limit, time},
};
use crate::{
    App, Failure,
    error::{bad_request, unavailable},
};

pub(crate) async fn deaths(
    State(app): State<App>,
    Ask(query): Ask<DeathsQuery>,
) -> Result<Response, Failure> {
    let limit = limit(query.limit);
    let mut found = select(&app, &query, limit.saturating_add(1)).await?;
    let more = (found.len() > limit).then_some([(MORE, "true")]);
    found.truncate(limit);
    let deaths: Vec<Death> = found.iter().map(|judged| view(&app, judged)).collect();
    Ok((more, Json(deaths)).into_response())
}

/// The latest deaths that are asked for, at most `limit`, newest first.
async fn select(app: &App, query: &DeathsQuery, limit: usize) -> Result<Vec<Judged>, Failure> {
    let since = time("since", query.since.as_deref())?;
    let cause = query.cause.as_deref().map(str::parse::<Cause>).transpose();
    let cause = cause.map_err(|error| Failure(bad_request(error)))?;
    let (journal, all) = (app.journal.clone(), query.all || cause.is_some());
    let keep = move |verdict: &Verdict| {
        (all || verdict.unexpected) && cause.is_none_or(|cause| verdict.cause == cause)
    };
    let read = tokio::task::spawn_blocking(move || journal.verdicts(since, limit, keep)).await;
    let mut judged = read.map_err(|_| Failure(unavailable()))??;
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
) -> Result<Json<Patterns>, Failure> {
    let deaths = select(&app, &query, usize::MAX).await?;
    let zone = jiff::tz::TimeZone::system();
    let records: Vec<_> = deaths.iter().map(|judged| record(judged, &zone)).collect();
    let patterns = patterns_of(&records).into_iter().map(|pattern| Pattern {
        about: pattern.kind.as_str().to_owned(),
        count: pattern.count,
        of: pattern.of,
        from: pattern.from,
        to: pattern.to,
        text: pattern.text,
    });
    Ok(Json(Patterns { deaths: deaths.len(), patterns: patterns.collect() }))
}

fn record(judged: &Judged, zone: &jiff::tz::TimeZone) -> DeathRecord {
    let verdict = &judged.verdict;
    let before = verdict.before.clone().unwrap_or_default();
    let local = jiff::Timestamp::from_millisecond(verdict.end_time.as_millis())
        .map(|timestamp| timestamp.to_zoned(zone.clone()).hour());
    DeathRecord {
        session_id: judged.session_id,
        end_time: verdict.end_time,
        hour: local.ok().and_then(|hour| u8::try_from(hour).ok()).unwrap_or(0),
        cause: verdict.cause,
        culprit: verdict.culprit.as_ref().map(|culprit| culprit.comm.clone()),
        age_seconds: before.age_seconds,
        output_bytes: before.output_bytes,
        memory_percent: memory_percent(&before.host),
    }
}

fn memory_percent(host: &HostState) -> Option<u32> {
    let (used, total) = (host.memory_used_bytes?, host.memory_total_bytes?);
    u32::try_from(used.saturating_mul(100).checked_div(total)?).ok()
}
