//! What repeats over many deaths: cause, culprit, hour, age, output, memory of the host.
//!
//! A pattern is told only where at least half of the deaths hold to it, and where chance would
//! hardly have made it: sessions that died together count once for that.

use std::collections::{BTreeMap, BTreeSet};

use wk_model::{Cause, SessionId, Time};

use super::words::plain;
use crate::amount::{bytes, span};

/// Fewer are no pattern.
const FEWEST: usize = 3;
/// Deaths of one cause so near to each other are one incident.
const TOGETHER_MS: u64 = 2_000;
/// What chance makes more often than this is not told.
const CHANCE: f64 = 0.01;
const DAY_MS: i64 = 86_400_000;

/// One death, as far as patterns are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeathRecord {
    pub session_id: SessionId,
    pub end_time: Time,
    /// Of the day, where the reader lives: 0 to 23.
    pub hour: u8,
    pub cause: Cause,
    /// The culprit's program, e.g. `pkill`.
    pub culprit: Option<String>,
    pub age_seconds: u64,
    pub output_bytes: Option<u64>,
    /// Of the host, used, at the end.
    pub memory_percent: Option<u32>,
}

/// Something that repeats.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    pub kind: PatternKind,
    /// So many deaths hold to it ...
    pub count: usize,
    /// ... of so many of which it is known.
    pub of: usize,
    /// The value, or the lowest and the highest.
    pub from: String,
    pub to: String,
    /// One sentence.
    pub text: String,
    pub sessions: Vec<SessionId>,
}

/// What repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PatternKind {
    Cause,
    Culprit,
    Hour,
    Age,
    Output,
    Memory,
}

impl PatternKind {
    /// Its word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cause => "cause",
            Self::Culprit => "culprit",
            Self::Hour => "hour",
            Self::Age => "age",
            Self::Output => "output",
            Self::Memory => "memory",
        }
    }
}

/// A record, and the incident that it was part of.
#[derive(Clone, Copy)]
struct Item<'a> {
    record: &'a DeathRecord,
    incident: usize,
}

/// What repeats in these deaths, at most one of each kind.
pub fn patterns(deaths: &[DeathRecord]) -> Vec<Pattern> {
    let items = incidents(deaths);
    let mut patterns = Vec::new();
    patterns.extend(cause(&items));
    patterns.extend(culprit(&items));
    patterns.extend(hour(&items));
    patterns.extend(cluster(&items, PatternKind::Age, |record| Some(record.age_seconds)));
    patterns.extend(cluster(&items, PatternKind::Output, |record| record.output_bytes));
    patterns.extend(memory(&items));
    patterns
}

/// Sessions that died together make one incident.
fn incidents(deaths: &[DeathRecord]) -> Vec<Item<'_>> {
    let mut sorted: Vec<&DeathRecord> = deaths.iter().collect();
    sorted.sort_by_key(|record| (record.end_time, record.session_id));
    let mut latest: BTreeMap<(Cause, Option<&str>), (Time, usize)> = BTreeMap::new();
    let mut count = 0;
    let mut items = Vec::new();
    for record in sorted {
        let key = (record.cause, record.culprit.as_deref());
        let incident = match latest.get(&key) {
            Some((time, incident)) if record.end_time.millis_since(*time) <= TOGETHER_MS => {
                *incident
            }
            _ => {
                count += 1;
                count
            }
        };
        latest.insert(key, (record.end_time, incident));
        items.push(Item { record, incident });
    }
    items
}

fn distinct(items: &[Item]) -> usize {
    items.iter().map(|item| item.incident).collect::<BTreeSet<_>>().len()
}

fn is_most(count: usize, of: usize) -> bool {
    count >= FEWEST && count * 2 >= of
}

fn pattern(
    kind: PatternKind,
    held: &[Item],
    of: usize,
    (from, to): (String, String),
    text: String,
) -> Pattern {
    let mut sessions: Vec<SessionId> = held.iter().map(|item| item.record.session_id).collect();
    sessions.sort_unstable();
    sessions.dedup();
    Pattern { kind, count: held.len(), of, from, to, text, sessions }
}

/// The value that most hold to.
fn mode<'a, K: Ord>(
    items: &[Item<'a>],
    key: impl Fn(&DeathRecord) -> Option<K>,
) -> Option<(K, Vec<Item<'a>>)> {
    let mut by: BTreeMap<K, Vec<Item>> = BTreeMap::new();
    for item in items {
        if let Some(key) = key(item.record) {
            by.entry(key).or_default().push(*item);
        }
    }
    by.into_iter().max_by_key(|(_, held)| held.len())
}

fn cause(items: &[Item]) -> Option<Pattern> {
    let (cause, held) = mode(items, |record| {
        Some(record.cause).filter(|cause| !matches!(cause, Cause::Unknown | Cause::Completed))
    })?;
    let (count, of) = (held.len(), items.len());
    let enough = is_most(count, of) && distinct(&held) >= FEWEST;
    let text = format!("{count} of {of} have the cause {cause}");
    let word = || cause.as_str().to_owned();
    enough.then(|| pattern(PatternKind::Cause, &held, of, (word(), word()), text))
}

fn culprit(items: &[Item]) -> Option<Pattern> {
    let (culprit, held) = mode(items, |record| record.culprit.clone())?;
    let (count, of) = (held.len(), items.len());
    let enough = is_most(count, of) && distinct(&held) >= FEWEST;
    let name = plain(&culprit);
    let text = format!("{count} of {of} were ended by {name}");
    enough.then(|| pattern(PatternKind::Culprit, &held, of, (name.clone(), name), text))
}

