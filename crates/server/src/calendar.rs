//! Hours, days, weeks and months of a time zone, whose clocks may be put forward and back.

use jiff::{Timestamp, ToSpan, Zoned, civil::Weekday, tz::TimeZone};
use wk_journal::Bucket;
use wk_model::Time;

/// What sessions are put together by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Period {
    Hour,
    Day,
    Week,
    Month,
    /// Of whatever day: 0 to 23.
    HourOfDay,
}

/// Periods as a zone has them.
#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    zone: TimeZone,
    zone_name: String,
    period: Period,
}

impl Calendar {
    /// Periods of a zone, by its name or as POSIX writes it; `local` is this machine's, and UTC
    /// where none is named.
    pub(crate) fn new(zone: Option<&str>, period: Option<Period>) -> Result<Self, String> {
        let zone_name = zone.unwrap_or("UTC").to_owned();
        let known = match zone_name.as_str() {
            "UTC" => Ok(TimeZone::UTC),
            "local" => Ok(TimeZone::system()),
            name => TimeZone::get(name).or_else(|_| TimeZone::posix(name)),
        };
        let shown: String = zone_name.chars().take(60).collect();
        let bad = |_| {
            format!(
                "`{}` is no zone: write a name like Europe/Berlin, or TZ like CET-1CEST,M3.5.0,M10.5.0/3",
                shown.escape_debug()
            )
        };
        let zone = known.map_err(bad)?;
        // What was asked for may be `local`, or be written in small letters.
        let zone_name = zone.iana_name().map_or(zone_name, str::to_owned);
        Ok(Self { zone, zone_name, period: period.unwrap_or(Period::Day) })
    }

    pub(crate) fn zone(&self) -> &str {
        &self.zone_name
    }

    /// The period that a moment is in; its key is when it begins, or the hour of the day.
    pub(crate) fn bucket(&self, time: Time) -> Bucket {
        let alone = Bucket { key: time.as_millis(), from: time, until: time.plus_millis(1) };
        self.known_bucket(time).unwrap_or(alone)
    }

    fn known_bucket(&self, time: Time) -> Option<Bucket> {
        let at = self.zoned(time)?;
        if matches!(self.period, Period::Hour | Period::HourOfDay) {
            return self.hour(&at);
        }
        let day = at.start_of_day().ok()?;
        let (begin, end) = match self.period {
            Period::Week => {
                let days = i64::from(day.weekday().since(Weekday::Monday));
                let monday = day.checked_sub(days.days()).ok()?.start_of_day().ok()?;
                let next = monday.checked_add(7.days()).ok()?.start_of_day().ok()?;
                (monday, next)
            }
            Period::Month => {
                let first = day.first_of_month().ok()?.start_of_day().ok()?;
                let next = first.checked_add(1.month()).ok()?.start_of_day().ok()?;
                (first, next)
            }
            Period::Day | Period::Hour | Period::HourOfDay => {
                let next = day.checked_add(1.day()).ok()?.start_of_day().ok()?;
                (day, next)
            }
        };
        let [from, until] = [&begin, &end].map(moment);
        Some(Bucket { key: from.as_millis(), from, until })
    }

    /// An hour of the clock; cut where the clock is put forward or back within it.
    fn hour(&self, at: &Zoned) -> Option<Bucket> {
        let into = i64::from(at.minute()) * 60_000
            + i64::from(at.second()) * 1000
            + i64::from(at.millisecond());
        let now = at.timestamp().as_millisecond();
        let change = |time: Option<Timestamp>| time.map(Timestamp::as_millisecond);
        // One that lies at the moment itself has been.
        let here = at.timestamp().checked_add(1.nanosecond()).ok()?;
        let last = change(self.zone.preceding(here).next().map(|t| t.timestamp()));
        let next = change(self.zone.following(at.timestamp()).next().map(|t| t.timestamp()));
        let from = last.map_or(now - into, |last| last.max(now - into));
        let until = next.map_or(now - into + 3_600_000, |next| next.min(now - into + 3_600_000));
        let key = if self.period == Period::Hour { from } else { i64::from(at.hour()) };
        // Changes that lie at the moment itself are no bound before it.
        let from = Time::from_millis(from.min(now));
        Some(Bucket { key, from, until: Time::from_millis(until.max(now + 1)) })
    }

