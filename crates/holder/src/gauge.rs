//! What changes with every byte: a page of numbers that the holder keeps and anybody of the
//! same user may read, without asking the holder.
//!
//! A file of [`SIZE`] bytes, little-endian `u64` each: magic, output bytes, time of the last
//! output or input (ms since the epoch), bytes of the recording, gaps, time of the last input. A
//! reader sees each number whole, but not all of one moment. Pages of earlier holders lack the
//! last number.

use std::{io, os::unix::fs::FileExt, path::Path};

use wk_model::Time;

/// `wkgauge1`
pub const MAGIC: u64 = u64::from_le_bytes(*b"wkgauge1");

/// Numbers in the page.
pub const COUNT: usize = 6;

/// Numbers that were there from the beginning.
const FIRST: usize = 5;

/// Bytes in the page.
pub const SIZE: usize = COUNT * 8;

/// The numbers of one session, as last seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    pub output_bytes: u64,
    pub last_activity: Option<Time>,
    pub recorded_bytes: u64,
    pub gaps: u64,
    pub last_input: Option<Time>,
}

impl Gauges {
    /// The page's contents.
    pub fn to_words(self) -> [u64; COUNT] {
        let ms = |time: Option<Time>| time.map_or(0, |time| time.as_millis().max(0) as u64);
        let (activity, input) = (ms(self.last_activity), ms(self.last_input));
        [MAGIC, self.output_bytes, activity, self.recorded_bytes, self.gaps, input]
    }

    /// Reads the page of a session's folder; none where there is no such page.
    pub fn read(session: &Path) -> io::Result<Option<Self>> {
        let path = session.join(crate::folder::GAUGES);
        let Some(file) = crate::folder::open_file(&path)? else { return Ok(None) };
        let mut page = [0; SIZE];
        let read = file.read_at(&mut page, 0)?;
        Ok(Self::from_page(&page).filter(|_| read >= FIRST * 8))
    }

    fn from_page(page: &[u8; SIZE]) -> Option<Self> {
        let (words, _) = page.as_chunks::<8>();
        let word = |index: usize| words.get(index).map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let time = |index: usize| {
            let ms = i64::try_from(word(index)).ok().filter(|ms| *ms > 0);
            ms.map(Time::from_millis)
        };
        (word(0) == MAGIC).then(|| Self {
            output_bytes: word(1),
            last_activity: time(2),
            recorded_bytes: word(3),
            gaps: word(4),
            last_input: time(5),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_reads_back_and_a_foreign_one_is_none() {
        let gauges = Gauges {
            output_bytes: 7,
            last_activity: Some(Time::from_millis(1_762_838_432_521)),
            recorded_bytes: 9,
            gaps: 1,
            last_input: Some(Time::from_millis(1_762_838_432_520)),
        };
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Gauges::read(dir.path()).unwrap(), None);
        let page: Vec<u8> = gauges.to_words().iter().flat_map(|w| w.to_le_bytes()).collect();
        std::fs::write(dir.path().join("gauges"), &page).unwrap();
        assert_eq!(Gauges::read(dir.path()).unwrap(), Some(gauges));
        std::fs::write(dir.path().join("gauges"), &page[..FIRST * 8]).unwrap();
        let earlier = Gauges { last_input: None, ..gauges };
        assert_eq!(Gauges::read(dir.path()).unwrap(), Some(earlier));
        std::fs::write(dir.path().join("gauges"), [1; SIZE]).unwrap();
        assert_eq!(Gauges::read(dir.path()).unwrap(), None);
        std::fs::write(dir.path().join("gauges"), b"short").unwrap();
        assert_eq!(Gauges::read(dir.path()).unwrap(), None);
    }
}
