//! Values of single keys: what was found, and how it is read.

use std::{path::PathBuf, time::Duration};

use wk_holder::spec::LimitMechanism;
use wk_model::OnStale;

use super::settings::{LogFormat, Repair, WitnessStart};
use crate::{
    attach::detach_key::DetachKey,
    text::{bytes, span},
};

/// Looks at a session are not closer together.
pub(crate) const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// Who retries more often never gives up.
pub(crate) const MAX_RETRIES: u32 = 1000;
/// No program starts in less.
pub(crate) const LEAST_MEMORY: u64 = 1 << 20;

/// A value as it was found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Raw<'a> {
    /// From a variable: only text, so it may stand for any type.
    Variable(&'a str),
    Text(&'a str),
    Integer(i64),
    Boolean(bool),
    List(&'a toml::de::DeArray<'a>),
    /// A type that no key has, by its name.
    Other(&'static str),
}

pub(super) fn text<'a>(raw: Raw<'a>, want: &str) -> Result<&'a str, String> {
    match raw {
        Raw::Variable(text) | Raw::Text(text) => Ok(text),
        other => Err(mismatch(other, want)),
    }
}

pub(super) fn length(raw: Raw<'_>) -> Result<Duration, String> {
    span::parse(text(raw, "a length of time like \"10s\"")?)
}

pub(super) fn detach_key(raw: Raw<'_>) -> Result<DetachKey, String> {
    text(raw, "a key like \"C-\\\\\"")?.parse()
}

pub(super) fn optional_span(raw: Raw<'_>) -> Result<Option<Duration>, String> {
    match text(raw, "a length of time like \"10s\", or \"none\"")? {
        "none" => Ok(None),
        text => span::parse_positive(text).map(Some),
    }
}

/// A health check that never ends would be all that the daemon does.
pub(super) fn optional_interval(raw: Raw<'_>) -> Result<Option<Duration>, String> {
    match optional_span(raw)? {
        Some(interval) if interval < MIN_INTERVAL => {
            Err(format!("must be at least {}", span::exact(MIN_INTERVAL)))
        }
        interval => Ok(interval),
    }
}

/// `optional_span` that may be nothing at all.
pub(super) fn optional_length(raw: Raw<'_>) -> Result<Option<Duration>, String> {
    match text(raw, "a length of time like \"30d\", or \"none\"")? {
        "none" => Ok(None),
        text => span::parse(text).map(Some),
    }
}

/// Between looks at what is there: a shorter one would do nothing but look.
pub(super) fn interval(raw: Raw<'_>) -> Result<Duration, String> {
    const LEAST: Duration = Duration::from_millis(100);
    match length(raw)? {
        interval if interval < LEAST => Err(format!("must be at least {}", span::exact(LEAST))),
        interval => Ok(interval),
    }
}

pub(super) fn on_stale(raw: Raw<'_>) -> Result<OnStale, String> {
    text(raw, "\"report\", \"stop\" or \"restart\"")?.parse()
}

pub(super) fn boolean(raw: Raw<'_>) -> Result<bool, String> {
    match raw {
        Raw::Boolean(value) => Ok(value),
        Raw::Variable("true" | "1" | "yes" | "on") => Ok(true),
        Raw::Variable("false" | "0" | "no" | "off") => Ok(false),
        other => Err(mismatch(other, "true or false")),
    }
}

pub(super) fn size(raw: Raw<'_>, least: u64) -> Result<u64, String> {
    let size = match raw {
        Raw::Integer(bytes) => u64::try_from(bytes).map_err(|_| "must not be negative")?,
        other => bytes::parse(text(other, "a size like \"64MiB\"")?)?,
    };
    if size < least {
        return Err(format!("must be at least {}", bytes::exact(least)));
    }
    Ok(size)
}

/// Of one call: it must fit into an event, and hold a name at least.
pub(super) fn payload_size(raw: Raw<'_>) -> Result<u64, String> {
    const MOST: u64 = 1 << 20;
    match size(raw, 4 << 10)? {
        size if size > MOST => Err(format!("must be at most {}", bytes::exact(MOST))),
        size => Ok(size),
    }
}

pub(super) fn retries(raw: Raw<'_>) -> Result<u32, String> {
    count_to(raw, MAX_RETRIES)
}

pub(super) fn count_to(raw: Raw<'_>, most: u32) -> Result<u32, String> {
    let number = match raw {
        Raw::Integer(number) => Some(number),
        Raw::Variable(text) => text.parse().ok(),
        _ => None,
    };
    match number.map(u32::try_from) {
        Some(Ok(number)) if number <= most => Ok(number),
        Some(_) => Err(format!("must be between 0 and {most}")),
        None => Err(mismatch(raw, "a whole number")),
    }
}

