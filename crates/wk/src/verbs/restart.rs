//! `wk restart`: start sessions again.

use std::{io::Write, time::Duration};

use wk_api::{RestartRequest, SessionView};
use wk_model::{Label, Phase};

use super::{filters, label, path_of, session_ref};
use crate::{code::Code, complaint, context::Context, text::span, waiting};

/// Start sessions again: a new attempt of the same session
///
/// One that lives is stopped first. The recording goes on, with a marker.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  wk restart web\n  wk restart -l team=x --grace 30s")]
pub(crate) struct RestartArgs {
    #[arg(value_name = "SESSION", required_unless_present = "labels", value_parser = session_ref)]
    sessions: Vec<String>,
    /// All living sessions with this label
    #[arg(short = 'l', long = "label", value_name = "KEY=VALUE", conflicts_with = "sessions")]
    labels: Vec<Label>,
    /// Time between TERM and KILL [default: the session's own]
    #[arg(long, value_name = "DURATION", value_parser = span::parse, allow_hyphen_values = true)]
    grace: Option<Duration>,
}

pub(crate) async fn run(
    context: &Context,
    args: RestartArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let request = RestartRequest { grace_ms: args.grace.map(span::millis) };
    let sessions = match args.labels.is_empty() {
        true => args.sessions,
        false => filters::living(context, &args.labels).await?,
    };
    if sessions.is_empty() {
        complaint::say("no session to restart");
    }
    let mut code = Code::SUCCESS;
    for session in &sessions {
        let path = format!("{}/restart", path_of(session));
        match context.daemon.post::<SessionView>(&path, &(), &request).await {
            Ok(view) if view.phase == Phase::Queued => {
                let what = waiting::for_what(&view);
                writeln!(out, "{} waits for {what}", label(&view))?;
            }
            Ok(view) => writeln!(out, "{} runs: attempt {}", label(&view), view.attempt)?,
            Err(error) => code = complaint::complain(&error),
        }
    }
    Ok(code)
}
