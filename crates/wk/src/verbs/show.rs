//! `wk show`: all that is known of a session.

use std::io::Write;

use serde_json::Value;
use wk_api::{Limit, SessionView};
use wk_model::{Kind, Liveness, Phase, Status};

use super::{Format, path_of, session_ref};
use crate::{
    code::Code,
    color::{Paint, Style, standing},
    context::Context,
    csv, ending, json,
    output_file::OutputArgs,
    table::{self, Cell},
    text::{
        bytes, count,
        moment::Clock,
        span,
        visible::{command_line, visible},
    },
};

/// Show all that is known of a session
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  wk show web\n  wk show k7f3 --format json")]
pub(crate) struct ShowArgs {
    #[arg(value_parser = session_ref)]
    session: String,
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) async fn run(
    context: &Context,
    args: ShowArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let view: SessionView = context.daemon.get(&path_of(&args.session), &()).await?;
    let format = args.output.format();
    args.output.write(out, |out, to| match format {
        Format::Json => json::write(out, &view),
        Format::Csv => csv::write(out, std::slice::from_ref(&view)),
        Format::Table => {
            let (width, paint) = to.unwrap_or((context.width, context.paint));
            write_blocks(out, &view, &context.clock, width, paint)
        }
    })?;
    Ok(Code::SUCCESS)
}

fn write_blocks(
    out: &mut impl Write,
    view: &SessionView,
    clock: &Clock,
    width: usize,
    paint: Paint,
) -> anyhow::Result<()> {
    // The keys of all blocks are as wide as the widest: they line up over the gaps.
    let pad = |pairs: Vec<(&'static str, Cell)>| -> Vec<(String, Cell)> {
        pairs.into_iter().map(|(key, cell)| (format!("{key:<11}"), cell)).collect()
    };
    let blocks = [
        identity(view),
        life(view, clock),
        limits(view),
        process(view),
        tokens(view),
        output(view),
        ways(view),
    ];
    let mut first = true;
    for block in blocks.map(pad).iter().filter(|block| !block.is_empty()) {
        if !std::mem::take(&mut first) {
            writeln!(out)?;
        }
        let pairs: Vec<(&str, Cell)> =
            block.iter().map(|(key, cell)| (key.as_str(), cell.clone())).collect();
        table::write_pairs(out, &pairs, width, paint)?;
    }
    Ok(())
}

