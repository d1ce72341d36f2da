//! `wk screen`: what a session's terminal shows now.

use std::io::Write;

use wk_api::ScreenQuery;

use super::{path_of, session_ref};
use crate::{code::Code, context::Context};

/// Show what a session's terminal shows now
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk screen web\n  wk screen --ansi web\n  wk screen --history web | less"
)]
pub(crate) struct ScreenArgs {
    #[arg(value_parser = session_ref)]
    session: String,
    /// With colours and attributes
    #[arg(long)]
    ansi: bool,
    /// With what has scrolled off
    #[arg(long)]
    history: bool,
}

pub(crate) async fn run(
    context: &Context,
    args: ScreenArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let path = format!("{}/screen", path_of(&args.session));
    let query = ScreenQuery { ansi: args.ansi, history: args.history };
    let text = context.daemon.repeat(async |client| client.text(&path, &query).await).await?;
    out.write_all(text.as_bytes())?;
    if !text.is_empty() && !text.ends_with('\n') {
        writeln!(out)?;
    }
    Ok(Code::SUCCESS)
}
