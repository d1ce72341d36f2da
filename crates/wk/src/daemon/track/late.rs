//! The word of a client that comes when its session was found to be over already.

use std::sync::Arc;

use wk_api::Problem;
use wk_model::{Draft, Ended, Ending, Life, Moment, Session, Source};

use super::drafts;
use crate::daemon::core::{Core, failed};

/// A process that had gone without a word has said goodbye after all: the daemon was down, or
/// the word was on its way. It then counts as said before the process went, once.
pub(super) async fn amend(core: &Arc<Core>, session: &Session, at: Moment) -> Result<(), Problem> {
    let Life::Ended(Ended { ending: Ending::Gone, at: found, .. }) = &session.life else {
        return Ok(());
    };
    let remote = session.created.reported.as_ref().is_some_and(|reported| reported.remote);
    if at.time > *found && !remote {
        // Whoever speaks after the end is not whom we knew.
        return Ok(());
    }
    let Some(first) = found_at(core, session)? else { return Ok(()) };
    let at = Moment { boot_ns: first.boot_ns.saturating_sub(1), boot: first.boot, ..at };
    // It speaks of a moment before; how it is counted now is for the verdict to say.
    let source = Source(format!("daemon/told/{}", session.id));
    let exited = drafts::end(session.id, at, Ending::Closed { by: None }).into_iter().take(1);
    let exited = exited.map(|draft| Draft { source: source.clone(), ..draft });
    core.journal.append(exited.collect()).await.map_err(failed)?;
    Ok(())
}

/// When its end was found out.
fn found_at(core: &Core, session: &Session) -> Result<Option<Moment>, Problem> {
    let kinds = vec!["attempt_exited".to_owned()];
    let query = wk_journal::EventQuery {
        session: Some(session.id),
        kinds,
        limit: 1,
        ..wk_journal::EventQuery::default()
    };
    let events = core.journal.events(&query).map_err(failed)?;
    Ok(events.first().map(|event| event.at))
}