/// Adds a pair where there is a value.
fn push(pairs: &mut Vec<(&'static str, Cell)>, key: &'static str, value: Option<impl AsRef<str>>) {
    if let Some(value) = value {
        pairs.push((key, Cell::plain(value.as_ref())));
    }
}

fn identity(view: &SessionView) -> Vec<(&'static str, Cell)> {
    let mut pairs = vec![("session", Cell::new(&view.session_id, Style::Title))];
    push(&mut pairs, "name", view.name.as_ref());
    push(&mut pairs, "kind", Some(view.kind.as_str()));
    push(&mut pairs, "command", Some(command_line(&view.command, 4096)));
    push(&mut pairs, "directory", view.working_directory.as_ref());
    let owner = match (&view.username, &view.hostname) {
        (Some(user), Some(host)) => Some(format!("{user} on {host}")),
        (user, _) => user.clone(),
    };
    push(&mut pairs, "user", owner);
    push(&mut pairs, "agent", view.agent_id.as_ref());
    push(&mut pairs, "external id", view.external_id.as_ref());
    push(&mut pairs, "component", view.component_name.as_ref());
    push(&mut pairs, "shell", view.shell_type.as_ref());
    push(&mut pairs, "python", view.python_version.as_ref());
    let unverified = view.verified == Some(false);
    push(&mut pairs, "told by", unverified.then_some("somebody who showed no token"));
    push(&mut pairs, "parent", view.parent_id.as_ref());
    let labels: Vec<String> =
        view.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    push(&mut pairs, "labels", (!labels.is_empty()).then(|| labels.join(", ")));
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let told: Vec<String> =
        view.metadata.iter().map(|(key, value)| format!("{key}={}", text(value))).collect();
    push(&mut pairs, "metadata", (!told.is_empty()).then(|| told.join(", ")));
    pairs
}

fn life(view: &SessionView, clock: &Clock) -> Vec<(&'static str, Cell)> {
    let (word, style) = standing(view);
    let ended = view.phase == Phase::Ended;
    let took = span::wordy(view.duration_seconds);
    let status = match (ended, view.phase) {
        // People leave a shell; whatever its code is, that is no success or failure.
        (true, _) if view.kind == Kind::Shell && view.status == Some(Status::Completed) => {
            format!("ended, after {took}")
        }
        (true, _) => format!("{word}: {}, after {took}", ending::of_view(view)),
        (false, Phase::Running) => format!("{word} for {took}"),
        (false, Phase::Lost) => format!("{word}: its holder does not answer"),
        (false, _) => word.to_owned(),
    };
    let mut pairs = vec![("status", Cell::new(&status, style))];
    push(&mut pairs, "started", Some(clock.show(view.start_time)));
    push(&mut pairs, "ended", view.end_time.map(|time| clock.show(time)));
    push(&mut pairs, "active", view.last_activity.map(|time| clock.show(time)));
    if let Some(waits_for) = &view.waits_for {
        let until = view.waits_until.map(|until| format!(", until {}", clock.show(until)));
        let waits = format!("{}{}", visible(waits_for), until.unwrap_or_default());
        push(&mut pairs, "waits for", Some(waits));
    }
    if view.attempt > 1 {
        push(&mut pairs, "attempt", Some(view.attempt.to_string()));
    }
    pairs.extend(health(view, clock));
    pairs
}

/// What is wrong with it, with reasons; or that nothing is, once somebody has looked.
fn health(view: &SessionView, clock: &Clock) -> Vec<(&'static str, Cell)> {
    let health = &view.health;
    let mut pairs = Vec::new();
    if view.phase == Phase::Ended {
        return pairs;
    }
    let words = health.conditions.join(", ");
    let text = match (health.alive, health.checked_at) {
        (Liveness::Dead, _) => Some("its command is dead".to_owned()),
        _ if !words.is_empty() => Some(words),
        (_, checked) => checked.map(|_| "well".to_owned()),
    };
    push(&mut pairs, "health", text);
    for reason in &health.reasons {
        push(&mut pairs, "", Some(reason));
    }
    push(&mut pairs, "checked", health.checked_at.map(|time| clock.show(time)));
    pairs
}

/// What it is held to, and by what.
fn limits(view: &SessionView) -> Vec<(&'static str, Cell)> {
    let (mut pairs, limits) = (Vec::new(), &view.limits);
    let time = |ms: u64| span::wordy(ms as f64 / 1000.0);
    let mut add = |key, limit: &Option<Limit>, show: &dyn Fn(u64) -> String| {
        let text = limit.as_ref().map(|limit| match &limit.mechanism {
            Some(mechanism) => format!("{}, by {mechanism}", show(limit.value)),
            None => show(limit.value),
        });
        push(&mut pairs, key, text);
    };
    add("max memory", &limits.memory, &bytes::brief);
    add("max CPU", &limits.cpu_time, &time);
    add("time limit", &limits.time, &time);
    add("idle limit", &limits.idle, &time);
    add("max procs", &limits.processes, &|count| count.to_string());
    add("max output", &limits.output, &bytes::brief);
    pairs
}

fn process(view: &SessionView) -> Vec<(&'static str, Cell)> {
    let mut pairs = Vec::new();
    if view.phase != Phase::Ended {
        push(&mut pairs, "pid", view.pid.map(|pid| pid.to_string()));
        push(&mut pairs, "holder", view.holder_pid.map(|pid| pid.to_string()));
    }
    let with_trend = |text: String, trend: &Option<String>| match trend {
        Some(trend) => format!("{text}, {trend}"),
        None => text,
    };
    let health = &view.health;
    let memory = view.memory_bytes.map(bytes::brief);
    push(&mut pairs, "memory", memory.map(|memory| with_trend(memory, &health.memory_trend)));
    let largest = health.largest_process.as_ref().map(|process| {
        format!("{} ({}) with {}", process.comm, process.pid, bytes::brief(process.memory_bytes))
    });
    push(&mut pairs, "largest", largest);
    push(&mut pairs, "CPU time", view.cpu_seconds.map(span::wordy));
    push(&mut pairs, "processes", view.processes.map(|count| count.to_string()));
    let files =
        view.open_files.map(|count| with_trend(count.to_string(), &health.open_files_trend));
    push(&mut pairs, "open files", files);
    push(&mut pairs, "disk read", view.read_bytes.map(bytes::brief));
    push(&mut pairs, "written", view.write_bytes.map(bytes::brief));
    pairs
}

/// What its agent's transcript counts.
fn tokens(view: &SessionView) -> Vec<(&'static str, Cell)> {
    let mut pairs = Vec::new();
    let Some(tokens) = &view.tokens else { return pairs };
    let number = |key: &str| count::brief(tokens[key].as_u64().unwrap_or(0));
    let text = format!(
        "{} in, {} out, {} from the cache, {} into it, in {} messages",
        number("input"),
        number("output"),
        number("cache_read"),
        number("cache_creation"),
        number("messages"),
    );
    push(&mut pairs, "tokens", Some(text));
    push(&mut pairs, "model", tokens["model"].as_str());
    push(&mut pairs, "cost", tokens["cost_usd"].as_str().map(|cost| format!("${cost}")));
    pairs
}

fn output(view: &SessionView) -> Vec<(&'static str, Cell)> {
    let mut pairs = Vec::new();
    push(&mut pairs, "output", view.output_bytes.map(bytes::brief));
    // Nobody knows what was found runs on.
    let stdio = if view.terminal { "terminal" } else { "pipes" };
    push(&mut pairs, "stdio", (!view.watched).then_some(stdio));
    if view.recording.as_ref().is_some_and(|recording| !recording.kept) {
        push(&mut pairs, "recording", Some("cleaned up"));
    } else if let Some(recording) = &view.recording {
        let gaps = match recording.gaps {
            0 => String::new(),
            1 => ", 1 gap".into(),
            gaps => format!(", {gaps} gaps"),
        };
        push(&mut pairs, "recording", Some(format!("{}{gaps}", bytes::brief(recording.bytes))));
        push(&mut pairs, "", Some(&recording.path));
    } else {
        push(&mut pairs, "recording", Some("none"));
    }
    pairs
}

/// What one can do with it now.
fn ways(view: &SessionView) -> Vec<(&'static str, Cell)> {
    let session = view.name.as_ref().unwrap_or(&view.session_id);
    let (mut pairs, attachable) = (Vec::new(), view.phase != Phase::Ended && !view.watched);
    push(&mut pairs, "attach", attachable.then(|| format!("wk attach {session}")));
    if view.recording.as_ref().is_some_and(|recording| recording.kept) {
        push(&mut pairs, "read", Some(format!("wk logs {session}")));
        push(&mut pairs, "watch", view.terminal.then(|| format!("wk play {session}")));
    }
    pairs
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use wk_model::Time;

    use super::*;
    use crate::sample;

    fn render(view: &SessionView) -> String {
        let clock = Clock::new(view.start_time, TimeZone::UTC);
        let mut out = Vec::new();
        write_blocks(&mut out, view, &clock, 80, Paint(false)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_living_session_is_shown_in_blocks() {
        assert_eq!(
            render(&sample::session()),
            "\
session      k7f3q2m9x1ab
name         web
kind         command
command      sh -c 'exec server --port 80'
directory    /srv/web
user         ada on engine
labels       team=x

status       running for 3m 4s
started      2025-11-11 05:20:00
active       2025-11-11 05:21:40

pid          4242
holder       4240

output       1.3 KiB
stdio        terminal
recording    1.5 KiB
             /state/sessions/k7f3q2m9x1ab/recording

attach       wk attach web
read         wk logs web
watch        wk play web
"
        );
    }

    #[test]
    fn what_was_seen_of_its_processes_is_shown() {
        let mut view = sample::session();
        view.health.conditions = vec!["stale".into()];
        view.health.reasons = vec!["no output for 5m, no input for 6m, no CPU for 5m".into()];
        view.health.checked_at = Some(view.start_time);
        view.health.memory_trend = Some("rising".into());
        view.health.largest_process =
            Some(wk_api::LargestProcess { pid: 7, comm: "a\u{1b}b".into(), memory_bytes: 2048 });
        (view.memory_bytes, view.open_files) = (Some(3 << 20), Some(12));
        (view.read_bytes, view.write_bytes) = (Some(0), Some(4096));
        let text = render(&view);
        for want in [
            "health       stale\n             no output for 5m, no input for 6m, no CPU for 5m\n",
            "checked      2025-11-11 05:20:00\n",
            "memory       3.0 MiB, rising\nlargest      a\\u{1b}b (7) with 2.0 KiB\n",
            "open files   12\ndisk read    0 B\nwritten      4.0 KiB\n",
        ] {
            assert!(text.contains(want), "{text}");
        }
    }

    #[test]
    fn nobody_is_told_to_attach_to_what_has_no_holder() {
        let external_id = Some("s-1".into());
        let view =
            SessionView { watched: true, holder_pid: None, external_id, ..sample::session() };
        let text = render(&view);
        assert!(!text.contains("wk attach") && !text.contains("stdio"), "{text}");
        assert!(text.contains("external id  s-1\n"), "{text}");
    }

    #[test]
    fn an_ended_session_says_how_and_offers_no_attach() {
        let view = SessionView {
            status: Some(Status::Failed),
            phase: Phase::Ended,
            signal: Some(9),
            end_time: Some(Time::from_millis(1_762_838_584_200)),
            working_directory: Some("/tmp/\u{1b}[31mred".into()),
            recording: None,
            ..sample::session()
        };
        let text = render(&view);
        assert!(text.contains("status       failed: signal 9 (SIGKILL), after 3m 4s\n"), "{text}");
        assert!(text.contains("/tmp/\\u{1b}[31mred\n"));
        assert!(!text.contains("wk attach") && !text.contains("pid"));
        let mut shell = view.clone();
        (shell.kind, shell.status) = (Kind::Shell, Some(Status::Completed));
        assert!(render(&shell).contains("status       ended, after 3m 4s\n"));
        let mut view = view;
        view.recording =
            sample::session().recording.map(|r| wk_api::Recording { kept: false, ..r });
        let text = render(&view);
        assert!(text.contains("recording    cleaned up\n") && !text.contains("wk logs"), "{text}");
    }
}
