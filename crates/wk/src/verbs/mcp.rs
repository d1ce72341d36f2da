//! `wk mcp`: the Model Context Protocol.

use std::io::Write;

use wk_api::DaemonStatus;
use wk_mcp::Backend;

use crate::{code::Code, context::Context};

/// Speak the Model Context Protocol with an agent, on stdin and stdout
///
/// For agents and shells that start their servers themselves; others call the daemon at
/// http://127.0.0.1:8678/mcp. Tools: track_session_start, track_session_end, list_sessions,
/// show_session, why, end_session, analytics, health, run_session, stop_session.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  claude mcp add watchkeeper -- wk mcp")]
pub(crate) struct McpArgs {}

pub(crate) async fn run(context: &Context, _: McpArgs, _: &mut impl Write) -> anyhow::Result<Code> {
    // Whoever asks for tools wants a daemon behind them.
    context.daemon.get::<DaemonStatus>("/daemon", &()).await?;
    let backend = Backend::Socket(context.daemon.client().clone());
    wk_mcp::stdio(backend, tokio::io::stdin(), tokio::io::stdout()).await?;
    Ok(Code::SUCCESS)
}
