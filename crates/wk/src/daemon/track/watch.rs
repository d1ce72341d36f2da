//! Shells of this host: the kernel says when one is gone.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;
use wk_holder::host;
use wk_model::{Ending, ProcessId, SessionId};
use wk_sources::{process_watch::ProcessWatch, tmux::Exit};

use super::end;
use crate::daemon::core::{AGAIN, Core};

/// A shell that ends well says so while it ends: its word may come just behind it.
const LAST_WORD: Duration = Duration::from_secs(2);

/// Ends the session once its process is gone, unless its client has said so by then.
pub(super) fn watch(core: Arc<Core>, session_id: SessionId, process: ProcessId) {
    tokio::spawn(async move {
        let exit = match ProcessWatch::new(&process) {
            Ok(Some(watch)) => match watch.ended().await {
                Ok(()) => watch.recorded_exit().await,
                Err(error) => return unseen(session_id, &error),
            },
            Ok(None) => None,
            Err(error) => return unseen(session_id, &error),
        };
        let at = host::now();
        sleep(LAST_WORD).await;
        let ending = match exit {
            _ if process.boot != host::boot_id() => Ending::Rebooted,
            Some(Exit::Code(code)) => Ending::Exited { code },
            Some(Exit::Signal { signal, core_dumped }) => Ending::Signaled { signal, core_dumped },
            None => Ending::Gone,
        };
        while let Err(problem) = end_unheard(&core, session_id, at, ending.clone()).await {
            tracing::error!(%session_id, detail = problem.detail, "cannot end a tracked shell");
            sleep(AGAIN).await;
        }
    });
}

fn unseen(session_id: SessionId, error: &std::io::Error) {
    tracing::warn!(%session_id, %error, "the end of a tracked shell cannot be seen");
}

/// Ends a session of which nobody has said that it is over.
pub(super) async fn end_unheard(
    core: &Arc<Core>,
    session_id: SessionId,
    at: wk_model::Moment,
    ending: Ending,
) -> Result<(), wk_api::Problem> {
    let _turn = core.turn(session_id).await;
    let session = core.journal.session(session_id).map_err(crate::daemon::core::failed)?;
    let Some(session) = session.filter(|session| !session.is_ended()) else { return Ok(()) };
    // No session ends before it began, whatever its client's clock says.
    let at = wk_model::Moment { time: at.time.max(session.start_time), ..at };
    end::close(core, session_id, at, ending).await
}
