//! Moments as people write them: `10m` ago, `yesterday`, a date, RFC 3339, in local time.
//!
//! Dates of which nobody knows whether the day or the month comes first are refused.

use jiff::{Span, Timestamp, civil, tz::TimeZone};
use wk_model::Time;

use super::span;

/// What a moment on the command line is measured from.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    pub now: Time,
    pub zone: TimeZone,
}

impl Clock {
    /// This machine's clock.
    pub(crate) fn here() -> Self {
        let now = Time::from_millis(Timestamp::now().as_millisecond());
        Self { now, zone: TimeZone::system() }
    }

    /// Reads a moment, in any usual form; where no zone is written, it is the local one.
    pub(crate) fn parse(&self, text: &str) -> Result<Time, String> {
        let known = self.read(text.trim());
        known.map(|at| Time::from_millis(at.as_millisecond())).ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            format!(
                "`{}` is no moment: write 10m (so long ago), yesterday, \"2026-11-20 05:00\" \
                 (local time) or 2026-11-20T05:00:00Z",
                shown.escape_debug()
            )
        })
    }

    fn read(&self, text: &str) -> Option<Timestamp> {
        if let Some(seconds) = text.strip_prefix('@') {
            return epoch(seconds);
        }
        if let Ok(timestamp) = text.parse() {
            return Some(timestamp);
        }
        if let Ok(zoned) = text.parse::<jiff::Zoned>() {
            return Some(zoned.timestamp());
        }
        let text = text.to_ascii_lowercase();
        self.ago(&text).or_else(|| self.day_and_time(&text))
    }

    /// `2h`, `2h ago`, `-2h`, `3 days ago`, `now`.
    fn ago(&self, text: &str) -> Option<Timestamp> {
        let now = Timestamp::from_millisecond(self.now.as_millis()).ok()?;
        if text == "now" {
            return Some(now);
        }
        let (length, is_past) = match (text.strip_suffix("ago"), text.strip_prefix('-')) {
            (Some(length), _) => (length.trim_end(), true),
            (None, Some(length)) => (length, true),
            (None, None) => (text, false),
        };
        if let Ok(ago) = span::parse(length) {
            return now.checked_sub(ago).ok();
        }
        // Weeks and months are of the calendar; `1d` is a day of 24 hours, as everywhere here.
        let mut words = length.split_whitespace();
        let (count, unit) = (words.next()?.parse::<i32>().ok()?, words.next()?);
        if !is_past || count < 0 || words.next().is_some() {
            return None;
        }
        let count = i64::from(count);
        let span = match unit.strip_suffix('s').unwrap_or(unit) {
            "second" | "sec" => Span::new().try_seconds(count),
            "minute" | "min" => Span::new().try_minutes(count),
            "hour" => Span::new().try_hours(count),
            "day" => Span::new().try_days(count),
            "week" => Span::new().try_weeks(count),
            "month" => Span::new().try_months(count),
            "year" => Span::new().try_years(count),
            _ => return None,
        };
        Some(now.to_zoned(self.zone.clone()).checked_sub(span.ok()?).ok()?.timestamp())
    }

    /// A day, a time, or both, with a zone behind it or without.
    fn day_and_time(&self, text: &str) -> Option<Timestamp> {
        let (text, zone) = split_zone(text).unwrap_or((text, self.zone.clone()));
        let today = Timestamp::from_millisecond(self.now.as_millis()).ok()?;
        let today = today.to_zoned(zone.clone()).date();
        // Names of days have spaces and the letter t of their own: every way to part is tried.
        let parts = text.match_indices(['t', ' ']).map(|(at, _)| (&text[..at], &text[at + 1..]));
        let midnight = civil::Time::midnight();
        let (date, time) = day(text, today)
            .map(|date| (date, midnight))
            .or_else(|| clock_time(text).map(|time| (today, time)))
            .or_else(|| {
                parts.into_iter().find_map(|(first, rest)| {
                    let rest = rest.trim();
                    let time = clock_time(rest.strip_prefix("at ").unwrap_or(rest))?;
                    Some((day(first.trim(), today)?, time))
                })
            })?;
        Some(date.to_datetime(time).to_zoned(zone).ok()?.timestamp())
    }

    /// When the day began here.
    pub(crate) fn midnight(&self) -> Time {
        self.local(self.now)
            .and_then(|zoned| zoned.start_of_day().ok())
            .map_or(self.now, |zoned| Time::from_millis(zoned.timestamp().as_millisecond()))
    }

    /// A moment in local time, for people: `2026-11-20 05:20:32`.
    pub(crate) fn show(&self, time: Time) -> String {
        match self.local(time) {
            Some(zoned) => zoned.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            None => time.to_string(),
        }
    }

    fn local(&self, time: Time) -> Option<jiff::Zoned> {
        let timestamp = Timestamp::from_millisecond(time.as_millis()).ok()?;
        Some(timestamp.to_zoned(self.zone.clone()))
    }
}

