//! `wk stop`: end sessions.

use std::{io::Write, time::Duration};

use wk_api::{ListQuery, SessionView, StopRequest, StoppedMany};
use wk_model::{Label, Phase};

use super::{filters, label, path_of, session_ref};
use crate::{
    code::Code,
    complaint,
    context::Context,
    text::{span, visible::visible},
};

/// Stop sessions: TERM, then KILL, to all their processes
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk stop web\n  wk stop -l team=x --grace 30s\n  wk stop --all && wk wait web"
)]
pub(crate) struct StopArgs {
    #[arg(value_name = "SESSION", required_unless_present_any = ["labels", "all"], value_parser = session_ref)]
    sessions: Vec<String>,
    /// All sessions with this label
    #[arg(short = 'l', long = "label", value_name = "KEY=VALUE", conflicts_with = "sessions")]
    labels: Vec<Label>,
    /// All sessions that Watchkeeper runs
    #[arg(long, conflicts_with_all = ["sessions", "labels"])]
    all: bool,
    /// Also a tmux session that Watchkeeper only watches
    #[arg(long, requires = "sessions")]
    force: bool,
    /// Time between TERM and KILL [default: the session's own]
    #[arg(long, value_name = "DURATION", value_parser = span::parse, allow_hyphen_values = true)]
    grace: Option<Duration>,
}

pub(crate) async fn run(
    context: &Context,
    args: StopArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let request = StopRequest { grace_ms: args.grace.map(span::millis), force: args.force };
    if args.sessions.is_empty() {
        let label = filters::labels(&args.labels)?;
        return stop_many(context, label, request, out).await;
    }
    let mut code = Code::SUCCESS;
    for session in &args.sessions {
        let path = format!("{}/stop", path_of(session));
        match context.daemon.post::<SessionView>(&path, &(), &request).await {
            Ok(view) if view.phase == Phase::Ended => writeln!(out, "stopped {}", label(&view))?,
            Ok(view) => writeln!(out, "stopping {}", label(&view))?,
            // One that cannot be stopped must not save the others.
            Err(error) => code = complaint::complain(&error),
        }
    }
    Ok(code)
}

async fn stop_many(
    context: &Context,
    label: Option<String>,
    request: StopRequest,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let query = ListQuery { active: Some(true), label, ..ListQuery::default() };
    let told: StoppedMany = context.daemon.post("/sessions/stop", &query, &request).await?;
    if told.stopped.is_empty() && told.failed.is_empty() {
        complaint::say("no session to stop");
    }
    for id in &told.stopped {
        writeln!(out, "stopping {id}")?;
    }
    for (id, why) in &told.failed {
        complaint::say(&format!("wk: cannot stop {id}: {}", visible(why)));
    }
    Ok(if told.failed.is_empty() { Code::SUCCESS } else { Code::FAILURE })
}