/// The shortest part of the day, up to three hours, that holds most; on days of its own each.
fn hour(items: &[Item]) -> Option<Pattern> {
    let of = items.len();
    let incidents = distinct(items);
    (1..=3_u8).find_map(|width| {
        let held_from = |from: u8| -> Vec<Item> {
            let within = |item: &&Item| (item.record.hour % 24 + 24 - from) % 24 < width;
            items.iter().filter(within).copied().collect()
        };
        let (from, held) =
            (0..24).map(|from| (from, held_from(from))).max_by_key(|(_, held)| held.len())?;
        let days: BTreeSet<i64> =
            held.iter().map(|item| item.record.end_time.as_millis().div_euclid(DAY_MS)).collect();
        let share = f64::from(width) / 24.0;
        let count = held.len();
        let told = is_most(count, of)
            && days.len() >= FEWEST
            && chance(incidents, distinct(&held), share) < CHANCE;
        let to = (from + width) % 24;
        let (from, to) = (format!("{from:02}:00"), format!("{to:02}:00"));
        let text = format!("{count} of {of} died between {from} and {to}");
        told.then(|| pattern(PatternKind::Hour, &held, of, (from, to), text))
    })
}

/// The tightest span that holds most.
fn cluster(
    items: &[Item],
    kind: PatternKind,
    value: impl Fn(&DeathRecord) -> Option<u64>,
) -> Option<Pattern> {
    let mut known: Vec<(u64, Item)> =
        items.iter().filter_map(|item| Some((value(item.record)?, *item))).collect();
    known.sort_by_key(|(value, item)| (*value, item.record.end_time, item.record.session_id));
    let of = known.len();
    let all: Vec<Item> = known.iter().map(|(_, item)| *item).collect();
    let incidents = distinct(&all);
    let (from, to) = tightest(&known)?;
    let held = &all[from..to];
    let (low, high) = (known[from].0, known[to - 1].0);
    let count = held.len();
    let told = is_most(count, of) && chance(incidents, distinct(held), share(low, high)) < CHANCE;
    if !told {
        return None;
    }
    let (low, high, verb) = match kind {
        // Whole minutes, where that says enough.
        PatternKind::Age if low >= 600 => {
            (span(low / 60 * 60_000), span(high.div_ceil(60) * 60_000), "of age")
        }
        PatternKind::Age => (span(low * 1000), span((high + 1) * 1000), "of age"),
        _ => (bytes(low), bytes(high), "of output"),
    };
    let text = match kind {
        PatternKind::Age => format!("{count} of {of} died between {low} and {high} {verb}"),
        _ => format!("{count} of {of} died after {low} to {high} {verb}"),
    };
    Some(pattern(kind, held, of, (low, high), text))
}

/// The values that lie within a sixth of each other: as many as there are.
fn tightest(known: &[(u64, Item)]) -> Option<(usize, usize)> {
    let mut best: Option<(usize, usize)> = None;
    let mut from = 0;
    for to in 1..=known.len() {
        let high = known[to - 1].0;
        while !is_tight(known[from].0, high) {
            from += 1;
        }
        let width = |(from, to): (usize, usize)| known[to - 1].0 - known[from].0;
        let better = best.is_none_or(|best| {
            let (held, most) = (to - from, best.1 - best.0);
            held > most || (held == most && width((from, to)) < width(best))
        });
        if better {
            best = Some((from, to));
        }
    }
    best
}

fn is_tight(low: u64, high: u64) -> bool {
    high - low <= high / 6 || high <= 1
}

/// The share of all that could be, from 1 to a week of seconds or a tebibyte, which a span has:
/// of magnitudes, for ages and sizes spread over them.
fn share(low: u64, high: u64) -> f64 {
    let (low, high) = (low.max(1) as f64, high.max(1) as f64 + 1.0);
    ((high / low).ln() / 13.3).clamp(0.0, 1.0)
}

/// Host memory at death, within ten points, and high: a host at rest is no pattern.
fn memory(items: &[Item]) -> Option<Pattern> {
    let known: Vec<(u32, Item)> =
        items.iter().filter_map(|item| Some((item.record.memory_percent?, *item))).collect();
    let of = known.len();
    let held: Vec<(u32, Item)> = known.into_iter().filter(|(percent, _)| *percent >= 90).collect();
    let those: Vec<Item> = held.iter().map(|(_, item)| *item).collect();
    let count = held.len();
    if !is_most(count, of) || distinct(&those) < FEWEST {
        return None;
    }
    let low = held.iter().map(|(percent, _)| *percent).min()?;
    let high = held.iter().map(|(percent, _)| *percent).max()?;
    let text = format!("{count} of {of} died with {low} % or more of the host's memory in use");
    let ends = (format!("{low} %"), format!("{high} %"));
    Some(pattern(PatternKind::Memory, &those, of, ends, text))
}

/// An upper bound on how likely chance puts so many of all into some span of this share.
fn chance(of: usize, held: usize, share: f64) -> f64 {
    if held < FEWEST {
        return 1.0;
    }
    // The span may begin at any of them: the others must fall into it. By logarithms, since the
    // numbers are out of all bounds.
    let choices: f64 = (0..held).map(|index| ((of - index) as f64 / (index + 1) as f64).ln()).sum();
    (choices + (held as f64).ln() + (held - 1) as f64 * share.max(1e-9).ln()).exp()
}