/// `Z`, `UTC`, `GMT` or `+02:00` behind a moment.
fn split_zone(text: &str) -> Option<(&str, TimeZone)> {
    for name in ["utc", "gmt", "z"] {
        if let Some(before) = text.strip_suffix(name)
            && before.ends_with(|c: char| c.is_ascii_digit() || c == ' ')
        {
            return Some((before.trim_end(), TimeZone::UTC));
        }
    }
    let sign = text.rfind(['+', '-'])?;
    let (before, offset) = text.split_at(sign);
    // Otherwise it belongs to a date.
    if !before.contains(':') {
        return None;
    }
    let digits: String = offset[1..].chars().filter(|c| *c != ':').collect();
    let number: i32 = digits.parse().ok()?;
    let seconds = match digits.len() {
        1 | 2 => number * 3600,
        4 => number / 100 * 3600 + number % 100 * 60,
        _ => return None,
    };
    let seconds = if offset.starts_with('-') { -seconds } else { seconds };
    Some((before.trim_end(), TimeZone::fixed(jiff::tz::Offset::from_seconds(seconds).ok()?)))
}

/// Seconds since 1970, or milliseconds where it is that many.
fn epoch(text: &str) -> Option<Timestamp> {
    let number: i64 = text.parse().ok()?;
    match number.unsigned_abs() {
        0..100_000_000_000 => Timestamp::from_second(number).ok(),
        _ => Timestamp::from_millisecond(number).ok(),
    }
}

/// A day by its date or its name.
fn day(text: &str, today: civil::Date) -> Option<civil::Date> {
    let days = |count: i64| today.checked_add(Span::new().try_days(count).ok()?).ok();
    match text {
        "today" => return Some(today),
        "yesterday" => return days(-1),
        "tomorrow" => return days(1),
        _ => {}
    }
    let name = text.strip_prefix("last ").unwrap_or(text);
    if let Some(weekday) = weekday(name) {
        // The last day of that name that is over.
        let back = i64::from(today.weekday().since(weekday));
        return days(if back == 0 { -7 } else { -back });
    }
    // Written out, and in the orders that leave no doubt.
    let plain = text.replace(',', " ");
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let forms = ["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%Y%m%d"];
    let words = ["%b %d %Y", "%B %d %Y", "%d %b %Y", "%d %B %Y"];
    let year = today.year();
    let read = |form: &&str, plain: &str| {
        // A year of two digits could be the day as well.
        civil::Date::strptime(form, plain).ok().filter(|date| date.year() >= 1970)
    };
    forms.iter().chain(&words).find_map(|form| read(form, &plain)).or_else(|| {
        let plain = format!("{plain} {year}");
        words.iter().find_map(|form| read(form, &plain))
    })
}

fn weekday(name: &str) -> Option<civil::Weekday> {
    const NAMES: [&str; 7] =
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let fits = |whole: &&str| **whole == *name || name == &whole[..3];
    let index = NAMES.iter().position(fits)?;
    civil::Weekday::from_monday_zero_offset(i8::try_from(index).ok()?).ok()
}

