//! `GET /api/stats`.

use std::collections::HashMap;

use axum::{Json, extract::State};
use wk_agents::transcript::{dollars, nano_dollars};
use wk_api::{Stats, StatsGroup, StatsNumbers, StatsQuery};
use wk_journal::{GroupBy, JournalError, Numbers};
use wk_model::Tokens;

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
    let count = move || -> Result<_, JournalError> {
        let (stats, mut spent) = (journal.stats(&asked)?, Spent::default());
        journal.each_tokens(&asked, |group, tokens| spent.add(group, tokens))?;
        Ok((stats, spent))
    };
    let counted = tokio::task::spawn_blocking(count).await;
    let (counted, spent) = counted.map_err(|_| Failure(crate::error::unavailable()))??;
    let limit = limit(query.limit);
    let more = counted.groups.len() > limit;
    let groups = counted.groups.into_iter().take(limit);
    let groups = groups.map(|(group, numbers)| {
        let numbers = view(&numbers, spent.groups.get(&group));
        StatsGroup { group, numbers }
    });
    let (groups, overall) = (groups.collect(), view(&counted.overall, Some(&spent.overall)));
    Ok(Json(Stats { since, by: query.by, overall, groups, more }))
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

/// Tokens, and what they cost.
#[derive(Default)]
struct Spent {
    overall: Sum,
    groups: HashMap<Option<String>, Sum>,
}

#[derive(Clone, Copy, Default)]
struct Sum {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_creation: u64,
    nano_dollars: u64,
}

impl Spent {
    fn add(&mut self, group: Option<&str>, tokens: &Tokens) {
        self.overall.add(tokens);
        self.groups.entry(group.map(str::to_owned)).or_default().add(tokens);
    }
}

impl Sum {
    fn add(&mut self, tokens: &Tokens) {
        let cost = tokens.cost_usd.as_deref().and_then(nano_dollars).unwrap_or(0);
        for (sum, more) in [
            (&mut self.input, tokens.input),
            (&mut self.output, tokens.output),
            (&mut self.cache_read, tokens.cache_read),
            (&mut self.cache_creation, tokens.cache_creation),
            (&mut self.nano_dollars, cost),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
}

fn view(numbers: &Numbers, spent: Option<&Sum>) -> StatsNumbers {
    let spent = spent.copied().unwrap_or_default();
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
        restarts: numbers.restarts,
        input_tokens: spent.input,
        output_tokens: spent.output,
        cache_read_tokens: spent.cache_read,
        cache_creation_tokens: spent.cache_creation,
        cost_usd: (spent.nano_dollars > 0).then(|| dollars(spent.nano_dollars)),
    }
}
