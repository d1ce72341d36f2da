//! Moments as people write them: `10m` ago, `yesterday`, a date, RFC 3339, in local time.
//!
//! One file for each form. Dates of which nobody knows whether the day or the month comes
//! first are refused.

mod ago;
mod day;
mod hour;
mod stamp;
pub(crate) mod zone;

use jiff::{Timestamp, Zoned, civil, tz::TimeZone};
use wk_model::Time;

use super::span;

/// What a moment on the command line is measured from.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    pub now: Time,
    /// None: this machine's, which is not looked up before somebody asks for it.
    zone: Option<TimeZone>,
}

impl Clock {
    /// This machine's clock.
    pub(crate) fn here() -> Self {
        Self { now: Time::from_millis(Timestamp::now().as_millisecond()), zone: None }
    }

    #[cfg(test)]
    pub(crate) fn new(now: Time, zone: TimeZone) -> Self {
        Self { now, zone: Some(zone) }
    }

    pub(crate) fn zone(&self) -> &TimeZone {
        self.zone.as_ref().unwrap_or_else(|| zone::here())
    }

    /// Reads a moment, in any usual form; where no zone is written, it is the local one.
    pub(crate) fn parse(&self, text: &str) -> Result<Time, String> {
        let shown = || text.chars().take(60).collect::<String>().escape_debug().to_string();
        match self.read(text.trim()) {
            Ok(Some(at)) => Ok(Time::from_millis(at.as_millisecond())),
            Ok(None) => Err(format!(
                "`{}` is no moment: write 10m (so long ago), yesterday, \"2026-11-20 05:00\" \
                 (local time) or 2026-11-20T05:00:00Z",
                shown()
            )),
            Err(why) => Err(format!("`{}`: {why}", shown())),
        }
    }

    fn read(&self, text: &str) -> Result<Option<Timestamp>, String> {
        if let Ok(timestamp) = text.parse() {
            return Ok(Some(timestamp));
        }
        if let Ok(zoned) = text.parse::<Zoned>() {
            return Ok(Some(zoned.timestamp()));
        }
        if let Some((text, zone)) = zone::in_brackets(text)? {
            return Ok(self.day_and_time(&text.to_ascii_lowercase(), zone));
        }
        let text = text.to_ascii_lowercase();
        let found = self
            .local(self.now)
            .and_then(|now| ago::read(&text, &now))
            .map(|zoned| zoned.timestamp())
            .or_else(|| stamp::read(&text, self.zone()))
            .or_else(|| {
                let (text, zone) = zone::behind(&text).unwrap_or((&text, self.zone().clone()));
                self.day_and_time(text, zone)
            });
        match day::unclear(&text) {
            Some([day_first, month_first]) if found.is_none() => Err(format!(
                "nobody knows which is the day and which the month: write {day_first} or \
                 {month_first}"
            )),
            _ => Ok(found),
        }
    }

