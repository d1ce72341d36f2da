//! Days by their date or their name; weeks, months and years by the day on which they begin.

use jiff::{
    Span,
    civil::{Date, ISOWeekDate, Weekday},
};

/// The day that a text means; nothing where it is none, or may be two.
pub(super) fn read(text: &str, today: Date) -> Option<Date> {
    named(text, today)
        .or_else(|| week(text))
        .or_else(|| slashes(text).and_then(Either::only))
        .or_else(|| written(text, today))
}

/// The two days that the text may mean where nobody knows whether the month comes first.
pub(super) fn unclear(text: &str) -> Option<[Date; 2]> {
    let either = text.split([' ', 't', ',']).find_map(slashes)?;
    either.only().is_none().then_some([either.day_first?, either.month_first?])
}

fn named(text: &str, today: Date) -> Option<Date> {
    let days = |count: i64| today.checked_add(Span::new().try_days(count).ok()?).ok();
    let back = |span: Result<Span, _>| today.checked_sub(span.ok()?).ok();
    let monday = |date: Date| {
        let past = i64::from(date.weekday().since(Weekday::Monday));
        date.checked_sub(Span::new().try_days(past).ok()?).ok()
    };
    match text {
        "today" => return Some(today),
        "yesterday" => return days(-1),
        "tomorrow" => return days(1),
        "this week" => return monday(today),
        "this month" => return Some(today.first_of_month()),
        "this year" => return Some(today.first_of_year()),
        "last week" => return monday(back(Span::new().try_weeks(1))?),
        "last month" => return Some(back(Span::new().try_months(1))?.first_of_month()),
        "last year" => return Some(back(Span::new().try_years(1))?.first_of_year()),
        _ => {}
    }
    let weekday = weekday(text.strip_prefix("last ").unwrap_or(text))?;
    // The last day of that name that is over.
    let past = i64::from(today.weekday().since(weekday));
    days(if past == 0 { -7 } else { -past })
}

/// `monday` or `mon`.
pub(super) fn weekday(name: &str) -> Option<Weekday> {
    const NAMES: [&str; 7] =
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let index = position(name, &NAMES)?;
    Weekday::from_monday_zero_offset(index).ok()
}

/// `february` or `feb`, from 1.
pub(super) fn month(name: &str) -> Option<i8> {
    const NAMES: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    position(name, &NAMES).map(|index| index + 1)
}

fn position(name: &str, names: &[&str]) -> Option<i8> {
    let index = names.iter().position(|whole| *whole == name || name == &whole[..3])?;
    i8::try_from(index).ok()
}

/// `2026-W05`: the Monday of that week.
fn week(text: &str) -> Option<Date> {
    let (year, week) = text.split_once("-w")?;
    let year = year.parse().ok().filter(|year| (1970..=9999).contains(year))?;
    Some(ISOWeekDate::new(year, week.parse().ok()?, Weekday::Monday).ok()?.date())
}

/// What `13/02/2026` may mean.
#[derive(Clone, Copy)]
struct Either {
    day_first: Option<Date>,
    month_first: Option<Date>,
}

impl Either {
    /// The day, if there is no other.
    fn only(self) -> Option<Date> {
        match (self.day_first, self.month_first) {
            (Some(day), Some(month)) if day != month => None,
            (day, month) => day.or(month),
        }
    }
}

fn slashes(text: &str) -> Option<Either> {
    let mut parts = text.split('/');
    let (first, second, year) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 {
        return None;
    }
    let (first, second): (i8, i8) = (first.parse().ok()?, second.parse().ok()?);
    let year: i16 = year.parse().ok().filter(|year| *year >= 1970)?;
    let date = |day, month| Date::new(year, month, day).ok();
    Some(Either { day_first: date(first, second), month_first: date(second, first) })
}

/// Written out, and in the orders that leave no doubt.
fn written(text: &str, today: Date) -> Option<Date> {
    let plain = text.replace(',', " ");
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let forms = ["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%Y%m%d"];
    let words = ["%b %d %Y", "%B %d %Y", "%d %b %Y", "%d %B %Y"];
    let read = |form: &&str, plain: &str| {
        // A year of two digits could be the day as well.
        Date::strptime(form, plain).ok().filter(|date| date.year() >= 1970)
    };
    forms
        .iter()
        .chain(&words)
        .find_map(|form| read(form, &plain))
        .or_else(|| read(&"%Y-%m-%d", &format!("{plain}-01")))
        .or_else(|| {
            let plain = format!("{plain} {}", today.year());
            words.iter().find_map(|form| read(form, &plain))
        })
}
