//! Heartbeats of shells that run elsewhere: gauges, in memory only.
//!
//! A daemon that starts anew gives every heart its full time again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use wk_api::{Problem, TrackStatus};
use wk_holder::host;
use wk_model::{Ending, Moment, SessionId};
use wk_server::not_found;
use wk_sources::until;

use super::{end, watch};
use crate::daemon::core::{Core, failed};

/// Hearts that are listened to.
#[derive(Debug, Default)]
pub(in crate::daemon) struct Pulses {
    last: Mutex<HashMap<SessionId, (Instant, Moment)>>,
    changed: Notify,
}

impl Pulses {
    fn last(&self) -> MutexGuard<'_, HashMap<SessionId, (Instant, Moment)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn beat(&self, session_id: SessionId) {
        let first = self.last().insert(session_id, (Instant::now(), host::now())).is_none();
        if first {
            self.changed.notify_one();
        }
    }

    pub(super) fn forget(&self, session_id: SessionId) {
        self.last().remove(&session_id);
    }

    /// The settings are others than before.
    pub(in crate::daemon) fn wake(&self) {
        self.changed.notify_one();
    }

    /// When the next of them would be missed.
    fn due(&self, silence: Duration) -> Option<Instant> {
        self.last().values().map(|(heard, _)| *heard + silence).min()
    }

    /// Those that are missed now, and when they were last heard.
    fn missed(&self, silence: Duration, now: Instant) -> Vec<(SessionId, Moment)> {
        let last = self.last();
        let missed = last.iter().filter(|(_, (heard, _))| *heard + silence <= now);
        missed.map(|(session_id, (_, at))| (*session_id, *at)).collect()
    }
}

/// The heart of a session has beaten; what has become of the session.
pub(in crate::daemon) fn heartbeat(
    core: &Core,
    told: &str,
    verified: bool,
) -> Result<TrackStatus, Problem> {
    let unknown = || not_found(end::unknown(told));
    let session_id = told.parse::<SessionId>().map_err(|_| unknown())?;
    let session = core.journal.session(session_id).map_err(failed)?.ok_or_else(unknown)?;
    let reported = end::reported(&session, verified)?;
    if session.is_ended() {
        return Ok(TrackStatus::Ended);
    }
    // The process of one that runs here says more than any heart.
    if reported.heartbeat && reported.remote {
        core.pulses.beat(session_id);
    }
    Ok(TrackStatus::Tracked)
}

/// Ends sessions whose hearts have stopped, until the daemon ends.
pub(super) async fn listen(core: Arc<Core>, ending: CancellationToken) {
    loop {
        let silence = core.settings().health.heartbeat_timeout;
        let due = core.pulses.due(silence);
        tokio::select! {
            () = ending.cancelled() => return,
            () = core.pulses.changed.notified() => {}
            () = until(due.map(Into::into)) => for (session_id, at) in core.pulses.missed(silence, Instant::now()) {
                let ended = watch::end_unheard(&core, session_id, at, Ending::Gone).await;
                if let Err(problem) = ended {
                    tracing::error!(%session_id, detail = problem.detail, "cannot end a session");
                    // Tried again when it would be missed again.
                    core.pulses.beat(session_id);
                } else {
                    core.pulses.forget(session_id);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: Duration = Duration::from_secs(300);

    #[test]
    fn a_heart_is_missed_once_it_was_silent_for_so_long() {
        let (pulses, one) = (Pulses::default(), SessionId::from_random(1));
        assert_eq!(pulses.due(SILENCE), None);
        pulses.beat(one);
        let due = pulses.due(SILENCE).unwrap();
        assert!(pulses.missed(SILENCE, due - Duration::from_millis(1)).is_empty());
        assert_eq!(pulses.missed(SILENCE, due).first().map(|(id, _)| *id), Some(one));
        pulses.beat(one);
        assert!(pulses.missed(SILENCE, due - Duration::from_millis(1)).is_empty());
        assert!(pulses.due(SILENCE).unwrap() >= due);
        pulses.forget(one);
        assert_eq!(pulses.due(SILENCE), None);
    }
}
