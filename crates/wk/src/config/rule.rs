//! Reading `[[on]]`: what is to be done about events.

use std::{ops::Range, time::Duration};

use toml::de::{DeTable, DeValue};
use wk_model::{Kind, Label, Status};
use wk_sinks::rules::{Action, Pattern, Rule};

use super::{
    names::unknown,
    raw::{Raw, length, mismatch, text},
    template::Templates,
    value::{Reader, Value, Wrong},
};
use crate::text::span;

/// The section's name.
pub(super) const SECTION: &str = "on";

/// More rules than anybody has.
const MANY: usize = 64;

const KEYS: &[&str] = &[
    "at_once",
    "attempts",
    "cause",
    "event",
    "kind",
    "label",
    "name",
    "post",
    "retry_delay",
    "run",
    "status",
    "template",
    "timeout",
];

/// The rules of a section `on`.
pub(super) fn read(
    section: &Value<'_>,
    templates: &Templates,
    wrongs: &mut Vec<Wrong>,
) -> Vec<Rule> {
    let mut reader = Reader { place: SECTION.to_owned(), wrongs };
    let DeValue::Array(tables) = section.get_ref() else {
        reader.wrong(section.span(), "rules are a list: write [[on]], then its keys");
        return Vec::new();
    };
    if tables.len() > MANY {
        reader.wrong(section.span(), &format!("there are more than {MANY} rules"));
        return Vec::new();
    }
    let mut rules: Vec<Rule> = Vec::new();
    for (number, value) in (1..).zip(tables) {
        let DeValue::Table(table) = value.get_ref() else {
            reader.wrong(value.span(), "rules are tables: write [[on]], then its keys");
            continue;
        };
        let Some(rule) = rule(&mut reader, table, value.span(), number, templates) else {
            continue;
        };
        if rules.iter().any(|other| other.name == rule.name) {
            reader.wrong(value.span(), &format!("there are two rules `{}`", rule.name));
        }
        rules.push(rule);
    }
    rules
}

fn rule(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    span: Range<usize>,
    number: usize,
    templates: &Templates,
) -> Option<Rule> {
    let before = reader.wrongs.len();
    let (mut pattern, mut actions, mut events) = (Pattern::default(), Vec::new(), None);
    let mut rule = Rule {
        name: format!("on-{number}"),
        pattern: Pattern::default(),
        action: Action::Run(Vec::new()),
        timeout: Duration::from_secs(30),
        attempts: 3,
        retry_delay: Duration::from_secs(1),
        at_once: 4,
    };
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        match name {
            "name" => put(&mut rule.name, reader.one(name, value, rule_name)),
            "event" => {
                events = Some(value.span());
                put(&mut pattern.events, many(reader, name, value, event));
            }
            "label" => put(&mut pattern.labels, many(reader, name, value, label)),
            "status" => put(&mut pattern.statuses, many(reader, name, value, status)),
            "kind" => put(&mut pattern.kinds, many(reader, name, value, kind)),
            "cause" => put(&mut pattern.causes, many(reader, name, value, cause)),
            "template" => {
                let read = |raw: Raw<'_>| {
                    let name = text(raw, "a template's name")?;
                    templates.get(name).map(|_| name.to_owned())
                };
                put(&mut pattern.templates, many(reader, name, value, read));
            }
            "run" => {
                let words = reader.list(name, value, "[\"notify-send\", \"done\"]", argument);
                if words.as_ref().is_some_and(|words| words.first().is_none_or(String::is_empty)) {
                    reader.wrong(value.span(), "`run` must name a program");
                }
                actions.push(words.map(Action::Run));
            }
            "post" => actions.push(reader.one(name, value, post).map(Action::Post)),
            "timeout" => put(&mut rule.timeout, reader.one(name, value, timeout)),
            "attempts" => put(&mut rule.attempts, reader.one(name, value, from_one(10))),
            "retry_delay" => put(&mut rule.retry_delay, reader.one(name, value, length)),
            "at_once" => {
                let read = reader.one(name, value, from_one(64));
                put(&mut rule.at_once, read.map(|number| number as usize));
            }
            _ => reader.unknown(key, KEYS),
        }
    }
    if events.is_none() {
        reader.wrong(span.clone(), "a rule needs an `event`, like \"session_closed\"");
    }
    match actions.len() {
        0 => {
            let message =
                "a rule needs an action: `run = [\"program\", …]` or `post = \"http://…\"`";
            reader.wrong(span, message);
        }
        1 => {}
        _ => {
            let message = "a rule has one action, `run` or `post`: write two rules";
            reader.wrong(span, message);
        }
    }
    let action = actions.pop().flatten()?;
    (reader.wrongs.len() == before).then_some(Rule { pattern, action, ..rule })
}