    /// What people call the period that begins at a moment.
    pub(crate) fn name(&self, begin: Time) -> String {
        let Some(at) = self.zoned(begin) else { return begin.to_string() };
        match self.period {
            Period::Hour | Period::HourOfDay => at.strftime("%Y-%m-%d %H:%M%:z").to_string(),
            Period::Day => at.strftime("%Y-%m-%d").to_string(),
            Period::Week => at.strftime("%G-W%V").to_string(),
            Period::Month => at.strftime("%Y-%m").to_string(),
        }
    }

    fn zoned(&self, time: Time) -> Option<Zoned> {
        let at = Timestamp::from_millisecond(time.as_millis()).ok()?;
        Some(at.to_zoned(self.zone.clone()))
    }
}

fn moment(at: &Zoned) -> Time {
    Time::from_millis(at.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Berlin, as POSIX says it: no list of zones is needed.
    const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

    fn told(zone: &str, period: Period, time: &str) -> (String, u64) {
        let calendar = Calendar::new(Some(zone), Some(period)).unwrap();
        let time = Time::parse(time).unwrap();
        let bucket = calendar.bucket(time);
        assert!((bucket.from..bucket.until).contains(&time), "{bucket:?}");
        // All of a bucket is in it.
        for other in [bucket.from, Time::from_millis(bucket.until.as_millis() - 1)] {
            assert_eq!(calendar.bucket(other), bucket, "{zone} {period:?}");
        }
        (calendar.name(bucket.from), bucket.until.millis_since(bucket.from) / 60_000)
    }

    #[test]
    fn periods_are_those_of_the_zone() {
        for (period, name, minutes) in [
            (Period::Hour, "2026-02-01 00:00+01:00", 60),
            (Period::Day, "2026-02-01", 24 * 60),
            (Period::Week, "2026-W05", 7 * 24 * 60),
            (Period::Month, "2026-02", 28 * 24 * 60),
        ] {
            let want = (name.to_owned(), minutes);
            assert_eq!(told(BERLIN, period, "2026-01-31T23:30:00Z"), want);
        }
        let utc = told("UTC", Period::Month, "2026-01-31T23:30:00Z");
        assert_eq!(utc, ("2026-01".to_owned(), 31 * 24 * 60));
        let nepal = told("<+0545>-5:45", Period::Hour, "2026-01-31T23:30:00Z");
        assert_eq!(nepal, ("2026-02-01 05:00+05:45".to_owned(), 60));
    }

    #[test]
    fn days_are_longer_and_shorter_when_clocks_are_put_back_and_forward() {
        assert_eq!(told(BERLIN, Period::Day, "2026-03-29T12:00:00Z").1, 23 * 60);
        assert_eq!(told(BERLIN, Period::Day, "2026-10-25T12:00:00Z").1, 25 * 60);
        // Two hours are called 2:00 that night, and are two.
        let [first, second] = ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]
            .map(|time| told(BERLIN, Period::Hour, time));
        assert_eq!(first, ("2026-10-25 02:00+02:00".to_owned(), 60));
        assert_eq!(second, ("2026-10-25 02:00+01:00".to_owned(), 60));
        let calendar = Calendar::new(Some(BERLIN), Some(Period::HourOfDay)).unwrap();
        let hour = |time| calendar.bucket(Time::parse(time).unwrap()).key;
        assert_eq!([hour("2026-10-25T00:30:00Z"), hour("2026-10-25T01:30:00Z")], [2, 2]);
        // Clocks that are put forward by half an hour cut one short.
        let island = "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0";
        assert_eq!(told(island, Period::Hour, "2026-10-03T15:40:00Z").1, 30);
    }

    #[test]
    fn what_is_no_zone_is_said() {
        assert!(Calendar::new(Some("Nowhere/Land\u{1b}"), None).unwrap_err().contains("Berlin"));
    }
}
