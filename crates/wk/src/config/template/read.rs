//! Reading `[template.NAME]`.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use toml::de::DeTable;
use wk_model::{Category, FailurePattern, HealthOptions, Kind, Label, Name, OnStale};

use super::{Instance, SECTION, Setting, Template, TemplateLimits};
use crate::{
    config::{
        raw::{
            Raw, boolean, length, mismatch, optional_interval, optional_span, retries, size, text,
        },
        value::{Reader, Value, Wrong},
    },
    text::span,
};

pub(super) const KEYS: &[&str] = &[
    "agent_id",
    "command",
    "component",
    "cwd",
    "env",
    "extends",
    "headless",
    "health",
    "instance",
    "kind",
    "labels",
    "limits",
    "max_concurrent",
    "patterns",
    "recovery",
    "recovery_deadline",
    "restore",
    "resume",
    "resume_headless",
    "retries",
    "retry_delay",
];

/// Words of commands that stand for something.
const PLACEHOLDERS: [&str; 5] = ["uuid", "external_id", "args", "continue", "shell"];

/// A template as a file has it.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub template: Template,
    /// Where it says what it extends, or else its name.
    pub extends: Range<usize>,
}

/// The templates of a section `template`.
pub(super) fn section(section: &Value<'_>, wrongs: &mut Vec<Wrong>) -> BTreeMap<String, Written> {
    let mut reader = Reader { place: SECTION.to_owned(), wrongs };
    let mut found = BTreeMap::new();
    let toml::de::DeValue::Table(table) = section.get_ref() else {
        let message = "write [template.NAME], then its keys";
        reader.wrong(section.span(), message);
        return found;
    };
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        if let Err(error) = name.parse::<Name>() {
            reader.wrong(key.span(), &error.to_string());
        } else if let Some(table) = reader.table(name, value) {
            let written = template(&mut reader.below(name), table, key.span());
            found.insert(name.to_owned(), written);
        }
    }
    found
}

fn template(reader: &mut Reader<'_>, table: &DeTable<'_>, span: Range<usize>) -> Written {
    let (mut template, mut extends) = (Template::default(), span);
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        match name {
            "command" => template.command = command(reader, name, value),
            "resume" | "resume_headless" => {
                let command = command(reader, name, value);
                match name {
                    "resume" => template.resume = command,
                    _ => template.resume_headless = command,
                }
            }
            "headless" => template.headless = reader.list(name, value, "[\"--print\"]", word),
            "env" => template.env = reader.texts(name, value, check_variable),
            "cwd" => template.cwd = reader.one(name, value, folder),
            "kind" => template.kind = reader.one(name, value, kind),
            "labels" => template.labels = reader.texts(name, value, check_label),
            "agent_id" => template.agent_id = reader.one(name, value, word),
            "component" => template.component = reader.one(name, value, word),
            "limits" => template.limits = limits(reader, name, value),
            "retries" => template.retries = reader.one(name, value, retries),
            "retry_delay" => template.retry_delay = reader.one(name, value, length),
            "recovery" => template.recovery = reader.one(name, value, on_or_off),
            "recovery_deadline" => {
                template.recovery_deadline = setting(reader.one(name, value, time));
            }
            "restore" => template.restore = reader.one(name, value, boolean),
            "patterns" => template.patterns = Some(patterns(reader, name, value)),
            "health" => template.health = health(reader, name, value),
            "max_concurrent" => template.max_concurrent = reader.one(name, value, at_least_one),
            "extends" => {
                extends = value.span();
                template.extends = reader.one(name, value, word);
            }
            "instance" => template.instances = Some(instances(reader, name, value)),
            _ => reader.unknown(key, KEYS),
        }
    }
    Written { template, extends }
}

fn setting<T>(read: Option<Setting<T>>) -> Setting<T> {
    read.unwrap_or(Setting::Open)
}

/// A command: at least one word, without placeholders that nobody knows.
fn command(reader: &mut Reader<'_>, key: &str, value: &Value<'_>) -> Option<Vec<String>> {
    let words = reader.list(key, value, "[\"make\", \"{args}\"]", argument)?;
    if key == "command" && words.iter().any(|word| word.contains("{external_id}")) {
        let message =
            "`command`: nobody knows `{external_id}` before the first attempt: use {uuid}";
        reader.wrong(value.span(), message);
        return None;
    }
    if key != "resume_headless" && words.iter().any(|word| word.contains("{continue}")) {
        let message = format!("`{key}`: `{{continue}}` is for `resume_headless` only");
        reader.wrong(value.span(), &message);
        return None;
    }
    if words.first().is_none_or(String::is_empty) {
        reader.wrong(value.span(), &format!("`{key}` must name a program"));
        return None;
    }
    Some(words)
}

