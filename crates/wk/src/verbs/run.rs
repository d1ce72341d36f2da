//! `wk run`: start a session.

use std::{
    ffi::OsString,
    io::{IsTerminal, Write, stdin, stdout},
    os::unix::ffi::OsStringExt,
    path::PathBuf,
    time::Duration,
};

use anyhow::Context as _;
use futures_util::{StreamExt, stream};
use wk_api::{CreateSession, MAX_CREATE_BYTES, RecoveryRequest, SessionView, TerminalSize};
use wk_model::{HealthOptions, Kind, Label, Name, OnStale, OsText, Phase};

use super::ShortFormat;
use crate::{
    attach::{
        pipes,
        signals::{Signals, terminal_size},
        terminal,
        turn::{self, Turn},
        view_code,
    },
    caller,
    code::Code,
    complaint::{self, Usage, Verdict},
    config::{LEAST_MEMORY, MAX_RETRIES, MIN_INTERVAL, Settings},
    context::Context,
    json,
    text::{bytes, span, visible::visible},
};

/// Run a command as a session
///
/// Stays attached, and exits with the command's exit code; Ctrl-\ leaves it running. Without a
/// terminal on stdin or stdout it is a part of the pipeline: stdin, stdout and stderr are
/// passed on.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk run -- top\n  wk run -d --name web -l team=x -- ./serve --port 80\n  \
    wk run --timeout 5m -- make | tee log\n  wk run --after build -- ./deploy\n  wk run -t claude -- \"fix the tests\""
)]
pub(crate) struct RunArgs {
    /// Print the session's id, and do not attach
    #[arg(short, long)]
    detach: bool,
    /// A name, instead of the id
    #[arg(long)]
    name: Option<Name>,
    /// Start it as this template says (`wk templates`); flags go over it
    #[arg(short, long, value_name = "NAME")]
    template: Option<String>,
    /// What it is: command (the default), agent or shell
    #[arg(long, value_parser = supervised_kind)]
    kind: Option<Kind>,
    /// The agent that it belongs to
    #[arg(long, value_name = "AGENT")]
    agent_id: Option<String>,
    /// The component that it belongs to
    #[arg(long, value_name = "NAME")]
    component: Option<String>,
    /// A label; may be repeated
    #[arg(short = 'l', long = "label", value_name = "KEY=VALUE")]
    labels: Vec<Label>,
    /// The directory to run in
    #[arg(long, value_name = "DIR")]
    cwd: Option<PathBuf>,
    /// A variable to add; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable_parser())]
    env: Vec<OsText>,
    /// Use pipes, with stdout and stderr apart
    #[arg(long)]
    no_pty: bool,
    /// Size of its terminal
    #[arg(long, value_name = "COLSxROWS", value_parser = size, conflicts_with = "no_pty")]
    size: Option<TerminalSize>,
    /// Do not record its output
    #[arg(long)]
    no_record: bool,
    /// End it after so long (exit code 124)
    #[arg(long, value_name = "DURATION", value_parser = span_or_none, allow_hyphen_values = true)]
    timeout: Option<u64>,
    /// End it after so long without input or output (exit code 124)
    #[arg(long, value_name = "DURATION", value_parser = span_or_none, allow_hyphen_values = true)]
    idle_timeout: Option<u64>,
    /// End it when all its processes together take more memory
    #[arg(long, value_name = "SIZE", value_parser = memory_or_none, allow_hyphen_values = true)]
    max_memory: Option<u64>,
    /// End it when all its processes together have taken so much CPU time (exit code 124)
    #[arg(long, value_name = "DURATION", value_parser = span_or_none, allow_hyphen_values = true)]
    max_cpu_time: Option<u64>,
    /// End it when it has more processes at one time
    #[arg(long, value_name = "COUNT", value_parser = count_or_none, allow_hyphen_values = true)]
    max_processes: Option<u64>,
    /// End it when it has written more
    #[arg(long, value_name = "SIZE", value_parser = size_or_none, allow_hyphen_values = true)]
    max_output: Option<u64>,
    /// Start it again when it fails, so many times
    #[arg(long, value_name = "N", help_heading = "Recovery", value_parser = clap::value_parser!(u32).range(..=i64::from(MAX_RETRIES)), allow_hyphen_values = true)]
    retries: Option<u32>,
    /// Time before the first retry, doubled for each that follows
    #[arg(long, value_name = "DURATION", help_heading = "Recovery", value_parser = span::parse, allow_hyphen_values = true)]
    retry_delay: Option<Duration>,
    /// Recover no longer than this, or `none`
    #[arg(long, value_name = "DURATION", help_heading = "Recovery", value_parser = deadline, allow_hyphen_values = true)]
    recovery_deadline: Option<Deadline>,
    /// Whether a failure is followed by anything: on or off
    #[arg(long, value_name = "SWITCH", help_heading = "Recovery")]
    recovery: Option<Switch>,
    /// Retry an attempt that was ended for its memory, too
    #[arg(long, help_heading = "Recovery")]
    retry_memory: bool,
    /// Start it again after a reboot, or when its holder is lost
    #[arg(long, help_heading = "Recovery")]
    restore: bool,
    /// What every attempt but the first runs, through `sh -c`
    #[arg(long, value_name = "COMMAND", help_heading = "Recovery")]
    resume: Option<OsString>,
    /// Time between TERM and KILL when it is stopped
    #[arg(long, value_name = "DURATION", value_parser = span::parse, allow_hyphen_values = true)]
    grace: Option<Duration>,
    /// Leave its background processes alone when it ends (default for shells)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    keep_descendants: Option<bool>,
    /// Run this with `sh -c` once it is over, in its environment and directory
    #[arg(long, value_name = "COMMAND")]
    on_finish: Option<String>,
    /// Look at its health this often, or `none` [default: as set]
    #[arg(long, value_name = "DURATION", value_parser = health_interval, allow_hyphen_values = true)]
    health_interval: Option<u64>,
    /// It is stale without output, input and CPU for so long, or `none` [default: as set]
    #[arg(long, value_name = "DURATION", value_parser = span_or_none, allow_hyphen_values = true)]
    stale_after: Option<u64>,
    /// It is hung in an uninterruptible sleep of so long [default: as set]
    #[arg(long, value_name = "DURATION", value_parser = span::parse_positive, allow_hyphen_values = true)]
    hung_after: Option<Duration>,
    /// What to do when it is stale: report, stop or restart [default: as set]
    #[arg(long, value_name = "ACTION")]
    on_stale: Option<OnStale>,
    /// Start it when this session has ended well; if that one fails, never
    #[arg(long, value_name = "SESSION", value_parser = super::session_ref)]
    after: Option<String>,
    /// With -d: so many sessions; their names get -1, -2, …
    #[arg(long, value_name = "N", requires = "detach", value_parser = clap::value_parser!(u32).range(1..=10_000), allow_hyphen_values = true)]
    count: Option<u32>,
    /// With -d: print the session
    #[arg(long, default_value = "table", requires = "detach")]
    format: ShortFormat,
    /// The command and its arguments; with a template, what it is to be told
    #[arg(trailing_var_arg = true, required_unless_present = "template", value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

pub(crate) async fn run(
    context: &Context,
    args: RunArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let interactive = stdin().is_terminal() && stdout().is_terminal();
    let with = match (args.no_pty, args.detach || interactive) {
        (false, true) => Stdio::Terminal(args.size.unwrap_or_else(default_size)),
        (true, _) | (false, false) if args.detach => Stdio::Pipes,
        (true, _) | (false, false) => Stdio::Fed,
    };
    let (detach, format, count) = (args.detach, args.format, args.count);
    let options = match with {
        // A bad setting is told before anything runs.
        Stdio::Terminal(_) if !detach => Some(terminal::Options {
            detach_key: Settings::load(&context.places, |name| std::env::var_os(name))?
                .attach
                .detach_key,
            quiet: true,
            ..terminal::Options::default()
        }),
        _ => None,
    };
    if let Some(count) = count {
        return many(context, request(args, with)?, count, format, out).await;
    }
    // From here on a signal is for the session.
    let mut signals = match with {
        Stdio::Fed => Some(Signals::ending().context("cannot listen for signals")?),
        Stdio::Terminal(_) | Stdio::Pipes => None,
    };
    let mut view = create(context, &request(args, with)?).await?;
    if view.phase == Phase::Queued && !detach {
        let leave = matches!(with, Stdio::Terminal(_));
        let own = match &mut signals {
            Some(signals) => turn::until_turn(&context.daemon, &view, signals, leave).await?,
            None => {
                let mut signals = Signals::ending().context("cannot listen for signals")?;
                turn::until_turn(&context.daemon, &view, &mut signals, leave).await?
            }
        };
        view = match own {
            Turn::Came(view) => *view,
            Turn::Cancelled(signal) => return Ok(Code::from_shell(128 + signal)),
            Turn::Left => return Ok(Code::SUCCESS),
        };
    }
    if let (Phase::Ended, Some(error)) = (view.phase, &view.error) {
        return Err(Verdict { message: error.clone(), code: view_code(&view) }.into());
    }
    match (options, signals) {
        (Some(options), _) => terminal::attach(&context.daemon, &view, &options).await,
        (None, Some(signals)) => pipes::feed(&context.daemon, &view, signals).await,
        (None, None) => {
            match format {
                ShortFormat::Table => writeln!(out, "{}", view.session_id)?,
                ShortFormat::Json => json::write(out, &view)?,
            }
            Ok(Code::SUCCESS)
        }
    }
}

/// Sessions that are created side by side.
const AT_ONCE: usize = 8;

/// Creates many sessions alike, in order.
async fn many(
    context: &Context,
    request: CreateSession,
    count: u32,
    format: ShortFormat,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let name = |number: u32| -> anyhow::Result<Option<String>> {
        let Some(name) = &request.name else { return Ok(None) };
        let name: Name = format!("{name}-{number}")
            .parse()
            .map_err(|error| Usage(format!("the name of session {number}: {error}")))?;
        Ok(Some(name.into()))
    };
    // Before anything runs.
    name(count)?;
    let request = &request;
    let creations = (1..=count).map(async |number| {
        create(context, &CreateSession { name: name(number)?, ..request.clone() }).await
    });
    let mut creations = stream::iter(creations).buffered(AT_ONCE);
    let (mut views, mut code) = (Vec::new(), Code::SUCCESS);
    while let Some(created) = creations.next().await {
        let view = created?;
        if let (Phase::Ended, Some(error)) = (view.phase, &view.error) {
            complaint::say(&format!("wk: {}: {}", view.session_id, visible(error)));
            code = view_code(&view);
        }
        match format {
            ShortFormat::Table => writeln!(out, "{}", view.session_id)?,
            ShortFormat::Json => views.push(view),
        }
    }
    if format == ShortFormat::Json {
        json::write(out, &views)?;
    }
    Ok(code)
}

/// What the command gets for stdin, stdout and stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stdio {
    Terminal(TerminalSize),
    Pipes,
    /// Pipes, with our stdin.
    Fed,
}

