//! What is done about a stale session, where somebody has asked for it.

use std::sync::Arc;

use wk_model::{Condition, OnStale, Requester, Session, SessionId, Time};

use super::super::{
    core::{AGAIN, Core},
    restart, stop,
};

/// Who is said to have asked.
const CLIENT: &str = "wk (on_stale)";

/// Tries until it is done, or until there is nothing more to do.
pub(super) async fn act(core: Arc<Core>, session: Arc<Session>, since: Time, on_stale: OnStale) {
    let session_id = session.id;
    while is_stale(&core, session_id, session.attempt) {
        let done = match on_stale {
            OnStale::Report => return,
            OnStale::Stop => stop::stop(&core, session_id, None, requester()).await,
            OnStale::Restart => restart::restart_stale(&core, &session, requester(), since).await,
        };
        match done {
            Ok(()) => return,
            Err(problem) => {
                tracing::warn!(%session_id, detail = problem.detail, "cannot act on a stale session");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

fn is_stale(core: &Core, session_id: SessionId, attempt: u32) -> bool {
    let session = core.journal.session(session_id).ok().flatten();
    session.is_some_and(|session| {
        session.attempt == attempt && session.conditions.contains(&Condition::Stale)
    })
}

fn requester() -> Requester {
    Requester {
        uid: rustix::process::getuid().as_raw(),
        pid: Some(std::process::id()),
        client: Some(CLIENT.into()),
    }
}
