//! `wk send`: type into a session.

use wk_api::{InputRequest, SessionView};

use super::{path_of, session_ref};
use crate::{code::Code, context::Context};

/// Type into a session
///
/// Text is typed as it is; nothing is entered without --enter.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk send web 'reload' --enter\n  wk send web --key C-c\n  wk send editor --key Escape --key Z --key Z"
)]
pub(crate) struct SendArgs {
    #[arg(value_parser = session_ref)]
    session: String,
    /// What to type
    #[arg(required_unless_present_any = ["keys", "enter"])]
    text: Option<String>,
    /// A key to press after it, by tmux's names: C-c, Up, M-x, F1; may be repeated
    #[arg(short, long = "key", value_name = "KEY")]
    keys: Vec<String>,
    /// Press Enter after the text
    #[arg(short, long)]
    enter: bool,
}

pub(crate) async fn run(context: &Context, args: SendArgs) -> anyhow::Result<Code> {
    let mut keys = args.keys;
    if args.enter {
        keys.insert(0, "Enter".into());
    }
    let path = format!("{}/input", path_of(&args.session));
    let request = InputRequest { text: args.text, keys };
    let _: SessionView = context.daemon.post(&path, &(), &request).await?;
    Ok(Code::SUCCESS)
}
