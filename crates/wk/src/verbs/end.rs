//! `wk end`: close the record of a shell whose end was never heard.

use std::io::Write;

use serde_json::json;
use wk_api::SessionView;

use super::{label, path_of, session_ref};
use crate::{code::Code, context::Context};

/// Close the record of a shell that was only told of
///
/// Nothing is sent to the shell: one that still runs goes on. Sessions that Watchkeeper runs
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
    for session in &args.sessions {
        let path = format!("{}/end", path_of(session));
        let view: SessionView = context.daemon.post(&path, &(), &json!({})).await?;
        writeln!(
            out,
            "{}: the record is closed; a shell that still runs goes on, unwatched",
            label(&view)
        )?;
    }
    Ok(Code::SUCCESS)
}
