//! A holder's outbox: what it has to tell, numbered, on disk before anyone is told.
//!
//! One JSON object a line in `attempt-N.record`, numbered from 1. The end of the attempt is
//! a file of its own, `attempt-N.exit`, whose space was reserved beforehand; it shares the
//! record's numbering, and what is told behind it (of leftover processes, say) is numbered
//! on. A torn last line has not been told yet and is skipped.

use std::{
    io::{self, Read},
    path::Path,
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use serde::{Deserialize, Serialize};
use wk_model::{Change, Moment};

use crate::folder;

/// Longer lines than this are no lines of ours.
const MAX_LINE: usize = 1 << 20;

/// What lies behind so many bytes of a record is not ours.
const MAX_RECORD: u64 = 64 << 20;

/// Bytes that are reserved for the exit record: its last lines take up to 4 KiB as JSON.
pub const EXIT_RESERVED: u64 = 8192;

/// One thing that a holder tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts from 1 within the attempt.
    pub number: u64,
    pub at: Moment,
    #[serde(flatten)]
    pub change: Change,
}

impl Entry {
    /// The entry as a line, newline included.
    pub fn to_line(&self) -> Vec<u8> {
        // Entries are our own plain data: they always have a JSON form.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

/// What the record of an attempt says, in the order of its numbers.
#[derive(Debug, Default)]
pub struct Entries {
    pub entries: Vec<Entry>,
    /// Lines that are no entries: a disk that lies, or a foreign hand.
    pub malformed: usize,
}

/// Reads the entries of an attempt that come after number `after`.
pub fn read(session: &Path, attempt: u32, after: u64) -> io::Result<Entries> {
    let mut found = Entries::default();
    // The exit is read first: what was recorded before it is then on disk for certain.
    let exit = read_optional(&folder::exit(session, attempt))?;
    let record = read_optional(&folder::record(session, attempt))?;
    for text in [record, exit] {
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            match line.strip_suffix(b"\n") {
                Some(line) if line.len() <= MAX_LINE => match serde_json::from_slice(line) {
                    Ok(entry) => found.entries.push(entry),
                    Err(_) => found.malformed += 1,
                },
                Some(_) => found.malformed += 1,
                None => {}
            }
        }
    }
    found.entries.retain(|entry: &Entry| entry.number > after);
    found.entries.sort_by_key(|entry| entry.number);
    Ok(found)
}

/// Whether the holder that claimed an attempt lives: it keeps a lock on its record.
pub fn is_held(session: &Path, attempt: u32) -> bool {
    let record = folder::open_file(&folder::record(session, attempt)).ok().flatten();
    let lock = record.map(|file| flock(&file, FlockOperation::NonBlockingLockShared));
    matches!(lock, Some(Err(Errno::WOULDBLOCK)))
}

fn read_optional(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    if let Some(file) = folder::open_file(path)? {
        file.take(MAX_RECORD).read_to_end(&mut text)?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use wk_model::{BootId, Time};

    use super::*;

    fn entry(number: u64) -> Entry {
        let at = Moment { time: Time::from_millis(5), boot: BootId::default(), boot_ns: number };
        Entry { number, at, change: Change::SessionRepaired }
    }

    #[test]
    fn a_torn_line_waits_and_a_foreign_one_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let mut text = entry(1).to_line();
        text.extend(b"\xff not ours\n");
        text.extend(entry(2).to_line());
        text.extend(&entry(3).to_line()[..20]);
        fs::write(folder::record(dir.path(), 1), &text).unwrap();

        let read = super::read(dir.path(), 1, 1).unwrap();

        assert_eq!(read.entries, [entry(2)]);
        assert_eq!(read.malformed, 1);
    }

    #[test]
    fn the_exit_comes_where_its_number_says() {
        let dir = tempfile::tempdir().unwrap();
        let record = [entry(1).to_line(), entry(3).to_line()].concat();
        fs::write(folder::record(dir.path(), 1), record).unwrap();
        fs::write(folder::exit(dir.path(), 1), entry(2).to_line()).unwrap();
        let read = super::read(dir.path(), 1, 0).unwrap();
        assert_eq!(read.entries, [entry(1), entry(2), entry(3)]);
    }

    #[test]
    fn an_attempt_that_never_was_has_no_entries() {
        let dir = tempfile::tempdir().unwrap();
        assert!(super::read(dir.path(), 7, 0).unwrap().entries.is_empty());
    }
}
