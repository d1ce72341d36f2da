//! Which finished segments stay.
//!
//! Invariant: finished segments and what is asked room for fit the bound
//! together, or no finished segment is left.

use crate::error::RecordingError;
use crate::segment;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;

/// A session tried again and again makes many tiny segments.
const MOST_SEGMENTS: usize = 256;

#[derive(Debug)]
pub(crate) struct Retention {
    folder: PathBuf,
    max_size: u64,
    /// Number and size, oldest first.
    finished: VecDeque<(u32, u64)>,
    bytes: u64,
}

impl Retention {
    pub(crate) fn new(folder: PathBuf, max_size: u64, segments: &[(u32, u64)]) -> Retention {
        let mut retention = Retention { folder, max_size, finished: VecDeque::new(), bytes: 0 };
        for (number, bytes) in segments {
            retention.add(*number, *bytes);
        }
        retention
    }

    /// Bytes of all finished segments.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes over a segment that is not written any more.
    pub(crate) fn add(&mut self, number: u32, bytes: u64) {
        self.finished.push_back((number, bytes));
        self.bytes += bytes;
    }

    /// Deletes the oldest segments until `needed` bytes fit.
    pub(crate) fn make_room(&mut self, needed: u64) -> Result<(), RecordingError> {
        while self.finished.len() >= MOST_SEGMENTS
            || self.bytes.saturating_add(needed) > self.max_size
        {
            let Some((number, bytes)) = self.finished.front().copied() else { break };
            let path = segment::path(&self.folder, number);
            match std::fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(RecordingError::Drop { path, source });
                }
                _ => {}
            }
            self.finished.pop_front();
            self.bytes -= bytes;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_segments_go_until_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        for number in 1..=3 {
            std::fs::write(segment::path(folder.path(), number), "0123456789").unwrap();
        }
        let listed = segment::list(folder.path()).unwrap();
        let mut retention = Retention::new(folder.path().to_owned(), 30, &listed);
        retention.make_room(0).unwrap();
        assert_eq!(segment::list(folder.path()).unwrap(), listed);
        retention.make_room(11).unwrap();
        assert_eq!(segment::list(folder.path()).unwrap(), [(3, 10)]);
        retention.make_room(u64::MAX).unwrap();
        assert_eq!((segment::list(folder.path()).unwrap(), retention.bytes()), (vec![], 0));
    }

    #[test]
    fn many_tiny_segments_are_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let tiny: Vec<(u32, u64)> = (1..=1000).map(|number| (number, 1)).collect();
        let mut retention = Retention::new(folder.path().to_owned(), u64::MAX, &tiny);
        retention.make_room(0).unwrap();
        assert_eq!(retention.finished.len(), MOST_SEGMENTS - 1);
    }
}
