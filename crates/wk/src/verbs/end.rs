//! `wk end`: close the record of a shell, or an agent, whose end was never heard.

use std::io::Write;

use serde_json::json;
use wk_api::SessionView;
use wk_model::Kind;

use super::{label, path_of, session_ref};
use crate::{code::Code, complaint, context::Context};

/// Close the record of a shell or an agent that was only told of
///
/// Nothing is sent to it: one that still runs goes on. Sessions that Watchkeeper runs
/// itself are ended by `wk stop`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk end k7f3q2m9x1ab\n  wk ls --incomplete --format json | jq -r '.[].session_id' | xargs wk end"
)]
pub(crate) struct EndArgs {
    #[arg(value_parser = session_ref, required = true)]
    sessions: Vec<String>,
}

pub(crate) async fn run(
    context: &Context,
    args: EndArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let mut code = Code::SUCCESS;
    for session in &args.sessions {
        let path = format!("{}/end", path_of(session));
        match context.daemon.post::<SessionView>(&path, &(), &json!({})).await {
            Ok(view) => {
                let (label, what) = (label(&view), what(view.kind));
                let goes_on = format!("{what} that still runs goes on, unwatched");
                writeln!(out, "{label}: the record is closed; {goes_on}")?;
            }
            // One that cannot be closed must not keep the others open.
            Err(error) => code = complaint::complain(&error),
        }
    }
    Ok(code)
}

fn what(kind: Kind) -> &'static str {
    match kind {
        Kind::Shell => "a shell",
        Kind::Agent => "an agent",
        Kind::Command | Kind::Tmux => "a program",
    }
}
