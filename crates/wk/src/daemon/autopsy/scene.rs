//! What the machine itself can tell, and what is kept for it of everything that lives.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use wk_judges::autopsy::Fact;
use wk_model::{Life, ProcessId, Session, SessionId};
use wk_sources::system::{About, Baseline, Ends, System, proc_connector::EndListener};

/// Kept for the verdicts to come.
#[derive(Debug, Default)]
pub(in crate::daemon) struct Scene {
    system: Arc<System>,
    /// By session and attempt.
    kept: Mutex<HashMap<(SessionId, u32), Arc<Baseline>>>,
}

impl Scene {
    /// Keeps what is to be compared at the end of an attempt.
    pub(super) fn keep(&self, session_id: SessionId, attempt: u32, process: &ProcessId) {
        let baseline = Arc::new(System::baseline(process));
        self.kept().insert((session_id, attempt), baseline);
    }

    /// The same for one that runs already.
    pub(super) fn keep_living(&self, session: &Session) {
        if let Life::Running { process: Some(process), .. } = &session.life {
            self.keep(session.id, session.attempt, process);
        }
    }

    /// It was looked at and lives: what its cgroup went through until now is over.
    pub(in crate::daemon) fn refresh(&self, session_id: SessionId, attempt: u32) {
        if let Some(baseline) = self.baseline(session_id, attempt) {
            baseline.refresh();
        }
    }

    pub(super) fn forget(&self, session_id: SessionId, attempt: u32) {
        self.kept().remove(&(session_id, attempt));
    }

    pub(super) fn baseline(&self, session_id: SessionId, attempt: u32) -> Option<Arc<Baseline>> {
        self.kept().get(&(session_id, attempt)).cloned()
    }

    /// What the machine tells of an end; blocks for no longer than the patience in `about`.
    pub(super) async fn facts(&self, about: About) -> Vec<Fact> {
        let system = self.system.clone();
        let asking = tokio::task::spawn_blocking(move || system.facts(&about));
        asking.await.unwrap_or_default()
    }

    /// What the machine does not let us read, and why.
    pub(super) async fn unread(&self) -> Vec<String> {
        let system = self.system.clone();
        tokio::task::spawn_blocking(move || system.missing()).await.unwrap_or_default()
    }

    /// Where pidfds do not tell how processes end, hears it from the kernel, as long as it
    /// lets us.
    pub(super) async fn listen(&self) {
        if !Ends::are_needed() {
            return;
        }
        let heard = match EndListener::open() {
            Ok(listener) => self.system.ends().listen(listener).await,
            Err(why) => return tracing::info!(why, "ends of others are not heard of"),
        };
        if let Err(error) = heard {
            tracing::warn!(%error, "ends of others are not heard of any more");
        }
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<(SessionId, u32), Arc<Baseline>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
