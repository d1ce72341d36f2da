//! `wk send`: type into sessions.

use wk_api::{InputRequest, SessionView};
use wk_model::Label;

use super::{filters, path_of, session_ref};
use crate::{
    code::Code,
    complaint::{self, Usage},
    context::Context,
};

/// Type into a session, or into all with a label
///
/// Text is typed as it is; nothing is entered without --enter.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "wk send [OPTIONS] <SESSION> [TEXT]\n       wk send [OPTIONS] -l <KEY=VALUE> [TEXT]",
    after_help = "Examples:\n  wk send web 'reload' --enter\n  wk send web --key C-c\n  wk send -l team=x 'status' --enter\n  wk send editor --key Escape --key Z --key Z"
)]
pub(crate) struct SendArgs {
    #[arg(required_unless_present = "labels", value_parser = session_ref)]
    session: Option<String>,
    /// What to type
    #[arg(required_unless_present_any = ["keys", "enter", "labels"], conflicts_with = "labels")]
    text: Option<String>,
    /// All living sessions with this label
    #[arg(short = 'l', long = "label", value_name = "KEY=VALUE")]
    labels: Vec<Label>,
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
    if args.labels.is_empty() {
        let request = InputRequest { text: args.text, keys };
        let session = args.session.unwrap_or_default();
        let _: SessionView = send(context, &session, &request).await?;
        return Ok(Code::SUCCESS);
    }
    // With a label, the first word is the text already.
    let request = InputRequest { text: args.session, keys };
    if request.text.is_none() && request.keys.is_empty() {
        return Err(Usage("say what to type: a text, --key or --enter".to_owned()).into());
    }
    let sessions = filters::living(context, &args.labels).await?;
    if sessions.is_empty() {
        complaint::say("no session to type into");
    }
    let mut code = Code::SUCCESS;
    for session in &sessions {
        if let Err(error) = send(context, session, &request).await {
            code = complaint::complain(&error);
        }
    }
    Ok(code)
}

async fn send(
    context: &Context,
    session: &str,
    request: &InputRequest,
) -> anyhow::Result<SessionView> {
    context.daemon.post(&format!("{}/input", path_of(session)), &(), request).await
}
