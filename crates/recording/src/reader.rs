//! A recording as it is now, from its oldest segment to its last line.

use crate::cursor::Cursor;
use crate::error::ReadError;
use crate::event::Event;
use crate::segment::{self, Segment};
use std::path::Path;

/// What each segment in `folder` says of itself, oldest first.
///
/// Leaves out what cannot be read; [`Events`] names it.
pub fn read_segments(folder: &Path) -> Result<Vec<Segment>, ReadError> {
    let readable = |(number, _)| segment::open(folder, number).ok().flatten();
    Ok(segment::list(folder)?
        .into_iter()
        .filter_map(readable)
        .map(|(segment, _)| segment)
        .collect())
}

/// All events in order, from the oldest still there.
///
/// Starts with the screen's size and, when earlier output was dropped, with how
/// much and the checkpoint. An error stands for what could not be read; the
/// events behind it follow.
#[derive(Debug)]
pub struct Events {
    cursor: Cursor,
    ended: bool,
}

impl Events {
    pub fn new(folder: &Path) -> Events {
        Events::starting_at(folder, 0)
    }

    /// Starts with the segment of that number.
    pub(crate) fn starting_at(folder: &Path, number: u32) -> Events {
        Events { cursor: Cursor::new(folder, number), ended: false }
    }

    /// Bytes of output text up to here, in all segments ever.
    pub(crate) fn offset(&self) -> u64 {
        self.cursor.offset()
    }

    /// The segment that the last event came from, until its end.
    pub(crate) fn segment(&self) -> Option<&Segment> {
        self.cursor.segment()
    }
}

impl Iterator for Events {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.cursor.read();
        match &next {
            Ok(Some(_)) | Err(ReadError::Damaged { .. }) => {}
            Err(ReadError::Segment { .. }) => self.cursor.abandon(),
            Ok(None) | Err(_) => self.ended = true,
        }
        next.transpose()
    }
}
