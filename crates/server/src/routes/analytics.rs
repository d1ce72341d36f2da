//! `GET /api/analytics`.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use wk_api::{Analytics, AnalyticsNumbers, AnalyticsQuery, AnalyticsRow};
use wk_journal::{AnalyticsBy, Cell, SessionQuery, SessionType};

use super::{Ask, parameter::time};
use crate::{
    App, Failure,
    calendar::{Calendar, Period},
    error::bad_request,
};

/// What is asked about the sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metric {
    Count,
    Duration,
    UniqueUsers,
    PeakHours,
}

const METRICS: [(&str, Metric); 4] = [
    ("count", Metric::Count),
    ("duration", Metric::Duration),
    ("unique_users", Metric::UniqueUsers),
    ("peak_hours", Metric::PeakHours),
];

const PERIODS: [(&str, Period); 4] = [
    ("hourly", Period::Hour),
    ("daily", Period::Day),
    ("weekly", Period::Week),
    ("monthly", Period::Month),
];

const GROUPS: [(&str, AnalyticsBy); 3] = [
    ("component", AnalyticsBy::Component),
    ("user", AnalyticsBy::User),
    ("type", AnalyticsBy::Type),
];

pub(crate) async fn analytics(
    State(app): State<App>,
    Ask(query): Ask<AnalyticsQuery>,
) -> Result<Json<Analytics>, Failure> {
    let metric = word("metric", query.metric.as_deref(), &METRICS)?.unwrap_or(Metric::Count);
    let period = word("period", query.period.as_deref(), &PERIODS)?;
    if metric == Metric::PeakHours && period.is_some() {
        let why = "`peak_hours` are hours of the day, over all days: leave `period` out";
        return Err(Failure(bad_request(why)));
    }
    let by = word("by", query.by.as_deref(), &GROUPS)?;
    let period = if metric == Metric::PeakHours { Some(Period::HourOfDay) } else { period };
    let calendar = Calendar::new(query.zone.as_deref(), period)
        .map_err(|why| Failure(bad_request(format!("bad `zone`: {why}"))))?;
    let (after, before) =
        (time("after", query.after.as_deref())?, time("before", query.before.as_deref())?);
    let asked = wk_journal::AnalyticsQuery {
        sessions: SessionQuery {
            session_type: query.session_type.as_deref().map(SessionType::from),
            component: query.component.clone(),
            username: query.user.clone(),
            started_after: after,
            started_before: before,
            ..SessionQuery::default()
        },
        by,
        durations: metric == Metric::Duration,
        users: metric == Metric::UniqueUsers,
    };
    let (journal, zone) = (app.journal.clone(), calendar.zone().to_owned());
    let limit = query.limit.filter(|limit| *limit > 0).map_or(usize::MAX, |limit| limit as usize);
    let counted = tokio::task::spawn_blocking(move || {
        let found = match period {
            Some(_) => journal.analytics(&asked, Some(&|time| calendar.bucket(time)))?,
            None => journal.analytics(&asked, None)?,
        };
        let overall = numbers(&found.overall, metric);
        let rows = found.cells.iter().map(|cell| row(cell, metric, period, &calendar)).collect();
        Ok::<_, wk_journal::JournalError>((overall, rows))
    });
    let (overall, mut rows): (_, Vec<_>) =
        counted.await.map_err(|_| Failure(crate::error::unavailable()))??;
    if metric == Metric::PeakHours && by.is_none() {
        rows = whole_day(rows);
    }
    // The newest are the last.
    let too_many = rows.len().saturating_sub(limit);
    rows.drain(..too_many);
    Ok(Json(Analytics {
        metric: name(&METRICS, &metric),
        period: query.period,
        by: query.by,
        session_type: query.session_type,
        after,
        before,
        zone,
        overall,
        rows,
        more: too_many > 0,
    }))
}

/// One of some words, or nothing.
fn word<T: Copy>(
    what: &str,
    text: Option<&str>,
    words: &[(&str, T)],
) -> Result<Option<T>, Failure> {
    let Some(text) = text else { return Ok(None) };
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(Some(*value));
    }
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let shown: String = text.chars().take(40).collect();
    let (shown, known) = (shown.escape_debug(), known.join(", "));
    Err(Failure(bad_request(format!("bad `{what}`: `{shown}`: use one of {known}"))))
}

fn name<T: PartialEq>(words: &[(&str, T)], value: &T) -> String {
    words
        .iter()
        .find(|(_, other)| other == value)
        .map(|(word, _)| (*word).to_owned())
        .unwrap_or_default()
}

fn row(cell: &Cell, metric: Metric, period: Option<Period>, calendar: &Calendar) -> AnalyticsRow {
    let numbers = numbers(cell, metric);
    let row = AnalyticsRow { group: cell.group.clone(), numbers, ..AnalyticsRow::default() };
    match period {
        None => row,
        Some(Period::HourOfDay) => AnalyticsRow { hour: u8::try_from(cell.key).ok(), ..row },
        Some(_) => {
            let begin = wk_model::Time::from_millis(cell.key);
            let period = Some(calendar.name(begin));
            AnalyticsRow { period, period_start: Some(begin), ..row }
        }
    }
}

fn numbers(cell: &Cell, metric: Metric) -> AnalyticsNumbers {
    let seconds = |ms: Option<u64>| ms.map(|ms| ms as f64 / 1000.0);
    AnalyticsNumbers {
        sessions: cell.sessions,
        unique_users: (metric == Metric::UniqueUsers).then_some(cell.users),
        average_seconds: cell.average_ms.map(|ms| (ms.round()) / 1000.0),
        median_seconds: seconds(cell.median_ms),
        p95_seconds: seconds(cell.p95_ms),
    }
}

/// The hours without sessions too: a day has 24.
fn whole_day(rows: Vec<AnalyticsRow>) -> Vec<AnalyticsRow> {
    let mut known: BTreeMap<u8, AnalyticsRow> =
        rows.into_iter().filter_map(|row| Some((row.hour?, row))).collect();
    let none = |hour| AnalyticsRow { hour: Some(hour), ..AnalyticsRow::default() };
    (0..24).map(|hour| known.remove(&hour).unwrap_or_else(|| none(hour))).collect()
}
