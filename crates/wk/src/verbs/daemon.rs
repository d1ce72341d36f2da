//! `wk daemon`: start, stop and look at the daemon.

use std::{
    env,
    io::Write,
    os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd},
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{FdFlags, fcntl_setfd},
    process::{Pid, PidfdFlags, pidfd_open},
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use wk_api::{DaemonStatus, RuleStatus};

use super::ShortFormat;
use crate::{
    code::Code,
    color::{Paint, Style},
    config::Settings,
    context::Context,
    json, launch,
    table::{self, Cell},
    text::span,
};

/// How long a daemon that was killed may seem to be there.
const DYING: Duration = Duration::from_secs(2);

/// Start, stop and look at the daemon
///
/// Commands that need the daemon start it by themselves. Sessions do not depend on it: when it
/// ends, by any means, they run on, and the next one takes them up.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk daemon\n  wk daemon restart\n  wk daemon status --format json"
)]
pub(crate) struct DaemonArgs {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Start the daemon
    Start {
        /// Stay in the foreground, as a service manager wants it
        #[arg(long)]
        foreground: bool,
        /// The descriptor to write to when it listens
        #[arg(long, hide = true, requires = "foreground")]
        ready_fd: Option<RawFd>,
    },
    /// Stop the daemon; sessions run on
    Stop,
    /// Stop the daemon and start it again; sessions run on
    Restart,
    /// Say how the daemon is; exits with 3 when there is none
    Status {
        #[arg(long, default_value = "table")]
        format: ShortFormat,
    },
}

/// The daemon itself, in this process.
#[derive(Debug)]
pub(crate) struct Foreground {
    ready: Option<RawFd>,
}

impl DaemonArgs {
    /// Whether this process is to be the daemon.
    pub(crate) fn foreground(&self) -> Option<Foreground> {
        match self.action {
            Some(Action::Start { foreground: true, ready_fd }) => {
                Some(Foreground { ready: ready_fd })
            }
            _ => None,
        }
    }
}

impl Foreground {
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Code> {
        let settings = Settings::load(&context.places, |name| env::var_os(name))?;
        let ready = self.ready.map(adopt).transpose()?;
        crate::daemon::run(context.places.clone(), settings, ready)?;
        Ok(Code::SUCCESS)
    }
}

