//! Who reads a recording just now: it is not cleaned up under their hands.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use wk_model::SessionId;

/// The recordings that are being read; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Readers(Arc<Mutex<HashMap<SessionId, usize>>>);

/// One who reads, until this goes.
#[derive(Debug)]
pub struct Reading {
    readers: Readers,
    session_id: SessionId,
}

impl Readers {
    /// Begins to read.
    pub fn read(&self, session_id: SessionId) -> Reading {
        *self.counts().entry(session_id).or_default() += 1;
        Reading { readers: self.clone(), session_id }
    }

    /// Whether anybody reads the recording of a session.
    pub fn has(&self, session_id: SessionId) -> bool {
        self.counts().contains_key(&session_id)
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<SessionId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut counts = self.readers.counts();
        if let Some(count) = counts.get_mut(&self.session_id) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.session_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_free_when_its_last_reader_has_left() {
        let (readers, id) = (Readers::default(), SessionId::from_number(1));
        let (first, second) = (readers.read(id), readers.read(id));
        drop(first);
        assert!(readers.has(id) && !readers.has(SessionId::from_number(2)));
        drop(second);
        assert!(!readers.has(id) && readers.counts().is_empty());
    }
}