fn argument(raw: Raw<'_>) -> Result<String, String> {
    let word = text(raw, "a word in quotes")?;
    if word.contains('\0') {
        return Err("contains a NUL byte, which no argument can hold".into());
    }
    match unknown_placeholder(word) {
        Some(name) => {
            Err(crate::config::names::unknown("placeholder", name, "", PLACEHOLDERS.into_iter()))
        }
        None => Ok(word.to_owned()),
    }
}

/// Words in braces may be meant as braces: only one that reads like a name is looked at.
fn unknown_placeholder(word: &str) -> Option<&str> {
    let name = word.strip_prefix('{')?.strip_suffix('}')?;
    let named = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    (named && !PLACEHOLDERS.contains(&name)).then_some(name)
}

fn check_variable(name: &str, value: &str) -> Result<(), String> {
    if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
        return Err(format!("`{}` is no variable", name.escape_debug()));
    }
    Ok(())
}

fn check_label(key: &str, value: &str) -> Result<(), String> {
    Label::new(key, value).map(drop).map_err(|error| error.to_string())
}

fn folder(raw: Raw<'_>) -> Result<String, String> {
    let path = text(raw, "an absolute path")?;
    let absolute = path.starts_with('/') || path == "~" || path.starts_with("~/");
    if !absolute || path.contains('\0') {
        return Err("must be an absolute path, or begin with ~/".into());
    }
    Ok(path.to_owned())
}

fn kind(raw: Raw<'_>) -> Result<Kind, String> {
    match text(raw, "a kind like \"agent\"")?.parse()? {
        Kind::Tmux => Err("tmux sessions are made by tmux: use command, agent or shell".into()),
        kind => Ok(kind),
    }
}

fn word(raw: Raw<'_>) -> Result<String, String> {
    let word = text(raw, "a text in quotes")?;
    if word.is_empty() || word.len() > 256 || word.contains(char::is_control) {
        return Err("must be 1 to 256 bytes without control characters".into());
    }
    Ok(word.to_owned())
}

fn at_least_one(raw: Raw<'_>) -> Result<u32, String> {
    match raw {
        Raw::Integer(number @ 1..=100_000) => Ok(number as u32),
        Raw::Integer(_) => Err("must be between 1 and 100000".into()),
        other => Err(mismatch(other, "a whole number")),
    }
}

fn on_or_off(raw: Raw<'_>) -> Result<bool, String> {
    match raw {
        Raw::Boolean(value) => Ok(value),
        Raw::Text("on") => Ok(true),
        Raw::Text("off") => Ok(false),
        other => Err(mismatch(other, "\"on\" or \"off\"")),
    }
}

fn time(raw: Raw<'_>) -> Result<Setting<Duration>, String> {
    match text(raw, "a length of time like \"10m\", or \"none\"")? {
        "none" => Ok(Setting::Nothing),
        text => span::parse_positive(text).map(Setting::Value),
    }
}

fn amount(raw: Raw<'_>) -> Result<Setting<u64>, String> {
    match raw {
        Raw::Text("none") => Ok(Setting::Nothing),
        raw => size(raw, 1).map(Setting::Value),
    }
}

fn number(raw: Raw<'_>) -> Result<Setting<u64>, String> {
    let number = match raw {
        Raw::Text("none") => return Ok(Setting::Nothing),
        Raw::Integer(number) => u64::try_from(number).ok(),
        Raw::Text(text) => text.parse().ok(),
        other => return Err(mismatch(other, "a number like 100, or \"none\"")),
    };
    match number {
        Some(number @ 1..) => Ok(Setting::Value(number)),
        _ => Err("must be a number from 1 on, or \"none\"".into()),
    }
}

fn limits(reader: &mut Reader<'_>, name: &str, value: &Value<'_>) -> TemplateLimits {
    const KEYS: &[&str] =
        &["idle_timeout", "max_cpu_time", "max_memory", "max_output", "max_processes", "timeout"];
    let mut limits = TemplateLimits::default();
    let Some(table) = reader.table(name, value) else { return limits };
    let mut reader = reader.below(name);
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        match name {
            "max_memory" => limits.max_memory = setting(reader.one(name, value, amount)),
            "max_cpu_time" => limits.max_cpu_time = setting(reader.one(name, value, time)),
            "timeout" => limits.timeout = setting(reader.one(name, value, time)),
            "idle_timeout" => limits.idle_timeout = setting(reader.one(name, value, time)),
            "max_processes" => limits.max_processes = setting(reader.one(name, value, number)),
            "max_output" => limits.max_output = setting(reader.one(name, value, amount)),
            _ => reader.unknown(key, KEYS),
        }
    }
    limits
}