/// Takes a descriptor over that our caller made for us.
fn adopt(number: RawFd) -> anyhow::Result<OwnedFd> {
    ensure!(number > 2, "--ready-fd must be above 2");
    // SAFETY: it is only borrowed to ask whether it is open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    // Holders must not have it.
    fcntl_setfd(borrowed, FdFlags::CLOEXEC).context("--ready-fd is not open")?;
    // SAFETY: it is open, was inherited for this purpose, and nobody else in this process
    // knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

pub(crate) async fn run(
    context: &Context,
    args: DaemonArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    match args.action.unwrap_or(Action::Status { format: ShortFormat::Table }) {
        Action::Start { .. } => start(context, out).await,
        Action::Stop => stop(context, out).await,
        Action::Restart => {
            stop(context, out).await?;
            start(context, out).await
        }
        Action::Status { format } => status(context, format, out).await,
    }
}

/// How the daemon is; none where nobody answers.
async fn ask(context: &Context) -> anyhow::Result<Option<DaemonStatus>> {
    let deadline = Instant::now() + DYING;
    loop {
        match context.daemon.client().get("/daemon", &()).await {
            Ok(status) => return Ok(Some(status)),
            Err(error) if error.is_not_running() => return Ok(None),
            // Its door outlives a killed daemon for a moment, in a child that it had just begun.
            Err(error) if error.is_closed() && Instant::now() < deadline => {
                sleep(Duration::from_millis(20)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn start(context: &Context, out: &mut impl Write) -> anyhow::Result<Code> {
    if let Some(status) = ask(context).await? {
        writeln!(out, "already running (pid {})", status.pid)?;
        return Ok(Code::SUCCESS);
    }
    launch::start(&context.places)?;
    let status: DaemonStatus = context.daemon.await_status().await?;
    writeln!(out, "started (pid {}); {} adopted", status.pid, sessions(status.sessions))?;
    Ok(Code::SUCCESS)
}

async fn stop(context: &Context, out: &mut impl Write) -> anyhow::Result<Code> {
    let Some(status) = ask(context).await? else {
        writeln!(out, "no daemon is running")?;
        return Ok(Code::SUCCESS);
    };
    let pid = i32::try_from(status.pid).ok().and_then(Pid::from_raw);
    let pid = pid.context("the daemon has no process id")?;
    // Opened before it is told: the number cannot have become another process's.
    let process = pidfd_open(pid, PidfdFlags::empty()).context("cannot watch the daemon")?;
    let _: Value = context.daemon.client().post("/daemon/stop", &(), &json!({})).await?;
    let timeout = Timespec { tv_sec: 30, tv_nsec: 0 };
    let mut ended = [PollFd::new(&process, PollFlags::IN)];
    if poll(&mut ended, Some(&timeout)).context("cannot wait for the daemon")? == 0 {
        bail!("the daemon (pid {}) was told to stop, but goes on", status.pid);
    }
    let run_on = match status.sessions {
        0 => String::new(),
        1 => "; 1 session runs on".into(),
        count => format!("; {count} sessions run on"),
    };
    writeln!(out, "stopped{run_on}")?;
    Ok(Code::SUCCESS)
}

async fn status(
    context: &Context,
    format: ShortFormat,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let status = ask(context).await?;
    match (&status, format) {
        (Some(status), ShortFormat::Json) => json::write(out, status)?,
        (None, ShortFormat::Json) => json::write(out, &absent(context))?,
        (Some(status), ShortFormat::Table) => {
            let age = context.clock.now.millis_since(status.started_at) as f64 / 1000.0;
            write_status(out, status, age, context.width, context.paint)?;
        }
        (None, ShortFormat::Table) => {
            writeln!(out, "not running; it starts when it is needed, or by `wk daemon start`")?;
        }
    }
    Ok(if status.is_some() { Code::SUCCESS } else { Code::NOT_RUNNING })
}

/// The keys are always there.
fn absent(context: &Context) -> Value {
    json!({
        "pid": null,
        "version": null,
        "socket": context.places.socket().display().to_string(),
        "state_dir": context.places.state.display().to_string(),
        "listen": null,
        "started_at": null,
        "sessions": null,
        "orphans": null,
        "last_seq": null,
        "warnings": [],
    })
}

fn write_status(
    out: &mut impl Write,
    status: &DaemonStatus,
    age: f64,
    width: usize,
    paint: Paint,
) -> anyhow::Result<()> {
    let running = format!("running for {} (pid {})", span::wordy(age), status.pid);
    let orphans = format!("{}: `wk clean --orphans` ends them", status.orphans);
    let mut pairs = vec![
        ("daemon", Cell::new(&running, Style::Good)),
        ("version", Cell::plain(&status.version)),
        ("sessions", Cell::plain(&status.sessions.to_string())),
        ("orphans", Cell::new(&orphans, Style::Warning)),
        ("socket", Cell::plain(&status.socket)),
        ("http", Cell::plain(status.listen.as_deref().unwrap_or("off"))),
        ("state", Cell::plain(&status.state_dir)),
    ];
    if status.orphans == 0 {
        pairs.retain(|(key, _)| *key != "orphans");
    }
    if status.version != env!("CARGO_PKG_VERSION") {
        let note =
            concat!("this wk is ", env!("CARGO_PKG_VERSION"), ": `wk daemon restart` upgrades it");
        pairs.push(("", Cell::new(note, Style::Warning)));
    }
    for warning in &status.warnings {
        pairs.push(("warning", Cell::new(warning, Style::Warning)));
    }
    let rules: Vec<_> = status.rules.iter().map(rule).collect();
    for (text, style) in &rules {
        pairs.push(("rule", Cell::new(text, *style)));
    }
    Ok(table::write_pairs(out, &pairs, width, paint)?)
}

/// How a rule stands, in a line.
fn rule(rule: &RuleStatus) -> (String, Style) {
    let RuleStatus { name, action, delivered, .. } = rule;
    let mut text = format!("{name} ({action}): {delivered} delivered");
    let mut style = Style::Plain;
    for (count, what, bad) in [
        (rule.running, "under way", false),
        (rule.waiting, "waiting", false),
        (rule.failed, "failed", true),
        (rule.dropped, "dropped", true),
    ] {
        if count > 0 {
            text += &format!(", {count} {what}");
            if bad {
                style = Style::Warning;
            }
        }
    }
    if let Some(error) = &rule.last_error {
        text += &format!("; last error: {error}");
    }
    (text, style)
}

fn sessions(count: u64) -> String {
    if count == 1 { "1 session".into() } else { format!("{count} sessions") }
}

#[cfg(test)]
mod tests {
    use wk_model::Time;

    use super::*;

    #[test]
    fn the_status_is_shown_line_by_line() {
        let status = DaemonStatus {
            pid: 7,
            version: env!("CARGO_PKG_VERSION").into(),
            socket: "/run/wk.sock".into(),
            state_dir: "/state".into(),
            listen: Some("127.0.0.1:8678".into()),
            started_at: Time::from_millis(0),
            sessions: 3,
            orphans: 2,
            last_seq: 9,
            warnings: vec!["no cgroup".into()],
            rules: vec![RuleStatus {
                name: "tell".into(),
                events: vec!["session_closed".into()],
                action: "run notify".into(),
                waiting: 0,
                running: 1,
                delivered: 2,
                failed: 3,
                dropped: 0,
                last_error: Some("exited with 1".into()),
            }],
        };
        let mut out = Vec::new();
        write_status(&mut out, &status, 61.0, 80, Paint(false)).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            format!(
                "daemon    running for 1m 1s (pid 7)\nversion   {}\nsessions  3\n\
                 orphans   2: `wk clean --orphans` ends them\n\
                 socket    /run/wk.sock\nhttp      127.0.0.1:8678\nstate     /state\nwarning   no cgroup\n\
                 rule      tell (run notify): 2 delivered, 1 under way, 3 failed; last error:\n          \
                 exited with 1\n",
                env!("CARGO_PKG_VERSION")
            )
        );
    }

    #[test]
    fn a_descriptor_that_is_not_ours_is_refused() {
        assert!(adopt(1).is_err());
        assert!(adopt(1_000_000).is_err());
    }
}