    /// A day, a time, or both.
    fn day_and_time(&self, text: &str, zone: TimeZone) -> Option<Timestamp> {
        let today = Timestamp::from_millisecond(self.now.as_millis()).ok()?;
        let today = today.to_zoned(zone.clone()).date();
        // Names of days have spaces and the letter t of their own: every way to part is tried.
        let parts = text.match_indices(['t', ' ']).map(|(at, _)| (&text[..at], &text[at + 1..]));
        let midnight = civil::Time::midnight();
        let (date, time) = day::read(text, today)
            .map(|date| (date, midnight))
            .or_else(|| hour::read(text).map(|time| (today, time)))
            .or_else(|| {
                parts.into_iter().find_map(|(first, rest)| {
                    let rest = rest.trim();
                    let time = hour::read(rest.strip_prefix("at ").unwrap_or(rest))?;
                    Some((day::read(first.trim(), today)?, time))
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

    /// What is added to UTC here and now: `+01:00`.
    pub(crate) fn offset(&self) -> String {
        self.local(self.now).map_or_else(String::new, |now| now.strftime("%:z").to_string())
    }

    fn local(&self, time: Time) -> Option<Zoned> {
        let timestamp = Timestamp::from_millisecond(time.as_millis()).ok()?;
        Some(timestamp.to_zoned(self.zone().clone()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clock() -> Clock {
        let now = Time::parse("2026-11-20T01:30:00Z").unwrap();
        Clock::new(now, TimeZone::fixed(jiff::tz::offset(2)))
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
            ("2w", "2026-11-06T01:30:00.000Z"),
            ("1w ago", "2026-11-13T01:30:00.000Z"),
            ("1.5h", "2026-11-20T00:00:00.000Z"),
            // Weeks, months and years begin on their first day.
            ("this week", "2026-11-15T22:00:00.000Z"),
            ("last week", "2026-11-08T22:00:00.000Z"),
            ("last month", "2026-09-30T22:00:00.000Z"),
            ("last year", "2024-12-31T22:00:00.000Z"),
            ("2026-02", "2026-01-31T22:00:00.000Z"),
            ("2026-W05", "2026-01-25T22:00:00.000Z"),
            ("2026-w05 noon", "2026-01-26T10:00:00.000Z"),
            // There is no thirteenth month.
            ("13/02/2026", "2026-02-12T22:00:00.000Z"),
            ("02/13/2026 10:30", "2026-02-13T08:30:00.000Z"),
            ("05/05/2026", "2026-05-04T22:00:00.000Z"),
            // What `date` prints, in English of several countries, and `date -R`.
            ("Sat Nov 21 20:31:45 UTC 2026", "2026-11-21T20:31:45.000Z"),
            ("Sat Nov 21 08:31:45 PM UTC 2026", "2026-11-21T20:31:45.000Z"),
            ("Sat 21 Nov 20:31:45 GMT 2026", "2026-11-21T20:31:45.000Z"),
            ("Sat  7 Nov 2026 08:31:45 PM +0100", "2026-11-07T19:31:45.000Z"),
            ("Sat Nov  7 20:31:45 2026", "2026-11-07T18:31:45.000Z"),
            ("Sat, 21 Nov 2026 20:31:45 +0100", "2026-11-21T19:31:45.000Z"),
            ("Sat, 21 Nov 2026 20:31:45 GMT", "2026-11-21T20:31:45.000Z"),
            ("2026-11-21 20:31:45+00:00", "2026-11-21T20:31:45.000Z"),
            ("2026-02-01 10:30 [UTC]", "2026-02-01T10:30:00.000Z"),
            ("1795138200", "2026-11-20T01:30:00.000Z"),
            ("1795138200123", "2026-11-20T01:30:00.123Z"),
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
            "13/13/2026",
            "2026-W54",
            "2026-13",
            "2w3",
            "Sun Nov 21 20:31:45 UTC 2026",
            "Sat Nov 21 21 20:31:45 UTC 2026",
            "Sat Nov 21 20:31:45 XYZ 2026",
            "2026-11-20 05:00 +99:00",
        ] {
            assert!(clock().parse(text).unwrap_err().contains("2026-11-20 05:00"), "{text}");
        }
    }

    #[test]
    fn what_is_unclear_or_unknown_is_named() {
        for (text, want) in [
            ("02/01/2026", "write 2026-01-02 or 2026-02-01"),
            ("11/12/2026 10:30", "write 2026-12-11 or 2026-11-12"),
            ("2026-02-01 10:30 [Nowhere/Land]", "no time zone `Nowhere/Land` is known"),
        ] {
            let error = clock().parse(text).unwrap_err();
            assert!(error.contains(want), "{text}: {error}");
        }
    }

    #[test]
    fn a_zone_is_known_by_what_it_is_called_at_that_time() {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let clock = Clock::new(Time::parse("2026-11-20T01:30:00Z").unwrap(), berlin);
        for (text, want) in [
            ("Sun Oct 25 02:30:00 CEST 2026", Some("2026-10-25T00:30:00.000Z")),
            ("Sun Oct 25 02:30:00 CET 2026", Some("2026-10-25T01:30:00.000Z")),
            ("Sun Nov 15 02:30:00 CET 2026", Some("2026-11-15T01:30:00.000Z")),
            ("Sun Nov 15 02:30:00 CEST 2026", None),
        ] {
            let found = clock.parse(text).ok().map(|time| time.to_string());
            assert_eq!(found.as_deref(), want, "{text}");
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
