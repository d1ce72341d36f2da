//! Before a session runs, it may have to wait for its turn; whoever started it waits with it.

use rustix::process::Signal;
use wk_api::{SessionView, StopRequest, WaitFor, WaitQuery, Waited};
use wk_client::Client;

use super::signals::Signals;
use crate::{complaint, connect::Daemon, waiting};

/// How the wait came out.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It runs, or has ended since.
    Came(Box<SessionView>),
    /// We were told to go: the session was cancelled.
    Cancelled(i32),
    /// We were told to go, and the session waits on.
    Left,
}

/// Waits until a queued session runs. Ctrl-C and TERM cancel it; with `leave`, Ctrl-\ and a
/// terminal that hangs up leave it waiting.
pub(crate) async fn until_turn(
    daemon: &Daemon,
    view: &SessionView,
    signals: &mut Signals,
    leave: bool,
) -> anyhow::Result<Turn> {
    let label = view.name.as_deref().unwrap_or(&view.session_id);
    let what = waiting::for_what(view);
    complaint::say(&format!("[session {label} waits for {what}: Ctrl-C cancels it]"));
    let path = format!("/sessions/{}", Client::segment(&view.session_id));
    let wait = format!("{path}/wait");
    let query = WaitQuery { until: WaitFor::Running, ..WaitQuery::default() };
    let signal = tokio::select! {
        waited = daemon.get::<Waited>(&wait, &query) => {
            return Ok(Turn::Came(Box::new(waited?.session)));
        }
        signal = signals.next() => signal,
    };
    if leave && [Signal::QUIT, Signal::HUP].iter().any(|one| one.as_raw() == signal) {
        complaint::say(&format!("left: {label} waits on; `wk attach {label}` waits with it"));
        return Ok(Turn::Left);
    }
    let stop: SessionView =
        daemon.post(&format!("{path}/stop"), &(), &StopRequest::default()).await?;
    complaint::say(&format!("[session {label} cancelled]"));
    drop(stop);
    Ok(Turn::Cancelled(signal))
}
