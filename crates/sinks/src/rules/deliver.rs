//! Telling one event, and trying again where that fails.

use std::{ffi::OsString, sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};
use wk_api::EventView;
use wk_model::{Event, Session};

use super::{Action, Rule, Surroundings, board::Tally, post};
use crate::{
    command::{self, Bounded},
    facts,
    outstanding::Underway,
};

/// No attempt waits longer.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// An event on its way to a rule.
#[derive(Debug)]
pub(super) struct Job {
    pub event: Arc<Event>,
    pub underway: Underway,
}

/// Tries as often as the rule says; the outcome is counted.
pub(super) async fn deliver(
    rule: Arc<Rule>,
    around: Arc<Surroundings>,
    job: Job,
    tally: Arc<Tally>,
) {
    let Job { event, underway } = job;
    for attempt in 1..=rule.attempts {
        if attempt > 1 {
            sleep(delay(&rule, attempt, event.seq.0)).await;
        }
        match once(&rule, &around, &event).await {
            Ok(()) => {
                tally.count(|counts| counts.delivered += 1);
                drop(underway);
                return;
            }
            Err(error) => {
                let (rule, seq) = (&rule.name, event.seq);
                tracing::warn!(rule, %seq, attempt, error, "a rule failed");
                tally.count(|counts| counts.last_error = Some(error));
            }
        }
    }
    tracing::warn!(rule = rule.name, seq = %event.seq, "a rule is not tried again for an event");
    tally.count(|counts| counts.failed += 1);
}

async fn once(rule: &Rule, around: &Surroundings, event: &Event) -> Result<(), String> {
    let journal = &around.journal;
    let body = serde_json::to_vec(&EventView::from(event)).map_err(|error| error.to_string())?;
    match &rule.action {
        Action::Run(words) => {
            let session = event.session_id.and_then(|id| journal.session(id).ok().flatten());
            let ran = command::run(Bounded {
                words: words.iter().map(OsString::from).collect(),
                environment: environment(rule, around, event, session.as_deref()),
                directory: around.directory.clone(),
                stdin: body,
                limit: rule.timeout,
                survives: false,
            });
            let ran = ran.await;
            let program = words.first().map_or("", String::as_str);
            match (ran.how.is_good(), ran.stderr.as_str()) {
                (true, _) => Ok(()),
                (false, "") => Err(format!("`{program}` {}", ran.how)),
                (false, said) => Err(format!("`{program}` {}: {said}", ran.how)),
            }
        }
        Action::Post(url) => {
            let id = facts::event_id(journal, event);
            let posted = post::post(url, &id, body);
            timeout(rule.timeout, posted)
                .await
                .unwrap_or_else(|_| Err(format!("{url} does not answer")))
        }
    }
}

fn environment(
    rule: &Rule,
    around: &Surroundings,
    event: &Event,
    session: Option<&Session>,
) -> Vec<(OsString, OsString)> {
    let mut environment = around.environment.clone();
    environment.extend(facts::variables(&around.journal, event, session));
    environment.push(("WK_RULE".into(), rule.name.clone().into()));
    environment
}

/// Doubles with each attempt; events that failed together do not come back together.
fn delay(rule: &Rule, attempt: u32, seq: u64) -> Duration {
    let doubled =
        rule.retry_delay.saturating_mul(1_u32.checked_shl(attempt - 2).unwrap_or(1 << 31));
    let delay = doubled.min(LONGEST);
    let spread = seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54;
    delay + delay.mul_f64(spread as f64 / 2048.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Pattern;

    #[test]
    fn delays_double_and_only_grow_by_jitter() {
        let rule = Rule {
            name: "r".into(),
            pattern: Pattern::default(),
            action: Action::Run(vec!["true".into()]),
            timeout: Duration::from_secs(1),
            attempts: 3,
            retry_delay: Duration::from_secs(1),
            at_once: 1,
        };
        for seq in 0..1000 {
            for (attempt, least) in [(2, 1), (3, 2), (4, 4), (60, 300)] {
                let (delay, least) = (delay(&rule, attempt, seq), Duration::from_secs(least));
                assert!(delay >= least && delay <= least.mul_f64(1.5), "{attempt} {delay:?}");
            }
        }
    }
}
