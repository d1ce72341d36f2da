//! Turns: who starts or stops a session has it for itself meanwhile.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OwnedMutexGuard;
use wk_model::SessionId;

type Gate = Arc<tokio::sync::Mutex<()>>;

/// The sessions that somebody has, or waits for.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<SessionId, Gate>>);

/// A session that is ours until this is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    session_id: SessionId,
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    pub(super) async fn take(&self, session_id: SessionId) -> Turn<'_> {
        let gate = {
            let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            gates.entry(session_id).or_default().clone()
        };
        // Made first: a caller that gives up while it waits leaves nothing behind either.
        let mut turn = Turn { turns: self, session_id, held: None };
        turn.held = Some(gate.lock_owned().await);
        turn
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.held = None;
        let mut gates = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        if gates.get(&self.session_id).is_some_and(|gate| Arc::strong_count(gate) == 1) {
            gates.remove(&self.session_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_has_a_session_at_a_time_and_nothing_stays_behind() {
        let turns = Turns::default();
        let id = SessionId::from_number(7);
        let first = turns.take(id).await;
        let other = turns.take(SessionId::from_number(8)).await;
        let second = turns.take(id);
        tokio::pin!(second);
        assert!(futures_util::poll!(&mut second).is_pending());
        drop((first, other));
        drop(second.await);
        assert!(turns.0.lock().unwrap().is_empty());
    }
}
