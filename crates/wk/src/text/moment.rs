//! Moments as people write them: `10m` ago, RFC 3339, or the local time.

use jiff::{Timestamp, civil, tz::TimeZone};
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

    /// Reads a moment: a length of time before now, RFC 3339, or a local date and time.
    pub(crate) fn parse(&self, text: &str) -> Result<Time, String> {
        let bad = || {
            let shown: String = text.chars().take(40).collect();
            format!(
                "`{}` is no moment: write 10m (so long ago), \"2026-11-20 05:00\" (local time) \
                 or 2026-11-20T05:00:00Z",
                shown.escape_debug()
            )
        };
        if let Ok(ago) = span::parse(text) {
            let ago = i64::try_from(ago.as_millis()).map_err(|_| bad())?;
            return Ok(Time::from_millis(self.now.as_millis().saturating_sub(ago)));
        }
        if let Ok(time) = Time::parse(text) {
            return Ok(time);
        }
        let local: civil::DateTime = text.parse().map_err(|_| bad())?;
        let zoned = local.to_zoned(self.zone.clone()).map_err(|_| bad())?;
        Ok(Time::from_millis(zoned.timestamp().as_millisecond()))
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
        ] {
            assert_eq!(clock().parse(text).map(|time| time.to_string()), Ok(want.into()), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_says_what_would_be() {
        for text in ["", "yesterday", "2026-13-01", "5", "2026-11-20 25:00"] {
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
