//! Sizes and lengths of time, for people.

/// `1.5 MiB`, `12 B`.
pub(crate) fn bytes(count: u64) -> String {
    for (unit, size) in [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if count >= size {
            return format!("{:.1} {unit}", (count as f64 / size as f64 * 10.0).floor() / 10.0);
        }
    }
    format!("{count} B")
}

/// A length of time: `450ms`, `12s`, `5m 3s`, `2h 4m`.
pub(crate) fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    let two = |first: u64, unit: &str, second: u64, below: &str| match second {
        0 => format!("{first}{unit}"),
        second => format!("{first}{unit} {second}{below}"),
    };
    match seconds {
        0 => format!("{ms}ms"),
        1..60 => format!("{seconds}s"),
        60..3600 => two(seconds / 60, "m", seconds % 60, "s"),
        _ => two(seconds / 3600, "h", seconds % 3600 / 60, "m"),
    }
}
