//! Moments as people write them: a time of day, on a day that may be named.

use wk_model::Time;

use super::{DAY, HOUR, MINUTE};

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The epoch began on the first of these.
const WEEKDAYS: [&str; 7] =
    ["thursday", "friday", "saturday", "sunday", "monday", "tuesday", "wednesday"];

const HALF_A_YEAR: i64 = 183 * DAY as i64;

/// Which day it is to be.
enum Day {
    /// None is named: the next that has such a time to come.
    Next,
    Weekday(i64),
    /// Milliseconds of its first moment, as if it were in UTC.
    Date(i64),
}

/// `resets 3pm`, `reset at 15:00 (UTC)`, `at 3:45 PM`, `resets Mon 12:00am`, `resets Nov 25 at
/// 1pm`, `at Nov 25th, 2026 3:45 PM`: the next such moment.
pub(super) fn appointment(words: &[&str], now: Time, utc_offset_s: i32) -> Option<Time> {
    let offset_ms = if words.contains(&"utc") { 0 } else { i64::from(utc_offset_s) * 1_000 };
    let local_ms = now.as_millis() + offset_ms;
    let begins = |word: &str| matches!(word, "reset" | "resets" | "at" | "until");
    let told = (0..words.len()).filter(|at| begins(words[*at])).find_map(|at| {
        let (day, rest) = day(past_fillers(&words[at + 1..]), local_ms);
        Some((day, clock(past_fillers(rest))?))
    });
    let (day, clock) = told?;
    Some(Time::from_millis(on(&day, clock, local_ms) - offset_ms))
}

fn past_fillers<'a, 'w>(words: &'a [&'w str]) -> &'a [&'w str] {
    let fillers = words.iter().take_while(|word| matches!(**word, "at" | "on")).count();
    &words[fillers..]
}

/// The moment at which a day's clock shows `clock`.
fn on(day: &Day, clock: i64, local_ms: i64) -> i64 {
    let day_ms = DAY as i64;
    let today = local_ms.div_euclid(day_ms) * day_ms;
    let (first, step) = match day {
        Day::Date(date) => return date + clock,
        Day::Next => (today + clock, day_ms),
        Day::Weekday(wanted) => {
            let days = (wanted - today.div_euclid(day_ms)).rem_euclid(7);
            (today + days * day_ms + clock, 7 * day_ms)
        }
    };
    if first > local_ms { first } else { first + step }
}

/// The day that `words` begin with, and the words behind it.
fn day<'a, 'w>(words: &'a [&'w str], local_ms: i64) -> (Day, &'a [&'w str]) {
    let named = |names: &[&str]| named(names, words.first()?);
    if let Some(weekday) = named(&WEEKDAYS) {
        return (Day::Weekday(weekday as i64), &words[1..]);
    }
    let date = named(&MONTHS).and_then(|month| {
        let day = words.get(1)?.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let year = words.get(2).filter(|word| word.len() == 4).and_then(|word| word.parse().ok());
        let used = if year.is_some() { 3 } else { 2 };
        Some((date(year, month + 1, day.parse().ok()?, local_ms)?, used))
    });
    match date {
        Some((date, used)) => (Day::Date(date), &words[used..]),
        None => (Day::Next, words),
    }
}

/// Which of the names a word begins, by three letters or more.
fn named(names: &[&str], word: &str) -> Option<usize> {
    (word.len() >= 3).then(|| names.iter().position(|name| name.starts_with(word))).flatten()
}

/// Without a year it is the one of these days: in December, January is the next year's.
fn date(year: Option<u16>, month: usize, day: u8, local_ms: i64) -> Option<i64> {
    let in_year = |year: u16| {
        let date = Time::parse(&format!("{year:04}-{month:02}-{day:02}T00:00:00Z")).ok()?;
        Some(date.as_millis())
    };
    if let Some(year) = year {
        return in_year(year);
    }
    let this_year: u16 = Time::from_millis(local_ms).to_string().get(..4)?.parse().ok()?;
    match in_year(this_year) {
        Some(date) if date < local_ms - HALF_A_YEAR => in_year(this_year + 1),
        date => date,
    }
}

/// `3pm`, `3:45 PM`, `15:00`: milliseconds after midnight.
fn clock(words: &[&str]) -> Option<i64> {
    let half = |word: &str| match word {
        "am" | "a.m" => Some(false),
        "pm" | "p.m" => Some(true),
        _ => None,
    };
    let word = words.first()?;
    let end = word.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(word.len());
    let (digits, joined) = word.split_at(end);
    let afternoon = match joined {
        "" => words.get(1).and_then(|next| half(next)),
        joined => Some(half(joined)?),
    };
    // A bare number is no time of day.
    if afternoon.is_none() && !digits.contains(':') {
        return None;
    }
    let (hour, minute) = digits.split_once(':').unwrap_or((digits, "0"));
    let (hour, minute) = (hour.parse::<u64>().ok()?, minute.parse::<u64>().ok()?);
    let hour = match afternoon {
        Some(afternoon) if (1..=12).contains(&hour) => hour % 12 + if afternoon { 12 } else { 0 },
        None if hour < 24 => hour,
        _ => return None,
    };
    (minute < 60).then(|| (hour * HOUR + minute * MINUTE) as i64)
}
