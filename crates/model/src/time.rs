//! Moments: wall-clock time for people, boot-time clock for order.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::BootId;

/// A wall-clock moment: milliseconds since the Unix epoch, UTC.
///
/// Written as RFC 3339 with milliseconds (`2026-11-20T05:20:32.521Z`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

impl Time {
    /// The moment that lies `ms` milliseconds after the Unix epoch.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Milliseconds from `earlier` to here; 0 where the clock went backwards.
    pub fn millis_since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }

    /// The moment `ms` milliseconds earlier; the first there is where that cannot be.
    #[must_use]
    pub const fn minus_millis(self, ms: u64) -> Self {
        Self(self.0.saturating_sub_unsigned(ms))
    }

    /// The moment `ms` milliseconds later; the last there is where that cannot be.
    #[must_use]
    pub const fn plus_millis(self, ms: u64) -> Self {
        Self(self.0.saturating_add_unsigned(ms))
    }

    /// Reads RFC 3339.
    pub fn parse(text: &str) -> Result<Self, jiff::Error> {
        Ok(Self(text.parse::<jiff::Timestamp>()?.as_millisecond()))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A moment beyond the year 9999 is no moment of ours; show the nearest that can be.
        let time = jiff::Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        });
        write!(f, "{time:.3}")
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

/// When something happened, by both clocks.
///
/// Wall clocks jump; the boot-time clock of one boot never goes back and is the same for
/// every process of the host, so it decides the order of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Wall clock.
    pub time: Time,
    /// Which boot `boot_ns` counts from.
    pub boot: BootId,
    /// `CLOCK_BOOTTIME`, in nanoseconds.
    pub boot_ns: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc_with_milliseconds() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_762_838_432_521, "2025-11-11T05:20:32.521Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            let time = Time::from_millis(ms);
            assert_eq!(time.to_string(), text);
            assert_eq!(Time::parse(text).unwrap(), time);
        }
        assert!(Time::parse("yesterday").is_err());
    }
}
