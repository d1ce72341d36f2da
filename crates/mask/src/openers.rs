//! Finds where an opener ends, by the table that the build made of all openers at once.

use crate::lanes::Lanes;
use crate::shape::Shape;
use crate::shapes::SHAPES;

include!(concat!(env!("OUT_DIR"), "/openers.rs"));

/// Where openers end often, to read on from the end of one is all that there is to do.
const LEAST: usize = 64;

/// A place in the stream: the row of the table that the bytes so far lead to.
///
/// No opener spans a line, so a new line always leads to the same row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        let mut used = self.walk(&data[..data.len().min(LEAST)]);
        while used < data.len() && self.ended().is_none() {
            used += match Lanes::of(&data[used..]) {
                Some(lanes) => lanes.walk(self),
                None => self.walk(&data[used..]),
            };
        }
        (used, self.ended())
    }

    /// Reads a byte behind one that ended no opener.
    #[inline]
    pub(crate) fn step(&mut self, byte: u8) {
        self.row = NEXT[COLUMNS[usize::from(byte)] as usize + usize::from(self.row)];
    }

    /// Goes on behind an opener.
    pub(crate) fn behind_ended(self) -> Self {
        Self { row: self.row & !ENDED }
    }

    /// Whether the last byte ended an opener in one of these places.
    #[inline]
    pub(crate) fn any_ended<const COUNT: usize>(places: [Self; COUNT]) -> bool {
        places.iter().fold(0, |all, place| all | place.row) & ENDED != 0
    }

    /// Reads up to the end of the next opener: how many bytes that took.
    pub(crate) fn walk(&mut self, data: &[u8]) -> usize {
        let mut at = self.behind_ended();
        let end = data.iter().position(|&byte| {
            at.step(byte);
            Self::any_ended([at])
        });
        *self = at;
        end.map_or(data.len(), |end| end + 1)
    }

    /// Whose opener the last byte ended.
    pub(crate) fn ended(self) -> Option<&'static Shape> {
        let ending = self.row.checked_sub(ENDED + FIRST_ENDING)?;
        Some(&SHAPES[usize::from(ENDED_SHAPE[usize::from(ending)])])
    }
}
