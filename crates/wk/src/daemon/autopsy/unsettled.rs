//! Ends that an earlier daemon has left without a settled verdict.

use std::collections::BTreeMap;

use wk_journal::EventQuery;
use wk_model::{Change, Seq};

use super::Ended;
use crate::daemon::core::Core;

/// Events in which they are looked for: more than can come between an end and its verdict.
const RECENT: usize = 8192;

pub(super) fn find(core: &Core) -> Vec<Ended> {
    let after = Seq(core.journal.last().0.saturating_sub(RECENT as u64));
    let kinds = vec!["attempt_exited".to_owned(), "verdict_reached".to_owned()];
    let recent = EventQuery { after, kinds, ..EventQuery::default() };
    let events = core.journal.events(&recent).unwrap_or_else(|error| {
        tracing::error!(%error, "cannot look for deaths without a verdict");
        Vec::new()
    });
    let mut open = BTreeMap::new();
    for event in events {
        let Some(session_id) = event.session_id else { continue };
        match event.change {
            Change::AttemptExited(exited) => {
                let key = (session_id, exited.attempt);
                open.insert(key, Ended { session_id, at: event.at, exited });
            }
            Change::VerdictReached(verdict) if verdict.settled => {
                open.remove(&(session_id, verdict.attempt));
            }
            _ => {}
        }
    }
    open.into_values().collect()
}
