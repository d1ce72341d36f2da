//! Amounts of bytes: `64MiB`, `50MB`, `4096`.

/// Units and their size in bytes.
const UNITS: [(&str, u64); 13] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1000),
    ("B", 1),
    // As other tools have it, for short.
    ("T", 1 << 40),
    ("G", 1 << 30),
    ("M", 1 << 20),
    ("K", 1 << 10),
];

/// Reads a whole number with a unit; without one it counts bytes.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let bad = |why: &str| {
        let shown: String = text.chars().take(40).collect();
        format!("`{}` {why}: write for example 64MiB, 50MB or 4096", shown.escape_debug())
    };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(bad("is no size"));
    }
    let size = match unit.trim_start() {
        "" => 1,
        unit => UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .map(|(_, size)| *size)
            .ok_or_else(|| bad("has an unknown unit"))?,
    };
    number.parse::<u64>().ok().and_then(|n| n.checked_mul(size)).ok_or_else(|| bad("is too big"))
}

/// Writes an amount so that [`parse`] reads back the same.
pub(crate) fn exact(bytes: u64) -> String {
    for (unit, size) in UNITS {
        if bytes >= size && bytes.is_multiple_of(size) {
            return format!("{}{unit}", bytes / size);
        }
    }
    format!("{bytes}B")
}

/// Writes an amount for people: `1.4 MiB`.
pub(crate) fn brief(bytes: u64) -> String {
    for (unit, size) in &UNITS[..4] {
        if bytes >= *size {
            // Cut, not rounded: 1023.99 KiB must not become 1024.0 KiB.
            return format!("{:.1} {unit}", (bytes as f64 / *size as f64 * 10.0).floor() / 10.0);
        }
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [
            ("64MiB", 64 << 20),
            ("50MB", 50_000_000),
            ("4096", 4096),
            ("0", 0),
            ("1 GiB", 1 << 30),
            ("12kb", 12_000),
            ("7B", 7),
            ("512M", 512 << 20),
            ("1g", 1 << 30),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_says_what_would_be() {
        for (text, why) in [
            ("", "no size"),
            ("MB", "no size"),
            ("-1", "no size"),
            ("64P", "unknown unit"),
            ("1.5GiB", "unknown unit"),
            ("99999999999TiB", "too big"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(why) && error.contains("64MiB"), "{text}: {error}");
        }
    }

    #[test]
    fn people_read_rounded_sizes() {
        for (bytes, text) in [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (1 << 40, "1.0 TiB")]
        {
            assert_eq!(brief(bytes), text);
        }
    }

    proptest! {
        #[test]
        fn a_written_size_reads_back(bytes: u64) {
            prop_assert_eq!(parse(&exact(bytes)), Ok(bytes));
        }
    }
}
