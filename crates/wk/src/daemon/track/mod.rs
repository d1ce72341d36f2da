//! Shells that their clients tell of: sessions that are reported, not run.
//!
//! ```text
//! client ──start──▶ journal ──▶ here: its process is watched ──gone──▶ ended by liveness
//!    └────end─────▶ journal     elsewhere, with heartbeats ──silence──▶ ended as gone
//!                               elsewhere, without: `incomplete` until somebody ends it
//! ```
//!
//! Reports begin and end sessions of their own, and no others: whatever a client says, what
//! Watchkeeper holds or watches itself stays as it is.

mod client;
mod drafts;
mod end;
mod identity;
mod late;
mod metadata;
mod moment;
mod pulse;
mod start;
mod watch;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use wk_model::{Life, Reported, Session};

use super::core::Core;

pub(super) use self::{
    client::save_settings,
    end::{end, end_record},
    pulse::{Pulses, heartbeat},
    start::start,
};

/// Runs until the daemon ends: takes up what an earlier one knew, and listens for hearts.
pub(super) async fn run(core: Arc<Core>, ending: CancellationToken) {
    save_settings(&core);
    for session in core.journal.live().iter().filter(|session| is_tracked(session)) {
        if let Some(reported) = &session.created.reported {
            follow(&core, session, reported);
        }
    }
    pulse::listen(core, ending).await;
}

/// Begins the key that a session has from the event that it began with.
const KEY: &str = "track/";

/// Whether a session is one of those that this is about: hooks tell of shells, too.
pub(super) fn is_tracked(session: &Session) -> bool {
    session.created.idempotency_key.as_deref().is_some_and(|key| key.starts_with(KEY))
}

/// Sees to it that the end of a living session is heard, as far as that can be.
fn follow(core: &Arc<Core>, session: &Session, reported: &Reported) {
    match &session.life {
        Life::Running { process: Some(process), .. } => {
            watch::watch(core.clone(), session.id, *process);
        }
        Life::Running { process: None, .. } if reported.heartbeat => core.pulses.beat(session.id),
        _ => {}
    }
}
