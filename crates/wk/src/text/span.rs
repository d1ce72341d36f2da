//! Lengths of time: `10s`, `5m`, `1h30m`, `1.5h`, `500ms`.

use std::time::Duration;

/// Units, the longest first, in milliseconds.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Reads numbers with units, in any number and order.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let bad = |why: &str| {
        let shown: String = text.chars().take(40).collect();
        format!("`{}` {why}: write for example 500ms, 10s, 5m or 1h30m", shown.escape_debug())
    };
    if text.is_empty() {
        return Err(bad("is no length of time"));
    }
    let (mut rest, mut total) = (text, 0_u64);
    while !rest.is_empty() {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits(rest));
        // `1.5h`: there are digits on both sides.
        let (part, after) = match after.strip_prefix('.') {
            Some(after) if digits(after) > 0 => after.split_at(digits(after)),
            _ => ("", after),
        };
        let letters = after.bytes().take_while(u8::is_ascii_lowercase).count();
        let (unit, after) = after.split_at(letters);
        if number.is_empty() {
            return Err(bad("is no length of time"));
        }
        if unit.is_empty() {
            return Err(bad("has no unit"));
        }
        let Some((_, millis)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(bad("has an unknown unit"));
        };
        total = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(*millis))
            .and_then(|whole| whole.checked_add(fraction(part, *millis)))
            .and_then(|length| total.checked_add(length))
            .ok_or_else(|| bad("is too long"))?;
        rest = after;
    }
    // Kernel timers take signed 64-bit nanoseconds.
    if total > i64::MAX as u64 / 1_000_000 {
        return Err(bad("is too long"));
    }
    Ok(Duration::from_millis(total))
}

/// The milliseconds of what stands behind the point.
fn fraction(digits: &str, millis: u64) -> u64 {
    // More digits than nine are less than a millisecond of any unit.
    let digits = &digits[..digits.len().min(9)];
    let size = 10_u64.pow(digits.len() as u32);
    digits.parse::<u64>().map_or(0, |number| number * millis / size)
}

/// As clap wants it: a length that is not zero.
pub(crate) fn parse_positive(text: &str) -> Result<Duration, String> {
    match parse(text)? {
        Duration::ZERO => Err("must be longer than nothing".into()),
        span => Ok(span),
    }
}

/// Writes a length so that [`parse`] reads it back, to the millisecond.
pub(crate) fn exact(span: Duration) -> String {
    let (mut rest, mut text) = (millis(span), String::new());
    for (unit, size) in UNITS {
        if rest >= size {
            text += &format!("{}{unit}", rest / size);
            rest %= size;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

/// Writes a length for people in at most four characters, mostly: `0.4s`, `59s`, `12m`, `3h`.
pub(crate) fn brief(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    let whole = seconds as u64;
    match whole {
        0 if seconds > 0.0 => format!("{:.1}s", (seconds * 10.0).floor() / 10.0),
        0..60 => format!("{whole}s"),
        60..3600 => format!("{}m", whole / 60),
        3600..172_800 => format!("{}h", whole / 3600),
        _ => format!("{}d", whole / 86_400),
    }
}

/// Writes a length for people with its two largest units: `1h 5m`, `12m 3s`, `4.2s`.
pub(crate) fn wordy(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    let whole = seconds as u64;
    match whole {
        0..60 => format!("{:.1}s", (seconds * 10.0).floor() / 10.0),
        60..3600 => format!("{}m {}s", whole / 60, whole % 60),
        3600..86_400 => format!("{}h {}m", whole / 3600, whole / 60 % 60),
        _ => format!("{}d {}h", whole / 86_400, whole / 3600 % 24),
    }
}

/// Whole milliseconds, as the API wants them.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_read() {
        for (text, ms) in [
            ("10s", 10_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("500ms", 500),
            ("2d", 172_800_000),
            ("0s", 0),
            ("1m500ms", 60_500),
            ("1.5h", 5_400_000),
            ("0.25s", 250),
            ("1.999999999999d", 172_799_999),
            ("1.5h30.5m", 7_230_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn what_is_no_length_says_what_would_be() {
        for (text, why) in [
            ("", "no length"),
            ("10", "no unit"),
            ("s", "no length"),
            ("-5s", "no length"),
            ("1.5", "no unit"),
            ("1.h", "no unit"),
            (".5h", "no length"),
            ("5 m", "no unit"),
            ("5w", "unknown unit"),
            ("5M", "no unit"),
            ("99999999999999999999s", "too long"),
            ("300000000d", "too long"),
            ("9000000000000000000ms9000000000000000000ms9000000000000000000ms", "too long"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(why) && error.contains("1h30m"), "{text}: {error}");
        }
        assert!(parse_positive("0s").is_err());
    }

    #[test]
    fn people_read_short_lengths() {
        for (seconds, short, long) in [
            (-1.0, "0s", "0.0s"),
            (0.44, "0.4s", "0.4s"),
            (59.99, "59s", "59.9s"),
            (61.0, "1m", "1m 1s"),
            (7265.0, "2h", "2h 1m"),
            (200_000.0, "2d", "2d 7h"),
        ] {
            assert_eq!((brief(seconds).as_str(), wordy(seconds).as_str()), (short, long));
        }
    }

    proptest! {
        #[test]
        fn a_written_length_reads_back(ms in 0..=9_000_000_000_000_u64) {
            let span = Duration::from_millis(ms);
            prop_assert_eq!(parse(&exact(span)), Ok(span));
        }

        #[test]
        fn no_text_is_too_strange(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }
    }
}
