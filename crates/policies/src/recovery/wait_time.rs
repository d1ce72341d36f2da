//! Reads from a message how long to wait: a length, a moment, or a time of day.
//!
//! Messages of programs are for people and change with every release, so anything that does
//! not read is none: the caller then waits as long as it thinks right.

mod calendar;

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
        .split(|c: char| c.is_whitespace() || "|,;()\"=·".contains(c))
        .map(|word| word.trim_end_matches(['.', '!', ':']))
        .filter(|word| !word.is_empty())
        .collect();
    moment(&words)
        .or_else(|| length(&words).map(|ms| now.plus_millis(ms)))
        .or_else(|| calendar::appointment(&words, now, utc_offset_s))
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
            // As Claude Code says it.
            ("You've hit your session limit · resets 3:45pm", Some("2026-11-20T14:45:00.000Z")),
            ("5-hour limit reached ∙ resets 3 PM", Some("2026-11-20T14:00:00.000Z")),
            ("hit your limit · resets 6pm (Europe/Dublin)", Some("2026-11-20T17:00:00.000Z")),
            ("weekly limit · resets Nov 25 at 1pm (Europe/Oslo)", Some("2026-11-25T12:00:00.000Z")),
            ("weekly limit · resets Nov 25, 5am (UTC)", Some("2026-11-25T05:00:00.000Z")),
            ("weekly limit · resets Mon 12:00am", Some("2026-11-22T23:00:00.000Z")),
            ("weekly limit · resets Friday 10am", Some("2026-11-27T09:00:00.000Z")),
            // As Codex says it.
            ("hit your usage limit. Try again at 3:45 PM.", Some("2026-11-20T14:45:00.000Z")),
            ("or try again at 9:05 AM.", Some("2026-11-21T08:05:00.000Z")),
            ("try again at Nov 25th, 2026 3:45 PM.", Some("2026-11-25T14:45:00.000Z")),
            ("try again at Dec 1st, 2026 12:55 AM.", Some("2026-11-30T23:55:00.000Z")),
            ("try again in 4 days 3 hours.", Some("2026-11-24T15:00:00.000Z")),
            // As Gemini CLI says it.
            ("Your quota will reset after 5h12m30s.", Some("2026-11-20T17:12:30.000Z")),
            // Written otherwise.
            ("stopped at line 3, resets at 3 p.m.", Some("2026-11-20T14:00:00.000Z")),
            ("resets January 2 at 15:00", Some("2027-01-02T14:00:00.000Z")),
            ("resets Nov 20, 11am", None),
            ("resets Nov 31, 11am", None),
            ("try again at Nov 25th, 2026", None),
            ("resets 13 PM", None),
            ("resets 3", None),
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
        fn no_message_is_too_strange(
            line in "(.{0,60}|(resets|at|[a-z]{3}|[0-9]{1,4}|[0-9]:[0-9]{2}|[ap]m|,)( |th ))*",
            offset in -50_000..50_000_i32,
        ) {
            if let Some(until) = read(&line, NOON, offset) {
                proptest::prop_assert!(until > NOON);
            }
        }
    }
}
