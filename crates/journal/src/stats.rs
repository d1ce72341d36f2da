//! Numbers about sessions: how many, how long, how well; together and by what they have in
//! common. Those that have ended are read from `past`, in one pass.

use std::collections::HashMap;

use rusqlite::{Connection, Row};
use wk_model::{Session, Status, Time};

use crate::{Journal, error::Result};

/// What sessions are grouped by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    Template,
    Component,
    Kind,
    /// The value of this label.
    Label(String),
}

/// Which sessions to count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatsQuery {
    pub by: Option<GroupBy>,
    /// Those that live, and those that ended then or later.
    pub since: Option<Time>,
}

/// Sessions in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub overall: Numbers,
    /// By what they have in common, the largest first; none: those that have nothing of it.
    pub groups: Vec<(Option<String>, Numbers)>,
}

/// Some sessions in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// All of them.
    pub sessions: u64,
    /// Not ended.
    pub active: u64,
    pub completed: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub timeout: u64,
    /// Attempts that followed a failure.
    pub retries: u64,
    /// Sessions that had any.
    pub retried: u64,
    /// Of those that ended, in milliseconds.
    pub median_ms: Option<u64>,
    pub p95_ms: Option<u64>,
}

impl Journal {
    /// Counts sessions; removed ones are not counted.
    pub fn stats(&self, query: &StatsQuery) -> Result<Stats> {
        // The living first: one that ends meanwhile is counted twice, not missed.
        let living = self.live();
        let mut tallies = self.shared.memory.read(|connection| past(connection, query))?;
        for session in living {
            let key = query.by.as_ref().and_then(|by| key_of(by, &session));
            tallies.add(key, query.by.is_some(), |tally| {
                tally.numbers.sessions += 1;
                tally.numbers.active += 1;
                tally.add_retries(session.recovery.total.into());
            });
        }
        Ok(tallies.into_stats())
    }
}

fn key_of<'a>(by: &GroupBy, session: &'a Session) -> Option<&'a str> {
    let created = &session.created;
    match by {
        GroupBy::Template => created.template.as_deref(),
        GroupBy::Component => created.component_name.as_deref(),
        GroupBy::Kind => Some(created.session_kind.as_str()),
        GroupBy::Label(key) => created.labels.get(key).map(String::as_str),
    }
}

fn past(connection: &Connection, query: &StatsQuery) -> rusqlite::Result<Tallies> {
    let labels = match &query.by {
        Some(GroupBy::Label(key)) => labels(connection, key)?,
        _ => HashMap::new(),
    };
    let key = match &query.by {
        Some(GroupBy::Template) => "template",
        Some(GroupBy::Component) => "component",
        Some(GroupBy::Kind) => "kind",
        Some(GroupBy::Label(_)) | None => "NULL",
    };
    let sql = format!(
        "SELECT end_ms - start_ms, status, retries, {key}, start_ms, id FROM past
         WHERE +end_ms >= ?1"
    );
    let since = query.since.map_or(i64::MIN, Time::as_millis);
    let mut select = connection.prepare_cached(&sql)?;
    let mut rows = select.query([since])?;
    let mut tallies = Tallies::default();
    while let Some(row) = rows.next()? {
        let label = match query.by {
            Some(GroupBy::Label(_)) => labels.get(&(row.get(4)?, row.get(5)?)).map(String::as_str),
            _ => row.get_ref(3)?.as_str_or_null()?,
        };
        let ended = Ended::read(row)?;
        tallies.add(label, query.by.is_some(), |tally| tally.add_ended(&ended));
    }
    Ok(tallies)
}

/// Who has a label, and its value.
fn labels(connection: &Connection, key: &str) -> rusqlite::Result<HashMap<(i64, i64), String>> {
    connection
        .prepare_cached("SELECT start_ms, id, value FROM labels WHERE key = ?1")?
        .query_map([key], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?
        .collect()
}

/// One session that has ended.
struct Ended {
    took_ms: u64,
    status: Option<Status>,
    retries: u64,
}

impl Ended {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            // A clock that was set back makes no time negative.
            took_ms: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
            status: row.get_ref(1)?.as_str()?.parse().ok(),
            retries: row.get::<_, i64>(2)?.unsigned_abs(),
        })
    }
}

#[derive(Debug, Default)]
struct Tallies {
    overall: Tally,
    named: HashMap<String, Tally>,
    unnamed: Tally,
}

#[derive(Debug, Default)]
struct Tally {
    numbers: Numbers,
    took_ms: Vec<u64>,
}

impl Tallies {
    fn add(&mut self, key: Option<&str>, grouped: bool, add: impl Fn(&mut Tally)) {
        add(&mut self.overall);
        match key {
            Some(key) => match self.named.get_mut(key) {
                Some(tally) => add(tally),
                None => add(self.named.entry(key.to_owned()).or_default()),
            },
            None if grouped => add(&mut self.unnamed),
            None => {}
        }
    }

    fn into_stats(self) -> Stats {
        let named = self.named.into_iter().map(|(key, tally)| (Some(key), tally));
        let unnamed = std::iter::once((None, self.unnamed));
        let mut groups: Vec<_> = named
            .chain(unnamed)
            .map(|(key, tally)| (key, tally.into_numbers()))
            .filter(|(_, numbers)| numbers.sessions > 0)
            .collect();
        groups.sort_by(|(a, x), (b, y)| y.sessions.cmp(&x.sessions).then_with(|| a.cmp(b)));
        Stats { overall: self.overall.into_numbers(), groups }
    }
}

impl Tally {
    fn add_ended(&mut self, ended: &Ended) {
        let numbers = &mut self.numbers;
        numbers.sessions += 1;
        match ended.status {
            Some(Status::Completed) => numbers.completed += 1,
            Some(Status::Failed) => numbers.failed += 1,
            Some(Status::Cancelled) => numbers.cancelled += 1,
            Some(Status::Timeout) => numbers.timeout += 1,
            Some(Status::Running | Status::Recovering) | None => {}
        }
        self.took_ms.push(ended.took_ms);
        self.add_retries(ended.retries);
    }

    fn add_retries(&mut self, retries: u64) {
        self.numbers.retries += retries;
        self.numbers.retried += u64::from(retries > 0);
    }

    fn into_numbers(mut self) -> Numbers {
        let median_ms = percentile(&mut self.took_ms, 50);
        let p95_ms = percentile(&mut self.took_ms, 95);
        Numbers { median_ms, p95_ms, ..self.numbers }
    }
}

/// The smallest value that so many percent of all do not exceed.
fn percentile(values: &mut [u64], percent: usize) -> Option<u64> {
    let rank = (values.len() * percent).div_ceil(100);
    let index = rank.checked_sub(1)?;
    Some(*values.select_nth_unstable(index).1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn percentiles_are_those_of_sorted_values(values in prop::collection::vec(0..500_u64, 0..80)) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            for percent in [1, 50, 95, 100] {
                let wanted = sorted.iter().copied().find(|value| {
                    sorted.iter().filter(|other| *other <= value).count() * 100
                        >= sorted.len() * percent
                });
                prop_assert_eq!(percentile(&mut values.clone(), percent), wanted);
            }
        }
    }
}
