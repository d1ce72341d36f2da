//! What is known of sessions beside the journal: their folders, and gauges of living ones.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use wk_judges::health::Reading;
use wk_model::SessionId;

/// The folder of the sessions' folders, and the board of readings.
#[derive(Clone, Debug)]
pub struct Sessions {
    folder: PathBuf,
    board: Board,
}

/// What was last seen of each living session's process tree. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<RwLock<HashMap<SessionId, Arc<Reading>>>>);

impl Sessions {
    pub fn new(folder: PathBuf, board: Board) -> Self {
        Self { folder, board }
    }

    /// What lies in the folder under this name.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn reading(&self, session_id: SessionId) -> Option<Arc<Reading>> {
        let board = self.board.0.read().unwrap_or_else(PoisonError::into_inner);
        board.get(&session_id).cloned()
    }

    /// The mean memory of all trees that were seen alive.
    pub(crate) fn average_memory(&self) -> Option<u64> {
        let board = self.board.0.read().unwrap_or_else(PoisonError::into_inner);
        let alive = || board.values().filter(|reading| reading.processes > 0);
        let sum: u128 = alive().map(|reading| u128::from(reading.memory_bytes)).sum();
        let mean = sum.checked_div(alive().count() as u128)?;
        u64::try_from(mean).ok()
    }
}

impl Board {
    /// Takes up what was seen.
    pub fn show(&self, session_id: SessionId, reading: Reading) {
        let mut board = self.0.write().unwrap_or_else(PoisonError::into_inner);
        board.insert(session_id, Arc::new(reading));
    }

    /// A session that does not run has no reading.
    pub fn clear(&self, session_id: SessionId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&session_id);
    }
}
