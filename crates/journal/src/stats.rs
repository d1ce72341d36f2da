//! Numbers about sessions: how many, how long, how well; together and by what they have in
//! common. Those that have ended are read from the strips, in one pass.

use std::collections::HashMap;

use rusqlite::Connection;
use wk_model::{Session, Status, Time};

use crate::{
    Journal, SessionQuery,
    error::Result,
    strips::{Column, Part, each_part},
};

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
    /// Attempts that somebody had asked for, or that followed a stale one.
    pub restarts: u64,
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
            let key = query.by.as_ref().and_then(|by| by.of(&session));
            tallies.add_living(key, session.recovery.total.into(), session.restarts.into());
        }
        Ok(tallies.into_stats(query.by.is_some()))
    }
}

impl GroupBy {
    /// What a session has of it.
    pub fn of<'a>(&self, session: &'a Session) -> Option<&'a str> {
        let created = &session.created;
        match self {
            Self::Template => created.template.as_deref(),
            Self::Component => created.component_name.as_deref(),
            Self::Kind => Some(created.session_kind.as_str()),
            Self::Label(key) => created.labels.get(key).map(String::as_str),
        }
    }
}

fn past(connection: &Connection, query: &StatsQuery) -> rusqlite::Result<Tallies> {
    // Labels and sessions as they were at one moment.
    let snapshot = connection.unchecked_transaction()?;
    let Labels { names, sessions: labelled } = match &query.by {
        Some(GroupBy::Label(key)) => labels(&snapshot, key)?,
        _ => Labels::default(),
    };
    let mut tallies = Tallies::new(names);
    let ended = SessionQuery { ended_since: query.since, ..SessionQuery::default() };
    each_part(&snapshot, &ended, None, |part| {
        let groups = groups(part, query.by.as_ref(), &labelled, &mut tallies)?;
        let (took, retries) = (part.numbers(Column::Took)?, part.numbers(Column::Retries)?);
        let restarts = part.numbers(Column::Restarts)?;
        let words = part.words(Column::Status)?;
        let statuses = words.each_as(|word| word.and_then(|word| word.parse().ok()));
        for (place, group) in part.places().zip(groups) {
            let ended = Ended {
                // A clock that was set back makes no time negative.
                took_ms: u64::try_from(took[place]).unwrap_or(0),
                status: statuses[usize::from(words.codes[place])],
                retries: retries[place].unsigned_abs(),
                restarts: restarts[place].unsigned_abs(),
            };
            tallies.add_ended(group, &ended);
        }
        Ok(())
    })?;
    Ok(tallies)
}

/// The group of each session of a part that fits.
fn groups(
    part: &Part<'_>,
    by: Option<&GroupBy>,
    labelled: &[(Place, usize)],
    tallies: &mut Tallies,
) -> rusqlite::Result<Vec<usize>> {
    let column = match by {
        None => return Ok(part.places().map(|_| UNNAMED).collect()),
        Some(GroupBy::Label(_)) => {
            let (starts, ids) = (part.numbers(Column::Start)?, part.numbers(Column::Id)?);
            let mut labelled = labelled;
            let mut group = |place| {
                // Both are in the order of lists: mostly the next is the one.
                if labelled.first().is_some_and(|(other, _)| *other < place) {
                    let before = labelled.partition_point(|(other, _)| *other < place);
                    labelled = &labelled[before..];
                }
                let found = labelled.first().filter(|(other, _)| *other == place);
                if found.is_some() {
                    labelled = &labelled[1..];
                }
                found.map_or(UNNAMED, |(_, group)| *group)
            };
            return Ok(part.places().map(|place| group((starts[place], ids[place]))).collect());
        }
        Some(GroupBy::Template) => Column::Template,
        Some(GroupBy::Component) => Column::Component,
        Some(GroupBy::Kind) => Column::Kind,
    };
    let words = part.words(column)?;
    let mut groups: Vec<Option<usize>> = words.each_as(|_| None);
    let mut group = |code: u16| {
        // Only of those that fit: a group that nobody is in is none.
        *groups[usize::from(code)].get_or_insert_with(|| tallies.group(words.word(code)))
    };
    Ok(part.places().map(|place| group(words.codes[place])).collect())
}

/// A start and an id: the order of lists, backwards.
type Place = (i64, i64);

/// Who has a label.
#[derive(Default)]
struct Labels {
    /// Its values, each once and in order.
    names: Vec<String>,
    /// Where the sessions are in the order of `past`, and of which group they are.
    sessions: Vec<(Place, usize)>,
}

fn labels(connection: &Connection, key: &str) -> rusqlite::Result<Labels> {
    let mut select = connection.prepare_cached(
        "SELECT start_ms, id, value FROM labels WHERE key = ?1 ORDER BY value, start_ms, id",
    )?;
    let mut rows = select.query([key])?;
    let mut labels = Labels::default();
    while let Some(row) = rows.next()? {
        let value = row.get_ref(2)?.as_str()?;
        if labels.names.last().is_none_or(|last| last != value) {
            labels.names.push(value.to_owned());
        }
        // Group 0 is of those without a name.
        labels.sessions.push(((row.get(0)?, row.get(1)?), labels.names.len()));
    }
    labels.sessions.sort_unstable();
    Ok(labels)
}

