//! Whole moments as programs print them: `date`, `date -R`, the headers of HTTP, seconds.

use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::TimeZone,
};

use super::{day, hour, zone};

/// What was printed in one of these forms; the text is in lower case.
pub(super) fn read(text: &str, local: &TimeZone) -> Option<Timestamp> {
    if let Some(number) = text.strip_prefix('@') {
        return epoch(number);
    }
    // Fewer digits are a date.
    if matches!(text.len(), 10 | 13) && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return epoch(text);
    }
    words(text, local)
}

/// Seconds since 1970, or milliseconds where it is that many.
fn epoch(text: &str) -> Option<Timestamp> {
    let number: i64 = text.parse().ok()?;
    match number.unsigned_abs() {
        0..100_000_000_000 => Timestamp::from_second(number).ok(),
        _ => Timestamp::from_millisecond(number).ok(),
    }
}

/// The words of `date`, whose order depends on the language: each is known by its look.
///
/// All that make a moment must be there, and none twice.
fn words(text: &str, local: &TimeZone) -> Option<Timestamp> {
    let (mut weekday, mut month, mut day, mut year) = (None, None, None, None);
    let (mut time, mut half, mut name) = (None, None, None);
    for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
        let twice = match (word, word.len()) {
            (_, 4) if is_number => year.replace(word.parse::<i16>().ok()?).is_some(),
            (_, 1 | 2) if is_number => day.replace(word.parse::<i8>().ok()?).is_some(),
            ("am" | "pm", _) => half.replace(word).is_some(),
            _ if word.contains(':') && !word.starts_with(['+', '-']) => {
                time.replace(word).is_some()
            }
            _ => match (day::weekday(word), day::month(word)) {
                (Some(found), _) => weekday.replace(found).is_some(),
                (None, Some(found)) => month.replace(found).is_some(),
                (None, None) => name.replace(word).is_some(),
            },
        };
        if twice {
            return None;
        }
    }
    let date = Date::new(year?, month?, day?).ok()?;
    let time: Time = hour::read(&format!("{}{}", time?, half.unwrap_or_default()))?;
    if weekday.is_some_and(|weekday| weekday != date.weekday()) {
        return None;
    }
    let at = date.to_datetime(time);
    let zone = match name {
        Some(name) => zone::named(name, at, local)?,
        None => local.clone(),
    };
    Some(at.to_zoned(zone).ok()?.timestamp())
}