fn health(reader: &mut Reader<'_>, name: &str, value: &Value<'_>) -> HealthOptions {
    const KEYS: &[&str] = &["hung_after", "interval", "on_stale", "stale_after"];
    let mut health = HealthOptions::default();
    let Some(table) = reader.table(name, value) else { return health };
    let mut reader = reader.below(name);
    // 0 is none.
    let millis = |length: Option<Duration>| length.map_or(0, span::millis);
    let positive = |raw: Raw<'_>| {
        let text = text(raw, "a length of time like \"30s\"")?;
        span::parse_positive(text).map(span::millis)
    };
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        match name {
            "interval" => {
                health.interval_ms =
                    reader.one(name, value, |raw| optional_interval(raw).map(millis));
            }
            "stale_after" => {
                health.stale_after_ms =
                    reader.one(name, value, |raw| optional_span(raw).map(millis));
            }
            "hung_after" => health.hung_after_ms = reader.one(name, value, positive),
            "on_stale" => health.on_stale = reader.one(name, value, on_stale),
            _ => reader.unknown(key, KEYS),
        }
    }
    health
}

fn on_stale(raw: Raw<'_>) -> Result<OnStale, String> {
    let want = "\"report\", \"stop\" or \"restart\"";
    match text(raw, want)? {
        "report" => Ok(OnStale::Report),
        "stop" => Ok(OnStale::Stop),
        "restart" => Ok(OnStale::Restart),
        other => Err(mismatch(Raw::Text(other), want)),
    }
}

fn patterns(reader: &mut Reader<'_>, name: &str, value: &Value<'_>) -> Vec<FailurePattern> {
    let tables = reader.tables(name, value);
    let mut reader = reader.below(name);
    let patterns = tables.into_iter().filter_map(|(table, span)| pattern(&mut reader, table, span));
    patterns.collect()
}

fn pattern(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    span: Range<usize>,
) -> Option<FailurePattern> {
    let (mut named, mut screen, mut exit_code) = (None, None, None);
    let before = reader.wrongs.len();
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        match name {
            "category" => named = reader.one(name, value, category),
            "screen" => screen = reader.one(name, value, word),
            "exit_code" => exit_code = reader.one(name, value, code),
            _ => reader.unknown(key, &["category", "exit_code", "screen"]),
        }
    }
    if reader.wrongs.len() > before {
        return None;
    }
    let Some(category) = named else {
        reader.wrong(span, "a pattern needs a `category`");
        return None;
    };
    if screen.is_none() && exit_code.is_none() {
        reader.wrong(span, "a pattern needs a `screen` or an `exit_code`");
        return None;
    }
    Some(FailurePattern { category, exit_code, screen })
}

fn code(raw: Raw<'_>) -> Result<i32, String> {
    match raw {
        Raw::Integer(code @ 0..=255) => Ok(code as i32),
        other => Err(mismatch(other, "an exit code, 0 to 255")),
    }
}

/// The categories that a pattern may give.
pub(super) const CATEGORIES: [(&str, Category); 8] = [
    ("rate_limit", Category::RateLimit),
    ("quota", Category::Quota),
    ("authentication", Category::Authentication),
    ("command_not_found", Category::CommandNotFound),
    ("not_executable", Category::NotExecutable),
    ("crash", Category::Crash),
    ("exit_code", Category::ExitCode),
    ("not_resumable", Category::NotResumable),
];

fn category(raw: Raw<'_>) -> Result<Category, String> {
    let word = text(raw, "a category like \"rate_limit\"")?;
    let found = CATEGORIES.iter().find(|(name, _)| *name == word);
    let names = CATEGORIES.iter().map(|(name, _)| *name);
    found
        .map(|(_, category)| *category)
        .ok_or_else(|| crate::config::names::unknown("category", word, "", names))
}

fn instances(reader: &mut Reader<'_>, name: &str, value: &Value<'_>) -> Vec<Instance> {
    let tables = reader.tables(name, value);
    let mut reader = reader.below(name);
    let mut instances: Vec<Instance> = Vec::new();
    for (table, span) in tables {
        let instance = instance(&mut reader, table);
        if let Err(error) = instance.name.parse::<Name>() {
            reader.wrong(span, &format!("an instance needs a `name`: {error}"));
        } else if instances.iter().any(|other| other.name == instance.name) {
            reader.wrong(span, &format!("there are two instances `{}`", instance.name));
        } else {
            instances.push(instance);
        }
    }
    instances
}

fn instance(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Instance {
    let mut instance = Instance::default();
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        match name {
            "name" => instance.name = reader.one(name, value, word).unwrap_or_default(),
            "env" => instance.env = reader.texts(name, value, check_variable),
            "cwd" => instance.cwd = reader.one(name, value, folder),
            "max_concurrent" => instance.max_concurrent = reader.one(name, value, at_least_one),
            _ => reader.unknown(key, &["cwd", "env", "max_concurrent", "name"]),
        }
    }
    instance
}