/// Creates the session, once, whatever happens to the daemon meanwhile.
async fn create(context: &Context, request: &CreateSession) -> anyhow::Result<SessionView> {
    let key = random_key()?;
    context.daemon.repeat(async |client| client.create(request, &key).await).await
}

fn request(args: RunArgs, with: Stdio) -> anyhow::Result<CreateSession> {
    let command: Vec<OsText> = args
        .command
        .into_iter()
        .map(|word| OsText::new(word.into_vec()))
        .collect::<Result<_, _>>()
        .context("the command")?;
    let environment = caller::environment(&args.env);
    let directory = Some(caller::directory(args.cwd.as_deref())?);
    // A template may name another, unless this one was asked for.
    let (working_directory, default_directory) = match args.cwd {
        Some(_) => (directory, None),
        None => (None, directory),
    };
    let size: usize = command.iter().chain(&environment).map(|text| text.as_bytes().len()).sum();
    if size > MAX_CREATE_BYTES / 2 {
        let message = format!(
            "the command and its environment have {size} bytes; at most {} will do",
            MAX_CREATE_BYTES / 2
        );
        // As a shell says "argument list too long".
        return Err(Verdict { message, code: Code(126) }.into());
    }
    Ok(CreateSession {
        command,
        name: args.name.map(String::from),
        template: args.template,
        kind: args.kind,
        agent_id: args.agent_id,
        component_name: args.component,
        labels: args.labels.into_iter().map(|label| (label.key, label.value)).collect(),
        metadata: serde_json::Map::new(),
        working_directory,
        default_directory,
        environment: Some(environment),
        variables: args.env,
        umask: caller::umask(),
        limits: caller::limits(),
        terminal: match with {
            Stdio::Terminal(size) => Some(size),
            Stdio::Pipes | Stdio::Fed => None,
        },
        feed: with == Stdio::Fed,
        attach: !args.detach,
        record: args.no_record.then_some(false),
        keep_descendants: args.keep_descendants,
        grace_ms: args.grace.map(span::millis),
        timeout_ms: args.timeout,
        idle_timeout_ms: args.idle_timeout,
        max_memory: args.max_memory,
        max_cpu_time_ms: args.max_cpu_time,
        max_processes: args.max_processes,
        max_output: args.max_output,
        resume: args.resume.map(shell).transpose().context("the resume command")?,
        recovery: RecoveryRequest {
            enabled: args.recovery.map(|switch| switch == Switch::On),
            retries: args.retries,
            delay_ms: args.retry_delay.map(span::millis),
            deadline_ms: args.recovery_deadline.map(|Deadline(ms)| ms),
            retry_memory: args.retry_memory.then_some(true),
            restore: args.restore.then_some(true),
        },
        on_finish: args.on_finish,
        health: HealthOptions {
            interval_ms: args.health_interval,
            stale_after_ms: args.stale_after,
            hung_after_ms: args.hung_after.map(span::millis),
            on_stale: args.on_stale,
        },
        after: args.after,
        trace_parent: std::env::var("TRACEPARENT").ok().filter(|text| !text.is_empty()),
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Switch {
    On,
    Off,
}

/// In milliseconds; 0 is none.
#[derive(Clone, Copy, Debug)]
struct Deadline(u64);

fn deadline(text: &str) -> Result<Deadline, String> {
    match text {
        "none" => Ok(Deadline(0)),
        text => span::parse_positive(text).map(|length| Deadline(span::millis(length))),
    }
}

fn shell(command: OsString) -> Result<Vec<OsText>, wk_model::HasNul> {
    ["sh", "-c"].into_iter().map(OsText::new).chain([OsText::new(command.into_vec())]).collect()
}

fn random_key() -> anyhow::Result<String> {
    let mut bits = [0; 16];
    let length = rustix::rand::getrandom(&mut bits, rustix::rand::GetRandomFlags::empty())
        .context("the system gives no random numbers")?;
    anyhow::ensure!(length == bits.len(), "the system gives too few random numbers");
    Ok(format!("{:032x}", u128::from_ne_bytes(bits)))
}

fn default_size() -> TerminalSize {
    let (cols, rows) = terminal_size().unwrap_or((80, 24));
    TerminalSize { cols, rows }
}

fn health_interval(text: &str) -> Result<u64, String> {
    match span_or_none(text)? {
        interval if interval > 0 && interval < span::millis(MIN_INTERVAL) => {
            Err(format!("must be at least {}, or `none`", span::exact(MIN_INTERVAL)))
        }
        interval => Ok(interval),
    }
}

fn supervised_kind(text: &str) -> Result<Kind, String> {
    match text.parse::<Kind>()? {
        Kind::Tmux => Err("tmux sessions are made by tmux: use command, agent or shell".into()),
        kind => Ok(kind),
    }
}

/// Milliseconds; 0 for `none`, whatever the settings say.
fn span_or_none(text: &str) -> Result<u64, String> {
    if text == "none" { Ok(0) } else { span::parse_positive(text).map(span::millis) }
}

/// Bytes; 0 for `none`.
fn size_or_none(text: &str) -> Result<u64, String> {
    match text {
        "none" => Ok(0),
        text => match bytes::parse(text)? {
            0 => Err("must be more than nothing: write `none` for no limit".into()),
            size => Ok(size),
        },
    }
}

fn memory_or_none(text: &str) -> Result<u64, String> {
    match size_or_none(text)? {
        size @ 1..LEAST_MEMORY => Err(format!(
            "{} is too small: at least {} will do",
            bytes::exact(size),
            bytes::exact(LEAST_MEMORY)
        )),
        size => Ok(size),
    }
}

fn count_or_none(text: &str) -> Result<u64, String> {
    match text.parse() {
        _ if text == "none" => Ok(0),
        Ok(count @ 1..) => Ok(count),
        _ => Err("write a whole number of processes, 1 or more, or `none`".into()),
    }
}

fn size(text: &str) -> Result<TerminalSize, String> {
    let number = |text: &str| text.parse().ok().filter(|number| (1..=1000).contains(number));
    let parts = text.split_once('x').map(|(cols, rows)| (number(cols), number(rows)));
    match parts {
        Some((Some(cols), Some(rows))) => Ok(TerminalSize { cols, rows }),
        _ => Err("write COLSxROWS, like 80x24: 1 to 1000 each".into()),
    }
}

fn variable_parser() -> impl clap::builder::TypedValueParser<Value = OsText> {
    use clap::builder::{OsStringValueParser, TypedValueParser as _};
    OsStringValueParser::new().try_map(|text| {
        let bytes = text.into_vec();
        match bytes.iter().position(|byte| *byte == b'=') {
            None | Some(0) => Err(Usage("write NAME=VALUE".into())),
            Some(_) => OsText::new(bytes).map_err(|error| Usage(error.to_string())),
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        run: RunArgs,
    }

    fn parse(words: &[&str]) -> Result<RunArgs, String> {
        let line = Line::try_parse_from(std::iter::once(&"run").chain(words));
        line.map(|line| line.run).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_bad_is_named_before_anything_is_sent() {
        for (words, want) in [
            (&["--name", "a b", "--", "x"][..], "bad name `a b`"),
            (&["-l", "team", "--", "x"], "write KEY=VALUE"),
            (&["-l", "te am=x", "--", "x"], "bad label key `te am`"),
            (&["--size", "0x24", "--", "x"], "like 80x24"),
            (&["--size", "80", "--", "x"], "like 80x24"),
            (&["--env", "NAME", "--", "x"], "write NAME=VALUE"),
            (&["--env", "=x", "--", "x"], "write NAME=VALUE"),
            (&["--kind", "tmux", "--", "x"], "made by tmux"),
            (&["--timeout", "5", "--", "x"], "has no unit"),
            (&["--health-interval", "5ms", "--", "x"], "at least 100ms"),
            (&["--on-stale", "kill", "--", "x"], "\"report\", \"stop\""),
            (&["--timeout=-5s", "--", "x"], "write for example 500ms"),
            (&["--retries", "-1", "--", "x"], "-1 is not in 0..=1000"),
            (&["--retries", "5000", "--", "x"], "5000 is not in 0..=1000"),
            (&["--retry-delay", "-1s", "--", "x"], "write for example 500ms"),
            (&["--recovery-deadline", "-1s", "--", "x"], "write for example 500ms"),
            (&["--grace", "-1s", "--", "x"], "write for example 500ms"),
            (&["--hung-after", "none", "--", "x"], "write for example 500ms"),
            (&["--idle-timeout", "0s", "--", "x"], "longer than nothing"),
            (&["--max-cpu-time", "soon", "--", "x"], "write for example 500ms"),
            (&["--max-memory", "lots", "--", "x"], "write for example 64MiB"),
            (&["--max-memory=-1", "--", "x"], "write for example 64MiB"),
            (&["--max-memory", "0", "--", "x"], "write `none`"),
            (&["--max-memory", "4K", "--", "x"], "4KiB is too small: at least 1MiB"),
            (&["--max-output", "1.5G", "--", "x"], "write for example 64MiB"),
            (&["--max-processes=-3", "--", "x"], "1 or more, or `none`"),
            (&["--max-processes", "0", "--", "x"], "1 or more, or `none`"),
            (&["--format", "json", "--", "x"], "--detach"),
            (&["-d"], "<COMMAND>"),
            (&["--count", "2", "--", "x"], "--detach"),
            (&["-d", "--count", "0", "--", "x"], "1..=10000"),
        ] {
            let error = parse(words).unwrap_err();
            assert!(error.contains(want), "{words:?}: {error}");
        }
    }

    #[test]
    fn a_request_holds_the_callers_world_and_what_was_asked_for() {
        let words = [
            "-d",
            "--name",
            "web",
            "-l",
            "a=b",
            "--cwd",
            "/srv",
            "--env",
            "X=1",
            "--timeout",
            "1m",
            "--idle-timeout",
            "none",
            "--max-memory",
            "512M",
            "--max-cpu-time",
            "10m",
            "--stale-after",
            "none",
            "--hung-after",
            "2m",
            "--max-processes",
            "30",
            "--max-output",
            "1G",
            "--keep-descendants",
            "--",
            "serve",
            "-p",
            "80",
        ];
        let size = TerminalSize { cols: 80, rows: 24 };
        let request = request(parse(&words).unwrap(), Stdio::Terminal(size)).unwrap();
        let text = |text: &str| OsText::new(text).unwrap();
        assert_eq!(request.command, [text("serve"), text("-p"), text("80")]);
        assert_eq!(request.working_directory, Some(text("/srv")));
        assert_eq!((request.kind, request.template), (None, None));
        assert_eq!((request.timeout_ms, request.keep_descendants), (Some(60_000), Some(true)));
        let limits = (request.idle_timeout_ms, request.max_memory, request.max_cpu_time_ms);
        assert_eq!(limits, (Some(0), Some(512 << 20), Some(600_000)));
        assert_eq!((request.max_processes, request.max_output), (Some(30), Some(1 << 30)));
        let health = (request.health.stale_after_ms, request.health.hung_after_ms);
        assert_eq!(health, (Some(0), Some(120_000)));
        assert_eq!((request.terminal, request.feed), (Some(size), false));
        assert_eq!(request.labels.get("a").map(String::as_str), Some("b"));
        assert!(request.environment.unwrap().contains(&text("X=1")));
        assert_eq!(request.limits.len(), 16);
        assert!(request.umask.is_some());
    }

    #[test]
    fn a_request_that_is_too_long_is_refused_here() {
        let big = "x".repeat(MAX_CREATE_BYTES);
        let error = request(parse(&["--", &big]).unwrap(), Stdio::Fed).unwrap_err();
        assert_eq!(error.downcast_ref::<Verdict>().unwrap().code, Code(126));
    }

    #[test]
    fn keys_differ() {
        assert_eq!(random_key().unwrap().len(), 32);
        assert_ne!(random_key().unwrap(), random_key().unwrap());
    }
}
