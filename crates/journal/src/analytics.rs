//! Sessions over time: how many, how long, of how many users; by calendar and by what they
//! have in common. Exact: every session is looked at, column by column.

use std::collections::{HashMap, HashSet};

use wk_model::{Session, Time};

use crate::{
    Journal, SessionQuery,
    error::Result,
    stats::percentile,
    strips::{Column, Part, each_part},
};

/// What sessions are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnalyticsBy {
    Component,
    User,
    /// What its shell is; the kind where it is none.
    Type,
}

/// Which sessions to add up, and what of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnalyticsQuery {
    /// Leads (a label, a name, an agent), page and limit play no part.
    pub sessions: SessionQuery,
    pub by: Option<AnalyticsBy>,
    /// How long those took that have ended.
    pub durations: bool,
    pub users: bool,
}

/// A stretch of time whose sessions are added up together; several may have one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    pub key: i64,
    pub from: Time,
    /// Not any more.
    pub until: Time,
}

/// Sessions of one bucket and one group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// The key of their bucket; 0 where there are no buckets.
    pub key: i64,
    /// None: those that have nothing of what is grouped by.
    pub group: Option<String>,
    pub sessions: u64,
    /// Of these, those that have ended.
    pub ended: u64,
    /// Different users; sessions of nobody known do not count.
    pub users: u64,
    pub average_ms: Option<f64>,
    pub median_ms: Option<u64>,
    pub p95_ms: Option<u64>,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Analytics {
    pub overall: Cell,
    /// By key, then the largest group first.
    pub cells: Vec<Cell>,
}

impl Journal {
    /// Adds sessions up by the buckets that they began in; removed ones are left out.
    pub fn analytics(
        &self,
        query: &AnalyticsQuery,
        bucket: Option<&dyn Fn(Time) -> Bucket>,
    ) -> Result<Analytics> {
        // The living first: one that ends meanwhile is counted twice, not missed.
        let living = self.living(&query.sessions, None);
        let fold = self.shared.memory.read(|connection| {
            let snapshot = connection.unchecked_transaction()?;
            let mut fold = Fold::new(query, bucket);
            each_part(&snapshot, &query.sessions, None, |part| fold.add_part(part))?;
            Ok(fold)
        });
        let mut fold = fold?;
        for session in living {
            fold.add_living(&session);
        }
        Ok(fold.finish())
    }
}

struct Fold<'a> {
    query: &'a AnalyticsQuery,
    calendar: Option<&'a dyn Fn(Time) -> Bucket>,
    bucket: Bucket,
    groups: Names,
    users: Names,
    /// By key and group.
    places: HashMap<(i64, usize), usize>,
    cells: Vec<Sum>,
    /// Of each group in this bucket.
    near: Vec<Option<usize>>,
}

/// Names, and the numbers that they go by here; none has one too.
#[derive(Default)]
struct Names {
    numbers: HashMap<Option<String>, usize>,
    names: Vec<Option<String>>,
}

#[derive(Default)]
struct Sum {
    key: i64,
    group: usize,
    sessions: u64,
    ended: u64,
    took_ms: Vec<u64>,
    users: HashSet<usize>,
    last_user: Option<usize>,
}

impl Names {
    fn number(&mut self, name: Option<&str>) -> usize {
        let name = name.map(str::to_owned);
        if let Some(number) = self.numbers.get(&name) {
            return *number;
        }
        let number = self.names.len();
        self.names.push(name.clone());
        self.numbers.insert(name, number);
        number
    }
}

impl<'a> Fold<'a> {
    fn new(query: &'a AnalyticsQuery, calendar: Option<&'a dyn Fn(Time) -> Bucket>) -> Self {
        // Without a calendar one bucket holds all; with one, the first is still to be found.
        let (from, until) = match calendar {
            None => (i64::MIN, i64::MAX),
            Some(_) => (0, 0),
        };
        let bucket =
            Bucket { key: 0, from: Time::from_millis(from), until: Time::from_millis(until) };
        Self {
            query,
            calendar,
            bucket,
            groups: Names::default(),
            users: Names::default(),
            places: HashMap::new(),
            cells: Vec::new(),
            near: Vec::new(),
        }
    }

    fn add_part(&mut self, part: &Part<'_>) -> rusqlite::Result<()> {
        let starts =
            if self.calendar.is_some() { part.numbers(Column::Start)? } else { Vec::new() };
        let took = if self.query.durations { part.numbers(Column::Took)? } else { Vec::new() };
        let groups = self.groups_of(part)?;
        let users = if self.query.users { Some(part.words(Column::User)?) } else { None };
        let mut numbers: Vec<Option<usize>> = Vec::new();
        if let Some(users) = &users {
            numbers = users.each_as(|_| None);
        }
        for (place, group) in part.places().zip(groups) {
            let start = Time::from_millis(starts.get(place).copied().unwrap_or(0));
            let cell = self.cell(start, group);
            let sum = &mut self.cells[cell];
            sum.sessions += 1;
            sum.ended += 1;
            if let Some(took) = took.get(place) {
                // A clock that was set back makes no time negative.
                sum.took_ms.push(u64::try_from(*took).unwrap_or(0));
            }
            if let Some(users) = &users
                && let code @ 1.. = users.codes[place]
            {
                let number = numbers[usize::from(code)]
                    .get_or_insert_with(|| self.users.number(users.word(code)));
                sum.add_user(*number);
            }
        }
        Ok(())
    }