/// One session that has ended.
struct Ended {
    took_ms: u64,
    status: Option<Status>,
    retries: u64,
    restarts: u64,
}

/// The group of those that have nothing in common.
const UNNAMED: usize = 0;

#[derive(Debug)]
struct Tallies {
    /// Names of the groups from 1 on, in order; there may be as many as sessions.
    names: Vec<String>,
    /// Names of the groups that follow those.
    more: HashMap<String, usize>,
    groups: Vec<Numbers>,
    /// Of those that ended: their groups, and how long they took.
    took_ms: Vec<(usize, u64)>,
}

impl Tallies {
    fn new(names: Vec<String>) -> Self {
        let groups = vec![Numbers::default(); 1 + names.len()];
        Self { names, more: HashMap::new(), groups, took_ms: Vec::new() }
    }

    fn group(&mut self, name: Option<&str>) -> usize {
        let Some(name) = name else { return UNNAMED };
        if let Ok(index) = self.names.binary_search_by(|known| known.as_str().cmp(name)) {
            return index + 1;
        }
        if let Some(group) = self.more.get(name) {
            return *group;
        }
        let group = self.groups.len();
        self.groups.push(Numbers::default());
        self.more.insert(name.to_owned(), group);
        group
    }

    fn add_living(&mut self, name: Option<&str>, retries: u64, restarts: u64) {
        let group = self.group(name);
        let numbers = &mut self.groups[group];
        numbers.active += 1;
        numbers.add(retries, restarts);
    }

    fn add_ended(&mut self, group: usize, ended: &Ended) {
        self.groups[group].add_ended(ended);
        self.took_ms.push((group, ended.took_ms));
    }

    fn into_stats(mut self, grouped: bool) -> Stats {
        let mut overall = Numbers::default();
        for numbers in &self.groups {
            overall.add_all(numbers);
        }
        let mut took_ms: Vec<u64> = self.took_ms.iter().map(|(_, ms)| *ms).collect();
        overall.take_times(&mut took_ms);
        if !grouped {
            return Stats { overall, groups: Vec::new() };
        }
        self.spread_times(&mut took_ms);
        let mut more: Vec<_> = self.more.into_iter().collect();
        more.sort_unstable_by_key(|(_, group)| *group);
        let names = self.names.into_iter().chain(more.into_iter().map(|(name, _)| name));
        let mut groups: Vec<_> = std::iter::once(None)
            .chain(names.map(Some))
            .zip(self.groups)
            .filter(|(_, numbers)| numbers.sessions > 0)
            .collect();
        groups.sort_by(|(a, x), (b, y)| y.sessions.cmp(&x.sessions).then_with(|| a.cmp(b)));
        Stats { overall, groups }
    }

    /// Gives each group its times: one after another in `times`, which is as long as all.
    fn spread_times(&mut self, times: &mut [u64]) {
        let mut end = 0;
        let mut free = Vec::with_capacity(self.groups.len());
        for numbers in &self.groups {
            free.push(end);
            end += numbers.ended();
        }
        for (group, ms) in &self.took_ms {
            times[free[*group]] = *ms;
            free[*group] += 1;
        }
        for (numbers, end) in self.groups.iter_mut().zip(free) {
            let begin = end - numbers.ended();
            numbers.take_times(&mut times[begin..end]);
        }
    }
}

impl Numbers {
    fn add(&mut self, retries: u64, restarts: u64) {
        self.sessions += 1;
        self.retries += retries;
        self.retried += u64::from(retries > 0);
        self.restarts += restarts;
    }

    fn add_ended(&mut self, ended: &Ended) {
        self.add(ended.retries, ended.restarts);
        match ended.status {
            Some(Status::Completed) => self.completed += 1,
            Some(Status::Failed) => self.failed += 1,
            Some(Status::Cancelled) => self.cancelled += 1,
            Some(Status::Timeout) => self.timeout += 1,
            Some(Status::Running | Status::Recovering) | None => {}
        }
    }

    fn add_all(&mut self, others: &Self) {
        self.sessions += others.sessions;
        self.active += others.active;
        self.completed += others.completed;
        self.failed += others.failed;
        self.cancelled += others.cancelled;
        self.timeout += others.timeout;
        self.retries += others.retries;
        self.retried += others.retried;
        self.restarts += others.restarts;
    }

    fn ended(&self) -> usize {
        usize::try_from(self.sessions - self.active).unwrap_or(usize::MAX)
    }

    fn take_times(&mut self, took_ms: &mut [u64]) {
        self.median_ms = percentile(took_ms, 50);
        self.p95_ms = percentile(took_ms, 95);
    }
}

/// The smallest value that so many percent of all do not exceed.
pub(crate) fn percentile(values: &mut [u64], percent: usize) -> Option<u64> {
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
