//! `wk mcp`: the Model Context Protocol on stdio, and the daemon's listener for others.

use std::io::Write;

use serde_json::json;
use wk_api::{DaemonStatus, ListenerView};
use wk_mcp::Backend;

use super::ShortFormat;
use crate::{code::Code, context::Context, json};

/// Speak the Model Context Protocol with an agent, on stdin and stdout
///
/// For agents that start their servers themselves. Others call the daemon, at
/// `http://127.0.0.1:8678/mcp`: start, stop and restart are about its listener, and leave the
/// daemon and all sessions alone.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  claude mcp add watchkeeper -- wk mcp\n  wk mcp start\n  wk mcp status"
)]
pub(crate) struct McpArgs {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Have the daemon listen for HTTP; starts the daemon where none is
    Start,
    /// Have it stop listening; the daemon and all sessions go on
    Stop,
    /// Have it listen anew
    Restart,
    /// Say where it listens; exits with 3 where it does not
    Status {
        #[arg(long, default_value = "table")]
        format: ShortFormat,
    },
}

pub(crate) async fn run(
    context: &Context,
    args: McpArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    match args.action {
        None => speak(context).await,
        Some(Action::Start) => switch(context, "start", out).await,
        Some(Action::Stop) => switch(context, "stop", out).await,
        Some(Action::Restart) => switch(context, "restart", out).await,
        Some(Action::Status { format }) => {
            let view: ListenerView = context.daemon.get("/listener", &()).await?;
            match format {
                ShortFormat::Json => json::write(out, &view)?,
                ShortFormat::Table => writeln!(out, "{}", stands(&view))?,
            }
            Ok(code(&view, true))
        }
    }
}

/// Speaks until stdin ends.
async fn speak(context: &Context) -> anyhow::Result<Code> {
    // Whoever asks for tools wants a daemon behind them.
    context.daemon.get::<DaemonStatus>("/daemon", &()).await?;
    let backend = Backend::Socket(context.daemon.client().clone());
    wk_mcp::stdio(backend, tokio::io::stdin(), tokio::io::stdout()).await?;
    Ok(Code::SUCCESS)
}

async fn switch(context: &Context, action: &str, out: &mut impl Write) -> anyhow::Result<Code> {
    let path = format!("/listener/{action}");
    let view: ListenerView = context.daemon.post(&path, &(), &json!({})).await?;
    writeln!(out, "{}", stands(&view))?;
    Ok(code(&view, action != "stop"))
}

fn code(view: &ListenerView, wanted: bool) -> Code {
    if wanted && view.address.is_none() { Code::NOT_RUNNING } else { Code::SUCCESS }
}

/// How the listener stands, in a sentence.
fn stands(view: &ListenerView) -> String {
    match (&view.address, &view.error, &view.listen) {
        (Some(address), ..) => format!("listening at http://{address}/mcp"),
        (None, Some(error), _) => format!("not listening: {error}"),
        (None, None, None) => "not listening: `[server] listen` is \"none\"".into(),
        (None, None, Some(_)) if view.stopped => {
            "not listening: switched off; `wk mcp start` switches it on".into()
        }
        (None, None, Some(_)) => "not listening".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_the_listener_stands_and_why() {
        let on = ListenerView {
            listen: Some("127.0.0.1:8678".into()),
            address: Some("127.0.0.1:8678".into()),
            mode: "token".into(),
            ..ListenerView::default()
        };
        assert!(stands(&on).starts_with("listening at http://127.0.0.1:8678/mcp"));
        let off = ListenerView { address: None, stopped: true, ..on.clone() };
        assert!(stands(&off).contains("switched off"));
        let taken = ListenerView { error: Some("the port is taken".into()), ..off.clone() };
        assert!(stands(&taken).contains("the port is taken"));
        let none = ListenerView { listen: None, ..off };
        assert!(stands(&none).contains("\"none\""));
    }
}
