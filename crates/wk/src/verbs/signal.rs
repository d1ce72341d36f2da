//! `wk signal`: send a signal to a session.

use wk_api::{SessionView, SignalRequest};

use super::{path_of, session_ref};
use crate::{code::Code, context::Context};

/// Send a signal to a session's command
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  wk signal web HUP\n  wk signal build STOP --tree")]
pub(crate) struct SignalArgs {
    #[arg(value_parser = session_ref)]
    session: String,
    /// A name like TERM or SIGTERM, or a number
    #[arg(value_parser = checked_signal)]
    signal: String,
    /// To all its processes, not to the command alone
    #[arg(long)]
    tree: bool,
}

fn checked_signal(text: &str) -> Result<String, wk_model::BadSignal> {
    wk_model::parse_signal(text).map(|_| text.to_owned())
}

pub(crate) async fn run(context: &Context, args: SignalArgs) -> anyhow::Result<Code> {
    let path = format!("{}/signal", path_of(&args.session));
    let request = SignalRequest { signal: args.signal, tree: args.tree };
    let _: SessionView = context.daemon.post(&path, &(), &request).await?;
    Ok(Code::SUCCESS)
}
