//! `wk signal`: send a signal to sessions.

use wk_api::{SessionView, SignalRequest};
use wk_model::Label;

use super::{filters, path_of, session_ref};
use crate::{
    code::Code,
    complaint::{self, Usage},
    context::Context,
};

/// Send a signal to a session's command, or to all with a label
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "wk signal [OPTIONS] <SESSION> <SIGNAL>\n       wk signal [OPTIONS] -l <KEY=VALUE> <SIGNAL>",
    after_help = "Examples:\n  wk signal web HUP\n  wk signal build STOP --tree\n  wk signal -l team=x USR1"
)]
pub(crate) struct SignalArgs {
    #[arg(required = true, value_parser = session_ref)]
    session: String,
    /// A name like TERM or SIGTERM, or a number
    #[arg(required_unless_present = "labels", conflicts_with = "labels", value_parser = checked_signal)]
    signal: Option<String>,
    /// All living sessions with this label
    #[arg(short = 'l', long = "label", value_name = "KEY=VALUE")]
    labels: Vec<Label>,
    /// To all its processes, not to the command alone
    #[arg(long)]
    tree: bool,
}

fn checked_signal(text: &str) -> Result<String, wk_model::BadSignal> {
    wk_model::parse_signal(text).map(|_| text.to_owned())
}

pub(crate) async fn run(context: &Context, args: SignalArgs) -> anyhow::Result<Code> {
    // With a label, the first word is the signal already.
    let (sessions, signal) = match args.signal {
        Some(signal) => (vec![args.session], signal),
        None => {
            let signal = checked_signal(&args.session).map_err(|error| Usage(error.to_string()))?;
            (filters::living(context, &args.labels).await?, signal)
        }
    };
    if sessions.is_empty() {
        complaint::say("no session to signal");
    }
    let mut code = Code::SUCCESS;
    for session in &sessions {
        let path = format!("{}/signal", path_of(session));
        let request = SignalRequest { signal: signal.clone(), tree: args.tree };
        let told: anyhow::Result<SessionView> = context.daemon.post(&path, &(), &request).await;
        match told {
            Ok(_) => {}
            // One that cannot be told must not save the others.
            Err(error) if !args.labels.is_empty() => code = complaint::complain(&error),
            Err(error) => return Err(error),
        }
    }
    Ok(code)
}