fn put<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn many<T>(
    reader: &mut Reader<'_>,
    name: &str,
    value: &Value<'_>,
    read: impl Fn(Raw<'_>) -> Result<T, String>,
) -> Option<Vec<T>> {
    let found = reader.one_or_list(name, value, "[\"…\", \"…\"]", read)?;
    if found.is_empty() {
        reader.wrong(value.span(), &format!("`{name}` is an empty list: nothing would fit"));
    }
    Some(found)
}

fn rule_name(raw: Raw<'_>) -> Result<String, String> {
    let name: wk_model::Name = text(raw, "a name")?.parse().map_err(|error| format!("{error}"))?;
    Ok(name.into())
}

fn event(raw: Raw<'_>) -> Result<String, String> {
    let kind = text(raw, "a kind of event like \"session_closed\"")?;
    let known = wk_journal::KNOWN_KINDS;
    let fits = match kind.strip_suffix('*') {
        Some(beginning) => known.iter().any(|known| known.starts_with(beginning)),
        None => known.contains(&kind),
    };
    if fits { Ok(kind.to_owned()) } else { Err(unknown("event", kind, "", known.iter().copied())) }
}

fn label(raw: Raw<'_>) -> Result<Label, String> {
    text(raw, "a label like \"team=x\"")?.parse().map_err(|error| format!("{error}"))
}

fn status(raw: Raw<'_>) -> Result<Status, String> {
    text(raw, "a status like \"failed\"")?.parse()
}

fn kind(raw: Raw<'_>) -> Result<Kind, String> {
    text(raw, "a kind of session like \"agent\"")?.parse()
}

fn cause(raw: Raw<'_>) -> Result<String, String> {
    let cause = text(raw, "a cause like \"crash\"")?;
    let known = wk_sinks::cause::CAUSES;
    if known.contains(&cause) {
        return Ok(cause.to_owned());
    }
    Err(unknown("cause", cause, "", known.into_iter()))
}

fn argument(raw: Raw<'_>) -> Result<String, String> {
    let word = text(raw, "a word in quotes")?;
    if word.contains('\0') {
        return Err("contains a NUL byte, which no argument can hold".into());
    }
    Ok(word.to_owned())
}

fn post(raw: Raw<'_>) -> Result<wk_sinks::rules::Url, String> {
    text(raw, "a URL like \"http://localhost:8080/hook\"")?.parse()
}

/// A rule that could take for ever would hold up the next event.
fn timeout(raw: Raw<'_>) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::from_secs(3600);
    let limit = span::parse_positive(text(raw, "a length of time like \"30s\"")?)?;
    if limit > LONGEST { Err("must be at most 1h".into()) } else { Ok(limit) }
}

fn from_one(most: u32) -> impl Fn(Raw<'_>) -> Result<u32, String> {
    move |raw| match raw {
        Raw::Integer(number) => match u32::try_from(number) {
            Ok(number) if (1..=most).contains(&number) => Ok(number),
            _ => Err(format!("must be between 1 and {most}")),
        },
        other => Err(mismatch(other, "a whole number")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Settings, file};
    use super::*;

    fn read(text: &str) -> Result<Vec<Rule>, String> {
        let mut settings = Settings::default();
        let faults = file::apply(text, std::path::Path::new("config.toml"), &mut settings, |_| {});
        let told: Vec<_> = faults.iter().map(ToString::to_string).collect();
        if told.is_empty() { Ok(settings.rules) } else { Err(told.join("\n")) }
    }

    #[test]
    fn rules_are_read_with_their_defaults() {
        let rules = read(
            "[[on]]\nevent = \"session_closed\"\nrun = [\"true\"]\n[[on]]\nname = \"hook\"\n\
             event = [\"session_*\", \"limit_warning\"]\nlabel = \"a=b\"\nstatus = [\"failed\", \
             \"timeout\"]\ntemplate = \"claude\"\nkind = \"agent\"\ncause = \"quota\"\n\
             post = \"http://localhost:1/x\"\ntimeout = \"5s\"\nattempts = 1\n\
             retry_delay = \"0s\"\nat_once = 2\n",
        );
        let rules = rules.unwrap();
        assert_eq!((rules[0].name.as_str(), rules[1].name.as_str()), ("on-1", "hook"));
        assert_eq!((rules[0].attempts, rules[0].at_once), (3, 4));
        assert_eq!(rules[0].action, Action::Run(vec!["true".into()]));
        let pattern = &rules[1].pattern;
        assert_eq!(pattern.statuses, [Status::Failed, Status::Timeout]);
        assert_eq!((pattern.templates.len(), pattern.causes.len()), (1, 1));
        assert_eq!((rules[1].timeout, rules[1].at_once), (Duration::from_secs(5), 2));
    }

    #[test]
    fn each_kind_of_fault_names_its_place_and_what_would_be_right() {
        const OK: &str = "event = \"session_closed\"\nrun = [\"true\"]\n";
        for (text, want) in [
            (
                "[[on]]\nevent = \"session_closed\"",
                "1:1: on: a rule needs an action: `run = [\"program\", …]` or `post",
            ),
            (
                "[[on]]\nevent = \"session_closed\"\nrun = [\"x\"]\npost = \"http://x/\"",
                "on: a rule has one action",
            ),
            ("[[on]]\nrun = [\"x\"]", "on: a rule needs an `event`"),
            (
                "[[on]]\nevent = \"sesion_closed\"\nrun = [\"x\"]",
                "2:9: on.event: unknown event `sesion_closed`: did you mean `session_closed`?",
            ),
            ("[[on]]\nevent = []\nrun = [\"x\"]", "nothing would fit"),
            ("[[on]]\nevent = \"zz*\"\nrun = [\"x\"]", "unknown event `zz*`"),
            ("[[on]]\nevent = \"session_closed\"\nrun = \"x y\"", "must be a list like"),
            ("[[on]]\nevent = \"session_closed\"\nrun = []", "`run` must name a program"),
            (
                "[[on]]\nevent = \"session_closed\"\npost = \"localhost\"",
                "on.post: `localhost` is no http:// URL: write for example",
            ),
            ("[[on]]\nevent = \"session_closed\"\npost = \"https://x/\"", "run = [\"curl\""),
            (
                &format!("[[on]]\n{OK}template = \"claud\""),
                "unknown template `claud`: did you mean `claude`?",
            ),
            (&format!("[[on]]\n{OK}status = \"fialed\""), "is not a status: use one of"),
            (&format!("[[on]]\n{OK}cause = \"crsah\""), "did you mean `crash`?"),
            (&format!("[[on]]\n{OK}label = \"x\""), "write KEY=VALUE"),
            (&format!("[[on]]\n{OK}timeout = \"soon\""), "on.timeout: `soon` is no length of time"),
            (&format!("[[on]]\n{OK}timeout = \"2h\""), "must be at most 1h"),
            (&format!("[[on]]\n{OK}attempts = 0"), "must be between 1 and 10"),
            (&format!("[[on]]\n{OK}at_once = 1000"), "must be between 1 and 64"),
            (&format!("[[on]]\n{OK}evnt = 1"), "unknown key `evnt` in [on]: did you mean `event`?"),
            (&format!("[[on]]\nname = \"a\"\n{OK}[[on]]\nname = \"a\"\n{OK}"), "two rules `a`"),
            ("[on]\nevent = 1", "write [[on]]"),
            ("on = [3]", "write [[on]]"),
        ] {
            let told = read(text).unwrap_err();
            assert!(told.contains(want), "{text}\n{told}");
        }
        assert!(read(&"[[on]]\n".repeat(65)).unwrap_err().contains("more than 64 rules"));
    }
}
