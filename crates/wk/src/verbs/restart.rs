//! `wk restart`: start sessions again.

use std::{collections::HashSet, io::Write, time::Duration};

use wk_api::{RestartRequest, SessionView, problem_type};
use wk_client::ClientError;
use wk_model::{Label, Phase};

use super::{filters, label, path_of, session_ref};
use crate::{code::Code, complaint, context::Context, text::span, waiting};

/// Start sessions again: a new attempt of the same session
///
/// What runs is ended first; whoever waits for the session waits on. The recording goes on, with
/// a marker.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  wk restart web\n  wk restart -l team=x --grace 30s")]
pub(crate) struct RestartArgs {
    #[arg(value_name = "SESSION", required_unless_present = "labels", value_parser = session_ref)]
    sessions: Vec<String>,
    /// All sessions with this label, also those that have ended
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
    let grouped = !args.labels.is_empty();
    let sessions = match grouped {
        false => args.sessions,
        true => named_once(filters::with_labels(context, &args.labels, None).await?),
    };
    let mut gone = 0_usize;
    if sessions.is_empty() {
        complaint::say("no session to restart");
    }
    let mut code = Code::SUCCESS;
    let asked = sessions.len();
    for session in &sessions {
        let path = format!("{}/restart", path_of(session));
        match context.daemon.post::<SessionView>(&path, &(), &request).await {
            Ok(view) if view.phase == Phase::Queued => {
                let what = waiting::for_what(&view);
                writeln!(out, "{} waits for {what}", label(&view))?;
            }
            Ok(view) => writeln!(out, "{} runs: attempt {}", label(&view), view.attempt)?,
            // A label is carried by sessions of long ago, too.
            Err(error) if grouped && is_gone(&error) => gone += 1,
            Err(error) => code = complaint::complain(&error),
        }
    }
    if gone > 0 {
        let sessions = if gone == 1 { "1 session was" } else { &format!("{gone} sessions were") };
        complaint::say(&format!("{sessions} cleaned up after the end: `wk run` starts a new one"));
        if gone == asked {
            code = Code::FAILURE;
        }
    }
    Ok(code)
}

/// A name is that of whoever lives with it, or else of the newest that had it.
fn named_once(newest_first: Vec<SessionView>) -> Vec<String> {
    let (living, ended): (Vec<_>, Vec<_>) =
        newest_first.into_iter().partition(|view| view.phase != Phase::Ended);
    let mut names: HashSet<_> = living.iter().filter_map(|view| view.name.clone()).collect();
    let mut has_it = |view: &SessionView| view.name.clone().is_none_or(|name| names.insert(name));
    let ended: Vec<_> = ended.into_iter().filter(|view| has_it(view)).collect();
    living.into_iter().chain(ended).map(|view| view.session_id).collect()
}

fn is_gone(error: &anyhow::Error) -> bool {
    let refused = error.downcast_ref::<ClientError>();
    matches!(refused, Some(ClientError::Refused(problem)) if problem.kind == problem_type::GONE)
}
