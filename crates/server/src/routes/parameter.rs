//! What several routes take: times, and how many.

use wk_model::Time;

use crate::{Failure, error::bad_request};

/// Entries of a list when nobody says how many.
const LIMIT: u32 = 100;

/// The time that the parameter `name` says.
pub(super) fn time(name: &str, text: Option<&str>) -> Result<Option<Time>, Failure> {
    let parse = |text: &str| {
        Time::parse(text).map_err(|error| Failure(bad_request(format!("bad `{name}`: {error}"))))
    };
    text.map(parse).transpose()
}

/// How many entries are asked for; 0 asks for all.
pub(super) fn limit(asked: Option<u32>) -> usize {
    match asked.unwrap_or(LIMIT) {
        0 => usize::MAX,
        limit => limit as usize,
    }
}
