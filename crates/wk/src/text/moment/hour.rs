//! Times of the day: `5:00`, `05:00:07.5`, `5pm`, `5:30 am`, `noon`, `midnight`.

use jiff::civil::{Time, time};

pub(super) fn read(text: &str) -> Option<Time> {
    match text {
        "noon" => return Some(time(12, 0, 0, 0)),
        "midnight" => return Some(Time::midnight()),
        _ => {}
    }
    let text: String = text.chars().filter(|c| *c != ' ').collect();
    ["%H:%M:%S%.f", "%H:%M", "%I:%M:%S%p", "%I:%M%p", "%I%p"]
        .iter()
        .find_map(|form| Time::strptime(form, &text).ok())
}
