//! Reads from a message how long to wait: a length, a moment, or a time of day.
//!
//! Messages of programs are for people and change with every release, so anything that does
//! not read is none: the caller then waits as long as it thinks right.

use wk_model::Time;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Numbers that may be seconds or milliseconds of the epoch: no other numbers in messages are
/// so long.
const EPOCH_SECONDS: std::ops::Range<u64> = 1_500_000_000..5_000_000_000;

/// The moment until which `line` asks to wait.
pub(super) fn read(line: &str, now: Time, utc_offset_s: i32) -> Option<Time> {
    let line = line.to_lowercase();
    let words: Vec<&str> = line
        .split(|c: char| c.is_whitespace() || matches!(c, '|' | ',' | ';' | '(' | ')' | '"' | '='))
        .map(|word| word.trim_end_matches(['.', '!', ':']))
        .filter(|word| !word.is_empty())
        .collect();
    moment(&words)
        .or_else(|| length(&words).map(|ms| now.plus_millis(ms)))
        .or_else(|| time_of_day(&words, now, utc_offset_s))
        .filter(|until| *until > now)
}

/// `2026-11-21T15:00:00Z`, or seconds or milliseconds since the epoch.
fn moment(words: &[&str]) -> Option<Time> {
    words.iter().find_map(|word| {
        if let Ok(number) = word.parse::<u64>() {
            let ms = if EPOCH_SECONDS.contains(&number) { number * 1_000 } else { number };
            let likely = EPOCH_SECONDS.contains(&(ms / 1_000));
            return likely.then(|| i64::try_from(ms).ok().map(Time::from_millis)).flatten();
        }
        Time::parse(&word.to_uppercase()).ok()
    })
}

/// `in 5 minutes`, `after 30s`, `retry-after: 20`, `wait 1h 5m`, `in 2h30m`.
fn length(words: &[&str]) -> Option<u64> {
    let asked = ["in", "after", "wait", "retry-after", "for"];
    (0..words.len()).filter(|at| asked.contains(&words[*at])).find_map(|at| {
        let seconds = matches!(words[at], "retry-after");
        span(&words[at + 1..], seconds)
    })
}

/// A length at the beginning of `words`: numbers and units, together or apart.
fn span(words: &[&str], bare_is_seconds: bool) -> Option<u64> {
    let mut total: Option<u64> = None;
    let mut number: Option<f64> = None;
    for word in words.iter().copied().filter(|word| *word != "and" && *word != "about") {
        let mut rest = word;
        while !rest.is_empty() {
            if number.is_none() {
                let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
                let (digits, after) = rest.split_at(end.unwrap_or(rest.len()));
                let Ok(value) = digits.parse::<f64>() else { return total };
                (number, rest) = (Some(value), after);
                continue;
            }
            let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            let (Some(value), Some(unit)) = (number.take(), unit(name)) else { return total };
            let ms = (value * unit as f64).min(DAY as f64 * 366.0) as u64;
            (total, rest) = (Some(total.unwrap_or(0).saturating_add(ms)), after);
        }
    }
    match (total, number) {
        (None, Some(value)) if bare_is_seconds => Some((value * SECOND as f64) as u64),
        (total, _) => total,
    }
}

fn unit(name: &str) -> Option<u64> {
    Some(match name {
        "ms" | "millisecond" | "milliseconds" => 1,
        "s" | "sec" | "secs" | "second" | "seconds" => SECOND,
        "m" | "min" | "mins" | "minute" | "minutes" => MINUTE,
        "h" | "hr" | "hrs" | "hour" | "hours" => HOUR,
        "d" | "day" | "days" => DAY,
        _ => return None,
    })
}

/// `resets 3pm`, `resets at 10:30am`, `reset at 15:00 (UTC)`: the next such moment.
fn time_of_day(words: &[&str], now: Time, utc_offset_s: i32) -> Option<Time> {
    let at = words.iter().position(|word| matches!(*word, "reset" | "resets" | "at" | "until"))?;
    let told = words[at + 1..].iter().take(2).find_map(|word| clock(word))?;
    let offset_s = if words.contains(&"utc") { 0 } else { i64::from(utc_offset_s) };
    let local_ms = now.as_millis() + offset_s * 1_000;
    let day = local_ms.div_euclid(DAY as i64) * DAY as i64;
    let today = day + told as i64;
    let next = if today > local_ms { today } else { today + DAY as i64 };
    Some(Time::from_millis(next - offset_s * 1_000))
}

/// Milliseconds after midnight.
fn clock(word: &str) -> Option<u64> {
    let (digits, afternoon) = match word.strip_suffix("pm") {
        Some(rest) => (rest, Some(true)),
        None => match word.strip_suffix("am") {
            Some(rest) => (rest, Some(false)),
            None => (word, None),
        },
    };
    let (hour, minute) = digits.split_once(':').unwrap_or((digits, "0"));
    // A bare number is no time of day.
    if afternoon.is_none() && !digits.contains(':') {
        return None;
    }
    let (hour, minute) = (hour.parse::<u64>().ok()?, minute.parse::<u64>().ok()?);
    let hour = match afternoon {
        Some(afternoon) if (1..=12).contains(&hour) => hour % 12 + if afternoon { 12 } else { 0 },
        None if hour < 24 => hour,
        _ => return None,
    };
    (minute < 60).then_some(hour * HOUR + minute * MINUTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-20T12:00:00Z
    const NOON: Time = Time::from_millis(1_795_176_000_000);

    #[test]
    fn noon_is_noon() {
        assert_eq!(NOON.to_string(), "2026-11-20T12:00:00.000Z");
    }

    #[test]
    fn messages_tell_how_long_to_wait() {
        for (line, want) in [
            ("Rate limited. Please try again in 5 minutes.", Some("2026-11-20T12:05:00.000Z")),
            ("try again in 20s", Some("2026-11-20T12:00:20.000Z")),
            ("Please retry in 1.5s!", Some("2026-11-20T12:00:01.500Z")),
            ("wait 1h 5m", Some("2026-11-20T13:05:00.000Z")),
            ("quota exceeded, resets in 2h30m", Some("2026-11-20T14:30:00.000Z")),
            ("try again in 3 days and 2 hours", Some("2026-11-23T14:00:00.000Z")),
            ("HTTP 429 retry-after: 30", Some("2026-11-20T12:00:30.000Z")),
            ("Claude AI usage limit reached|1795186800", Some("2026-11-20T15:00:00.000Z")),
            ("until 2026-11-20T18:30:00Z", Some("2026-11-20T18:30:00.000Z")),
            ("limit reached, resets 3pm (UTC)", Some("2026-11-20T15:00:00.000Z")),
            ("limit reached, resets at 10:30am", Some("2026-11-21T09:30:00.000Z")),
            ("resets at 14:15", Some("2026-11-20T13:15:00.000Z")),
            ("resets 12am", Some("2026-11-20T23:00:00.000Z")),
            ("in 5 apples", None),
            ("error at 7", None),
            ("resets at 25:00", None),
            ("|1500000001", None),
            ("", None),
        ] {
            let read = read(line, NOON, 3600).map(|time| time.to_string());
            assert_eq!(read.as_deref(), want, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_message_is_too_strange(line in ".{0,200}", offset in -50_000..50_000_i32) {
            if let Some(until) = read(&line, NOON, offset) {
                proptest::prop_assert!(until > NOON);
            }
        }
    }
}