    fn add_living(&mut self, session: &Session) {
        let created = &session.created;
        let kind = || Some(created.session_kind.as_str());
        let group = match self.query.by {
            None => None,
            Some(AnalyticsBy::Component) => created.component_name.as_deref(),
            Some(AnalyticsBy::User) => created.username.as_deref(),
            Some(AnalyticsBy::Type) => created.shell_type.as_deref().or_else(kind),
        };
        let group = self.groups.number(group);
        let cell = self.cell(session.start_time, group);
        self.cells[cell].sessions += 1;
        if self.query.users && created.username.is_some() {
            let number = self.users.number(created.username.as_deref());
            self.cells[cell].add_user(number);
        }
    }

    /// The group of each session of a part that fits.
    fn groups_of(&mut self, part: &Part<'_>) -> rusqlite::Result<Vec<usize>> {
        let column = match self.query.by {
            None => {
                let all = self.groups.number(None);
                return Ok(part.places().map(|_| all).collect());
            }
            Some(AnalyticsBy::Component) => Column::Component,
            Some(AnalyticsBy::User) => Column::User,
            Some(AnalyticsBy::Type) => Column::ShellType,
        };
        let words = part.words(column)?;
        let mut known: Vec<Option<usize>> = words.each_as(|_| None);
        let kinds = match self.query.by {
            Some(AnalyticsBy::Type) => part.words(Column::Kind)?,
            _ => Default::default(),
        };
        let mut known_kinds: Vec<Option<usize>> = kinds.each_as(|_| None);
        let mut group = |place: usize| {
            let code = words.codes[place];
            match kinds.codes.get(place) {
                Some(kind) if code == 0 => *known_kinds[usize::from(*kind)]
                    .get_or_insert_with(|| self.groups.number(kinds.word(*kind))),
                _ => *known[usize::from(code)]
                    .get_or_insert_with(|| self.groups.number(words.word(code))),
            }
        };
        Ok(part.places().map(&mut group).collect())
    }

    fn cell(&mut self, start: Time, group: usize) -> usize {
        if let Some(calendar) = self.calendar
            && !(self.bucket.from..self.bucket.until).contains(&start)
        {
            self.bucket = calendar(start);
            self.near.clear();
        }
        if self.near.len() <= group {
            self.near.resize(group + 1, None);
        }
        if let Some(cell) = self.near[group] {
            return cell;
        }
        let key = self.bucket.key;
        let cell = *self.places.entry((key, group)).or_insert_with(|| {
            self.cells.push(Sum { key, group, ..Sum::default() });
            self.cells.len() - 1
        });
        self.near[group] = Some(cell);
        cell
    }

    fn finish(self) -> Analytics {
        let (mut overall, mut all_users) = (Cell::default(), HashSet::new());
        let mut all_took = Vec::new();
        let mut cells = Vec::with_capacity(self.cells.len());
        for mut sum in self.cells {
            overall.sessions += sum.sessions;
            overall.ended += sum.ended;
            let mut cell = Cell {
                key: sum.key,
                group: self.groups.names[sum.group].clone(),
                sessions: sum.sessions,
                ended: sum.ended,
                users: sum.users.len() as u64,
                ..Cell::default()
            };
            cell.take_times(&mut sum.took_ms);
            all_users.extend(sum.users);
            all_took.append(&mut sum.took_ms);
            cells.push(cell);
        }
        overall.users = all_users.len() as u64;
        overall.take_times(&mut all_took);
        cells.sort_by(|a, b| {
            let larger = || b.sessions.cmp(&a.sessions).then_with(|| a.group.cmp(&b.group));
            a.key.cmp(&b.key).then_with(larger)
        });
        Analytics { overall, cells }
    }
}

impl Sum {
    fn add_user(&mut self, user: usize) {
        // Mostly it is the same again.
        if self.last_user != Some(user) {
            self.last_user = Some(user);
            self.users.insert(user);
        }
    }
}

impl Cell {
    fn take_times(&mut self, took_ms: &mut [u64]) {
        if took_ms.is_empty() {
            return;
        }
        let total: u128 = took_ms.iter().map(|ms| u128::from(*ms)).sum();
        self.average_ms = Some(total as f64 / took_ms.len() as f64);
        self.median_ms = percentile(took_ms, 50);
        self.p95_ms = percentile(took_ms, 95);
    }
}
