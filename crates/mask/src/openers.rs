//! Finds where an opener ends, by the table that the build made of all openers at once.

use crate::shape::Shape;
use crate::shapes::SHAPES;

include!(concat!(env!("OUT_DIR"), "/openers.rs"));

/// A place in the stream: the row of the table that the bytes so far lead to.
///
/// No opener spans a line, so a new line always leads to the same row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Openers {
    row: u16,
}

impl Openers {
    pub(crate) fn at_boundary() -> Self {
        Self { row: AFTER_NEWLINE }
    }

    /// After the last character of a secret: what follows directly is no token of its own.
    pub(crate) fn inside_word() -> Self {
        Self { row: AFTER_WORD }
    }

    /// Reads up to the end of the next opener: how many bytes that took, and whose opener it is.
    pub(crate) fn next(&mut self, data: &[u8]) -> (usize, Option<&'static Shape>) {
        let mut row = self.row;
        for (index, &byte) in data.iter().enumerate() {
            let class = CLASSES[usize::from(byte)];
            row = COLUMNS[usize::from(class)][usize::from(row)];
            if row >= FIRST_ENDING {
                self.row = row;
                let ending = usize::from(row - FIRST_ENDING);
                return (index + 1, Some(&SHAPES[usize::from(ENDED_SHAPE[ending])]));
            }
        }
        self.row = row;
        (data.len(), None)
    }
}
