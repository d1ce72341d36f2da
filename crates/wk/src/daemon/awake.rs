//! The holder of a session that is to be stopped, able to run.

use std::sync::Arc;

use wk_api::Problem;
use wk_model::{Change, Life, SessionId};
use wk_server::internal;
use wk_sources::holders::{HolderLink, wake};

use super::{
    adopt,
    core::{Core, failed},
};

/// The link to a holder that can run. One that was stopped by a signal is ours, and continued:
/// whoever stops a session means it.
pub(super) async fn awake(core: &Arc<Core>, session_id: SessionId) -> Result<HolderLink, Problem> {
    let cannot = |error| internal(format!("cannot continue the holder of {session_id}: {error}"));
    let problem = match core.link(session_id).await {
        Ok(link) => {
            wake(&link.holder).map_err(cannot)?;
            return Ok(link);
        }
        Err(problem) => problem,
    };
    // It was stopped when this daemon came, and could not be adopted.
    let session = core.journal.session(session_id).map_err(failed)?;
    let Some((attempt, Life::Running { holder: Some(holder), .. })) =
        session.map(|session| (session.attempt, session.life.clone()))
    else {
        return Err(problem);
    };
    if !wake(&holder).map_err(cannot)? {
        return Err(problem);
    }
    let reached = adopt::reach(core, session_id, attempt, holder, Change::SessionRepaired).await;
    reached.map_err(|error| internal(format!("{error:#}")))?;
    core.link(session_id).await
}
