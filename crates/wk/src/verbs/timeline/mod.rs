//! `wk timeline`: what a session and its subagents did, on one time axis.

mod axis;
mod chart;
mod list;

use std::io::Write;

use wk_api::{Timeline, TimelineQuery};

use super::{ShortFormat, path_of, session_ref};
use crate::{code::Code, complaint, complaint::Usage, context::Context, json};

/// Show what an agent and its subagents did, on one time axis
///
/// Each tool has a line with a bar where it was at work; ✗ is a failure. ▲ is a prompt, ? a wait
/// for a permission, ↯ a compaction. Agents tell of all that by hooks: see `wk hooks`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk timeline web\n  wk timeline web --list --since 10m\n  wk timeline k7f3 --format json"
)]
pub(crate) struct TimelineArgs {
    #[arg(value_parser = session_ref)]
    session: String,
    /// Only since: 10m (ago), "2026-11-20 05:00" or RFC 3339
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    /// One line for each thing that happened
    #[arg(long)]
    list: bool,
    #[arg(long, default_value = "table")]
    format: ShortFormat,
}

pub(crate) async fn run(
    context: &Context,
    args: TimelineArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let since = args.since.as_deref().map(|text| context.clock.parse(text).map_err(Usage));
    let since = since.transpose()?.map(|time| time.to_string());
    let path = format!("{}/timeline", path_of(&args.session));
    let timeline: Timeline = context.daemon.get(&path, &TimelineQuery { since }).await?;
    match (args.format, args.list) {
        (ShortFormat::Json, _) => json::write(out, &timeline)?,
        (ShortFormat::Table, true) => list::write(out, &timeline, context)?,
        (ShortFormat::Table, false) => chart::write(out, &timeline, context)?,
    }
    if timeline.more {
        out.flush()?;
        complaint::say("… more happened than is shown: use --since");
    }
    Ok(Code::SUCCESS)
}
