//! Moments by how long ago they were: `2h`, `2w ago`, `-2h`, `3 days ago`.

use jiff::{Span, Zoned};

use super::span;

/// The moment that was so long before another.
pub(super) fn read(text: &str, now: &Zoned) -> Option<Zoned> {
    if text == "now" {
        return Some(now.clone());
    }
    let (length, is_past) = match (text.strip_suffix("ago"), text.strip_prefix('-')) {
        (Some(length), _) => (length.trim_end(), true),
        (None, Some(length)) => (length, true),
        (None, None) => (text, false),
    };
    if let Ok(ago) = span::parse(length) {
        return now.checked_sub(ago).ok();
    }
    let digits = length.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = length.split_at(digits);
    let (count, word) = (i64::from(count.parse::<i32>().ok()?), unit.trim_start());
    // Like `10m`, `2w` needs no word behind it; `5 days` may be to come.
    if !is_past && unit != "w" {
        return None;
    }
    // Weeks and months are of the calendar; `1d` is a day of 24 hours, as everywhere here.
    let span = match word.strip_suffix('s').unwrap_or(word) {
        "second" | "sec" => Span::new().try_seconds(count),
        "minute" | "min" => Span::new().try_minutes(count),
        "hour" => Span::new().try_hours(count),
        "day" => Span::new().try_days(count),
        "w" | "week" => Span::new().try_weeks(count),
        "month" => Span::new().try_months(count),
        "year" => Span::new().try_years(count),
        _ => return None,
    };
    now.checked_sub(span.ok()?).ok()
}
