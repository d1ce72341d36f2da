//! `GET /api/stats`.

use axum::{Json, extract::State};
use wk_api::{Stats, StatsGroup, StatsNumbers, StatsQuery};
use wk_journal::{GroupBy, Numbers};

use super::{
    Ask,
    parameter::{limit, time},
};
use crate::{App, Failure, error::bad_request};

pub(crate) async fn stats(
    State(app): State<App>,
    Ask(query): Ask<StatsQuery>,
) -> Result<Json<Stats>, Failure> {
    let by = query.by.as_deref().map(group_by).transpose()?;
    let since = time("since", query.since.as_deref())?;
    let (journal, asked) = (app.journal.clone(), wk_journal::StatsQuery { by, since });
    let counted = tokio::task::spawn_blocking(move || journal.stats(&asked)).await;
    let counted = counted.map_err(|_| Failure(crate::error::unavailable()))??;
    let limit = limit(query.limit);
    let more = counted.groups.len() > limit;
    let groups = counted.groups.into_iter().take(limit);
    let groups =
        groups.map(|(group, numbers)| StatsGroup { group, numbers: view(&numbers) }).collect();
    Ok(Json(Stats { since, by: query.by, overall: view(&counted.overall), groups, more }))
}

fn group_by(text: &str) -> Result<GroupBy, Failure> {
    Ok(match text {
        "template" => GroupBy::Template,
        "component" => GroupBy::Component,
        "kind" => GroupBy::Kind,
        _ => match text.strip_prefix("label:") {
            Some(key) if !key.is_empty() => GroupBy::Label(key.to_owned()),
            _ => {
                let shown: String = text.chars().take(40).collect();
                return Err(Failure(bad_request(format!(
                    "bad `by`: `{}`: use template, component, kind or label:KEY",
                    shown.escape_debug()
                ))));
            }
        },
    })
}

fn view(numbers: &Numbers) -> StatsNumbers {
    let ended = numbers.sessions - numbers.active;
    let bad = (numbers.failed + numbers.timeout) as f64;
    let seconds = |ms: Option<u64>| ms.map(|ms| ms as f64 / 1000.0);
    StatsNumbers {
        sessions: numbers.sessions,
        active: numbers.active,
        completed: numbers.completed,
        failed: numbers.failed,
        cancelled: numbers.cancelled,
        timeout: numbers.timeout,
        failure_rate: (ended > 0).then(|| bad / ended as f64),
        median_seconds: seconds(numbers.median_ms),
        p95_seconds: seconds(numbers.p95_ms),
        retries: numbers.retries,
        retried: numbers.retried,
    }
}