pub(super) fn at_least_one(raw: Raw<'_>) -> Result<u32, String> {
    match count_to(raw, 1000)? {
        0 => Err("must be at least 1".into()),
        number => Ok(number),
    }
}

pub(super) fn optional_size(raw: Raw<'_>, least: u64) -> Result<Option<u64>, String> {
    match raw {
        Raw::Text("none") | Raw::Variable("none") => Ok(None),
        Raw::Integer(_) | Raw::Text(_) | Raw::Variable(_) => size(raw, least).map(Some),
        other => Err(mismatch(other, "a size like \"512MiB\", or \"none\"")),
    }
}

pub(super) fn optional_count(raw: Raw<'_>, least: u64) -> Result<Option<u64>, String> {
    let number = match raw {
        Raw::Text("none") | Raw::Variable("none") => return Ok(None),
        Raw::Integer(number) => Some(number),
        Raw::Variable(text) => text.parse().ok(),
        _ => None,
    };
    match number.map(u64::try_from) {
        Some(Ok(count)) if count >= least => Ok(Some(count)),
        Some(_) => Err(format!("must be at least {least}")),
        None => Err(mismatch(raw, "a whole number, or \"none\"")),
    }
}

pub(super) fn limit_mechanism(raw: Raw<'_>) -> Result<LimitMechanism, String> {
    match text(raw, "\"auto\" or \"sampling\"")? {
        "auto" => Ok(LimitMechanism::Auto),
        "sampling" => Ok(LimitMechanism::Sampling),
        other => Err(mismatch(Raw::Text(other), "\"auto\" or \"sampling\"")),
    }
}

pub(super) fn witness_start(raw: Raw<'_>) -> Result<WitnessStart, String> {
    match text(raw, "\"auto\" or \"off\"")? {
        "auto" => Ok(WitnessStart::Auto),
        "off" => Ok(WitnessStart::Off),
        other => Err(mismatch(Raw::Text(other), "\"auto\" or \"off\"")),
    }
}

pub(super) fn absolute_path(raw: Raw<'_>) -> Result<PathBuf, String> {
    const WANT: &str = "a path that begins with `/`";
    let found = text(raw, WANT)?;
    let path = PathBuf::from(found);
    if path.is_absolute() { Ok(path) } else { Err(mismatch(Raw::Text(found), WANT)) }
}

pub(super) fn repair(raw: Raw<'_>) -> Result<Repair, String> {
    match text(raw, "\"report\" or \"auto\"")? {
        "report" => Ok(Repair::Report),
        "auto" => Ok(Repair::Auto),
        other => Err(mismatch(Raw::Text(other), "\"report\" or \"auto\"")),
    }
}

/// Absolute paths; a variable has colons between them.
pub(super) fn paths(raw: Raw<'_>) -> Result<Vec<String>, String> {
    const WANT: &str = "a list of absolute paths";
    let found: Vec<&str> = match raw {
        Raw::List(values) => {
            let text = |value: &'_ toml::Spanned<toml::de::DeValue<'_>>| {
                value.get_ref().as_str().is_some()
            };
            if !values.iter().all(text) {
                return Err(format!("must be {WANT}"));
            }
            values.iter().filter_map(|value| value.get_ref().as_str()).collect()
        }
        Raw::Variable(text) => text.split(':').filter(|path| !path.is_empty()).collect(),
        other => return Err(mismatch(other, WANT)),
    };
    match found.iter().find(|path| !path.starts_with('/') || path.contains('\0')) {
        Some(bad) => Err(mismatch(Raw::Text(bad), WANT)),
        None if found.len() > 256 => Err("must be at most 256 paths".into()),
        None => Ok(found.into_iter().map(str::to_owned).collect()),
    }
}

pub(super) fn log_format(raw: Raw<'_>) -> Result<LogFormat, String> {
    match text(raw, "\"json\" or \"text\"")? {
        "json" => Ok(LogFormat::Json),
        "text" => Ok(LogFormat::Text),
        other => Err(mismatch(Raw::Text(other), "\"json\" or \"text\"")),
    }
}

pub(super) fn mismatch(raw: Raw<'_>, want: &str) -> String {
    match raw {
        Raw::Variable(text) | Raw::Text(text) => {
            let shown: String = text.chars().take(40).collect();
            format!("must be {want}, not `{}`", shown.escape_debug())
        }
        Raw::Integer(number) => format!("must be {want}, not the number {number}"),
        Raw::Boolean(value) => format!("must be {want}, not {value}"),
        Raw::List(_) => format!("must be {want}, not a list"),
        Raw::Other(kind) => format!("must be {want}, not a value of type {kind}"),
    }
}
