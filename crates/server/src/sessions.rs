//! What is known of sessions beside the journal: their folders, and gauges of living ones.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use wk_judges::health::Reading;
use wk_model::{SessionId, Time};

/// The folder of the sessions' folders, and the board of readings.
#[derive(Clone, Debug)]
pub struct Sessions {
    folder: PathBuf,
    board: Board,
}

/// What was last seen of each living session's process tree. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Board {
    readings: Arc<RwLock<HashMap<SessionId, Arc<Reading>>>>,
    fronts: Arc<RwLock<HashMap<SessionId, Arc<Front>>>>,
}

/// What runs in front of a session that is only watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Front {
    pub command: Vec<String>,
    pub last_activity: Option<Time>,
}

impl Sessions {
    pub fn new(folder: PathBuf, board: Board) -> Self {
        Self { folder, board }
    }

    /// What lies in the folder under this name.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn front(&self, session_id: SessionId) -> Option<Arc<Front>> {
        let fronts = self.board.fronts.read().unwrap_or_else(PoisonError::into_inner);
        fronts.get(&session_id).cloned()
    }

    pub(crate) fn reading(&self, session_id: SessionId) -> Option<Arc<Reading>> {
        let board = self.board.readings.read().unwrap_or_else(PoisonError::into_inner);
        board.get(&session_id).cloned()
    }

    /// The mean memory of all trees that were seen alive.
    pub(crate) fn average_memory(&self) -> Option<u64> {
        let board = self.board.readings.read().unwrap_or_else(PoisonError::into_inner);
        let alive = || board.values().filter(|reading| reading.processes > 0);
        let sum: u128 = alive().map(|reading| u128::from(reading.memory_bytes)).sum();
        let mean = sum.checked_div(alive().count() as u128)?;
        u64::try_from(mean).ok()
    }
}

impl Board {
    /// Takes up what was seen.
    pub fn show(&self, session_id: SessionId, reading: Reading) {
        let mut board = self.readings.write().unwrap_or_else(PoisonError::into_inner);
        board.insert(session_id, Arc::new(reading));
    }

    /// A session that does not run has no reading.
    pub fn clear(&self, session_id: SessionId) {
        self.readings.write().unwrap_or_else(PoisonError::into_inner).remove(&session_id);
    }

    /// Takes up what runs in front of a watched session now.
    pub fn show_front(
        &self,
        session_id: SessionId,
        command: Vec<String>,
        last_activity: Option<Time>,
    ) {
        let mut fronts = self.fronts.write().unwrap_or_else(PoisonError::into_inner);
        fronts.insert(session_id, Arc::new(Front { command, last_activity }));
    }

    /// A watched session has ended.
    pub fn clear_front(&self, session_id: SessionId) {
        self.fronts.write().unwrap_or_else(PoisonError::into_inner).remove(&session_id);
    }
}
