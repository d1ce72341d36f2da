//! A recording as it grows.
//!
//! Whoever owns a [`Follower`] learns elsewhere that the folder changed, and
//! asks then; a new segment appears by a rename.

use crate::cursor::Cursor;
use crate::error::ReadError;
use crate::event::Event;
use crate::segment;
use std::path::Path;

/// Remembers how far a recording was read.
///
/// A segment deleted under it is still read to its end. Where more than that was
/// lost, it tells how much and gives the checkpoint.
#[derive(Debug)]
pub struct Follower {
    cursor: Cursor,
}

impl Follower {
    /// Starts with the oldest event still there; the folder may not exist yet.
    pub fn from_start(folder: &Path) -> Follower {
        Follower { cursor: Cursor::new(folder, 0) }
    }

    /// Starts behind what is recorded now.
    pub fn from_end(folder: &Path) -> Result<Follower, ReadError> {
        let newest = segment::list(folder)?.last().map_or(0, |(number, _)| *number);
        let mut follower = Follower { cursor: Cursor::new(folder, newest) };
        follower.read_new(|_| ())?;
        Ok(follower)
    }

    /// The next event that is there; none at the present end.
    ///
    /// A damaged line is an error, and passed over by the next call.
    pub fn next_event(&mut self) -> Result<Option<Event>, ReadError> {
        self.cursor.read()
    }

    /// Gives `sink` what is new, damaged lines as errors.
    ///
    /// Returns the error of the folder or a file; asking again tries again.
    pub fn read_new(
        &mut self,
        mut sink: impl FnMut(Result<Event, ReadError>),
    ) -> Result<(), ReadError> {
        loop {
            match self.next_event() {
                Ok(Some(event)) => sink(Ok(event)),
                Ok(None) => return Ok(()),
                Err(damage @ ReadError::Damaged { .. }) => sink(Err(damage)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Bytes of output text up to here, in all segments ever.
    pub fn offset(&self) -> u64 {
        self.cursor.offset()
    }
}