/// `5:00`, `05:00:07.5`, `5pm`, `5:30 am`, `noon`, `midnight`.
fn clock_time(text: &str) -> Option<civil::Time> {
    match text {
        "noon" => return Some(civil::time(12, 0, 0, 0)),
        "midnight" => return Some(civil::Time::midnight()),
        _ => {}
    }
    ["%H:%M:%S%.f", "%H:%M", "%I:%M:%S%p", "%I:%M%p", "%I%p"].iter().find_map(|form| {
        let text: String = text.chars().filter(|c| *c != ' ').collect();
        civil::Time::strptime(form, &text).ok()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clock() -> Clock {
        let now = Time::parse("2026-11-20T01:30:00Z").unwrap();
        Clock { now, zone: TimeZone::fixed(jiff::tz::offset(2)) }
    }

    #[test]
    fn moments_are_read_in_every_form() {
        for (text, want) in [
            ("10m", "2026-11-20T01:20:00.000Z"),
            ("2026-11-20T05:20:32.521Z", "2026-11-20T05:20:32.521Z"),
            ("2026-11-20T05:20:32+01:00", "2026-11-20T04:20:32.000Z"),
            ("2026-11-20 05:00", "2026-11-20T03:00:00.000Z"),
            ("2026-11-20 05:00:07", "2026-11-20T03:00:07.000Z"),
            ("2026-11-20", "2026-11-19T22:00:00.000Z"),
            ("2026-11-20T05:00", "2026-11-20T03:00:00.000Z"),
            ("2026-11-20 05:00 UTC", "2026-11-20T05:00:00.000Z"),
            ("2026-11-20 05:00Z", "2026-11-20T05:00:00.000Z"),
            ("2026-11-20 05:00 +01:00", "2026-11-20T04:00:00.000Z"),
            ("2026-11-20 05:00 -0130", "2026-11-20T06:30:00.000Z"),
            ("2026/11/20 5pm", "2026-11-20T15:00:00.000Z"),
            ("20.11.2026 17:00:07.5", "2026-11-20T15:00:07.500Z"),
            ("20261120", "2026-11-19T22:00:00.000Z"),
            ("Nov 20, 2026 05:00", "2026-11-20T03:00:00.000Z"),
            ("20 November 2026", "2026-11-19T22:00:00.000Z"),
            ("oct 3", "2026-10-02T22:00:00.000Z"),
            ("05:00", "2026-11-20T03:00:00.000Z"),
            ("now", "2026-11-20T01:30:00.000Z"),
            ("today", "2026-11-19T22:00:00.000Z"),
            ("today 05:00", "2026-11-20T03:00:00.000Z"),
            (" Yesterday ", "2026-11-18T22:00:00.000Z"),
            ("yesterday at noon", "2026-11-19T10:00:00.000Z"),
            ("tomorrow", "2026-11-20T22:00:00.000Z"),
            // A Friday: the last one is a week ago.
            ("friday", "2026-11-12T22:00:00.000Z"),
            ("last mon 9:30", "2026-11-16T07:30:00.000Z"),
            ("2h ago", "2026-11-19T23:30:00.000Z"),
            ("-2h", "2026-11-19T23:30:00.000Z"),
            ("1h30m ago", "2026-11-20T00:00:00.000Z"),
            ("3 days ago", "2026-11-17T01:30:00.000Z"),
            ("1 week ago", "2026-11-13T01:30:00.000Z"),
            ("2 months ago", "2026-09-20T01:30:00.000Z"),
            ("@1795138200", "2026-11-20T01:30:00.000Z"),
            ("@1795138200123", "2026-11-20T01:30:00.123Z"),
        ] {
            assert_eq!(clock().parse(text).map(|time| time.to_string()), Ok(want.into()), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_says_what_would_be() {
        for text in [
            "",
            " ",
            "2026-13-01",
            "5",
            "5 days",
            "2026-11-20 25:00",
            "2026-02-30",
            "yesteryear",
            "-5 days ago",
            "9999999999 days ago",
            "@",
            "11/12/2026",
            "2026-11-20 05:00 +99:00",
        ] {
            assert!(clock().parse(text).unwrap_err().contains("2026-11-20 05:00"), "{text}");
        }
    }

    #[test]
    fn the_day_begins_at_local_midnight() {
        assert_eq!(clock().midnight().to_string(), "2026-11-19T22:00:00.000Z");
        assert_eq!(clock().show(clock().now), "2026-11-20 03:30:00");
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "\\PC{0,40}") {
            let _ = clock().parse(&text);
        }

        #[test]
        fn a_written_moment_reads_back(ms in 0..4_000_000_000_000_i64) {
            let time = Time::from_millis(ms);
            prop_assert_eq!(clock().parse(&time.to_string()), Ok(time));
        }
    }
}
