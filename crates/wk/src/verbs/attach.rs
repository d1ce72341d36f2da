//! `wk attach`: come back to a session.

use std::{
    env,
    io::{IsTerminal, stdin},
};

use anyhow::bail;
use wk_api::{SessionView, WaitFor, WaitQuery, Waited};
use wk_model::Phase;

use super::{label, path_of, session_ref};
use crate::{
    attach::{
        detach_key::DetachKey,
        terminal::{self, Options},
    },
    code::Code,
    complaint,
    config::Settings,
    context::Context,
    ending, waiting,
};

/// Attach to a session
///
/// The screen is drawn as it is now, and several may be attached at once. The detach key
/// (Ctrl-\) leaves the session running; pressed twice, it is passed through.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk attach web\n  wk attach k7f3 --read-only\n  wk attach web --detach-key C-]"
)]
pub(crate) struct AttachArgs {
    #[arg(value_parser = session_ref)]
    session: String,
    /// Watch, and type nothing
    #[arg(short, long)]
    read_only: bool,
    /// The key that detaches [default: C-\, or `detach_key` of the settings]
    #[arg(long, value_name = "KEY")]
    detach_key: Option<DetachKey>,
    /// Lines of history to show before the screen
    #[arg(long, value_name = "LINES", default_value_t = 0)]
    history: u32,
    /// Attach from inside another session
    #[arg(long)]
    nested: bool,
}

pub(crate) async fn run(context: &Context, args: AttachArgs) -> anyhow::Result<Code> {
    if let Some(outer) = env::var_os("WK_SESSION_ID").filter(|_| !args.nested) {
        let outer = outer.to_string_lossy();
        bail!("this is session {outer} already: detach first, or attach inside it with --nested");
    }
    if !args.read_only && !stdin().is_terminal() {
        bail!("stdin is no terminal: use --read-only to watch, or `wk send` to type");
    }
    let detach_key = match args.detach_key {
        Some(key) => key,
        None => Settings::load(&context.places, |name| env::var_os(name))?.attach.detach_key,
    };
    let view: SessionView = context.daemon.get(&path_of(&args.session), &()).await?;
    if view.phase == Phase::Ended {
        let (label, how) = (label(&view), ending::of_view(&view));
        let id = view.name.as_ref().unwrap_or(&view.session_id);
        bail!("{label} has ended ({how}): `wk logs {id}` shows what it printed");
    }
    let view = match view.phase {
        Phase::Queued => {
            let what = waiting::for_what(&view);
            complaint::say(&format!("[session {} waits for {what}]", label(&view)));
            let path = format!("{}/wait", path_of(&view.session_id));
            let query = WaitQuery { until: WaitFor::Running, ..WaitQuery::default() };
            context.daemon.get::<Waited>(&path, &query).await?.session
        }
        _ => view,
    };
    if let (Phase::Ended, None) = (view.phase, view.exit_code.or(view.signal)) {
        bail!("{} has ended ({})", label(&view), ending::of_view(&view));
    }
    let options =
        Options { read_only: args.read_only, detach_key, history: args.history, quiet: false };
    terminal::attach(&context.daemon, &view, &options).await
}
