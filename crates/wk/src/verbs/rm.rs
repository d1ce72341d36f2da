//! `wk rm`: remove ended sessions.

use std::io::Write;

use super::{path_of, session_ref};
use crate::{code::Code, complaint, context::Context};

/// Remove ended sessions and their recordings
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  wk rm web k7f3")]
pub(crate) struct RmArgs {
    #[arg(required = true, value_name = "SESSION", value_parser = session_ref)]
    sessions: Vec<String>,
}

pub(crate) async fn run(
    context: &Context,
    args: RmArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let mut code = Code::SUCCESS;
    for session in &args.sessions {
        let path = path_of(session);
        match context.daemon.call(async |client| client.delete(&path).await).await {
            Ok(()) => writeln!(out, "removed {}", crate::text::visible::visible(session))?,
            // One that cannot go must not keep the others.
            Err(error) => code = complaint::complain(&error),
        }
    }
    Ok(code)
}
