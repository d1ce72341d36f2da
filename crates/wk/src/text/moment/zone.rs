//! Time zones: this machine's, and those that are written behind a moment.

use std::{env, sync::LazyLock};

use jiff::{
    civil::DateTime,
    tz::{Offset, TimeZone},
};

use crate::complaint;

/// This machine's zone; if `TZ` names one that is not known, that is said once.
///
/// It is looked up when the first moment needs it: most calls of `wk` have none.
pub(crate) fn here() -> &'static TimeZone {
    static HERE: LazyLock<TimeZone> = LazyLock::new(|| {
        TimeZone::try_system().unwrap_or_else(|_| {
            if let Some(name) = env::var_os("TZ") {
                let name: String = name.to_string_lossy().chars().take(60).collect();
                complaint::say(&format!(
                    "wk: no time zone `{}` is known, which TZ names: times are in UTC. Write a \
                     name like Europe/Berlin, and see that the package tzdata is installed",
                    name.escape_debug()
                ));
            }
            TimeZone::unknown()
        })
    });
    &HERE
}

/// `[Europe/Berlin]` behind a moment; a name that nobody knows is an error.
pub(super) fn in_brackets(text: &str) -> Result<Option<(&str, TimeZone)>, String> {
    let Some((before, name)) = text.strip_suffix(']').and_then(|text| text.rsplit_once('[')) else {
        return Ok(None);
    };
    match TimeZone::get(name.trim()) {
        Ok(zone) => Ok(Some((before.trim_end(), zone))),
        Err(_) => Err(format!(
            "no time zone `{}` is known: write a name like Europe/Berlin, and see that the \
             package tzdata is installed",
            name.chars().take(60).collect::<String>().escape_debug()
        )),
    }
}

/// `Z`, `UTC`, `GMT` or `+02:00` behind a moment.
pub(super) fn behind(text: &str) -> Option<(&str, TimeZone)> {
    for name in ["utc", "gmt", "z"] {
        if let Some(before) = text.strip_suffix(name)
            && before.ends_with(|c: char| c.is_ascii_digit() || c == ' ')
        {
            return Some((before.trim_end(), TimeZone::UTC));
        }
    }
    let (before, offset) = text.split_at(text.rfind(['+', '-'])?);
    // Otherwise it belongs to a date.
    if !before.contains(':') {
        return None;
    }
    Some((before.trim_end(), offset_zone(offset)?))
}

/// A zone as `date` calls it: `UTC`, `+0100`, or what the local zone is called at that time.
pub(super) fn named(word: &str, at: DateTime, local: &TimeZone) -> Option<TimeZone> {
    if matches!(word, "utc" | "gmt" | "ut" | "z") {
        return Some(TimeZone::UTC);
    }
    if word.starts_with(['+', '-']) {
        return offset_zone(word);
    }
    // Of two hours with one name each has its own.
    let ambiguous = local.to_ambiguous_timestamp(at);
    [ambiguous.earlier(), ambiguous.later()].into_iter().flatten().find_map(|timestamp| {
        let info = local.to_offset_info(timestamp);
        let is_it = info.abbreviation().eq_ignore_ascii_case(word);
        is_it.then(|| TimeZone::fixed(info.offset()))
    })
}

fn offset_zone(offset: &str) -> Option<TimeZone> {
    let digits: String = offset[1..].chars().filter(|c| *c != ':').collect();
    let number: i32 = digits.parse().ok()?;
    let seconds = match digits.len() {
        1 | 2 => number * 3600,
        4 => number / 100 * 3600 + number % 100 * 60,
        _ => return None,
    };
    let seconds = if offset.starts_with('-') { -seconds } else { seconds };
    Some(TimeZone::fixed(Offset::from_seconds(seconds).ok()?))
}
