//! The attempt's outbox: its claim, its record and its exit record.
//!
//! Numbers count from 1 and never repeat. An entry that the disk does not take waits in
//! memory, in order; the exit has space of its own.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FallocateFlags, FlockOperation, flock},
    io::Errno,
};
use wk_holder::{
    folder, host,
    record::{EXIT_RESERVED, Entry},
};
use wk_model::Change;

/// Room for entries that is taken when the attempt is claimed.
const RECORD_RESERVED: u64 = 64 << 10;

/// Entries that wait for a disk; what comes behind them is lost, as the disk is.
const MAX_WAITING: usize = 256;

/// Why an attempt cannot be claimed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClaimError {
    #[error("attempt {0} is claimed")]
    Claimed(u32),
    #[error("cannot claim attempt {attempt}: {source}")]
    Claim { attempt: u32, source: io::Error },
    #[error("cannot reserve the exit record of attempt {attempt}: {source}")]
    Reserve { attempt: u32, source: io::Error },
}

/// What the holder tells, on its way to the disk.
#[derive(Debug)]
pub(crate) struct Outbox {
    folder: PathBuf,
    attempt: u32,
    record: File,
    /// Bytes of whole lines in the record.
    length: u64,
    waiting: Vec<Vec<u8>>,
    next: u64,
}

impl Outbox {
    /// Claims an attempt: only one holder ever can.
    pub(crate) fn claim(folder: &Path, attempt: u32) -> Result<Self, ClaimError> {
        let path = folder::record(folder, attempt);
        let record = create_held(&path).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => ClaimError::Claimed(attempt),
            _ => ClaimError::Claim { attempt, source },
        })?;
        if let Err(source) = reserve_exit(&folder::exit_reserved(folder, attempt)) {
            // Nothing has run: the attempt may be claimed again when there is room.
            let _ = fs::remove_file(folder::exit_reserved(folder, attempt));
            let _ = fs::remove_file(path);
            return Err(ClaimError::Reserve { attempt, source });
        }
        // Some file systems cannot; then a full disk makes entries wait.
        let _ = rustix::fs::fallocate(&record, FallocateFlags::KEEP_SIZE, 0, RECORD_RESERVED);
        let (waiting, folder) = (Vec::new(), folder.to_owned());
        Ok(Self { folder, attempt, record, length: 0, waiting, next: 1 })
    }

    /// Gives the claim back: nothing has run.
    pub(crate) fn give_back(self) {
        let _ = fs::remove_file(folder::exit_reserved(&self.folder, self.attempt));
        let _ = fs::remove_file(folder::record(&self.folder, self.attempt));
    }

    /// Adds an entry to the record.
    pub(crate) fn tell(&mut self, change: Change) {
        let line = self.line(change);
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push(line);
        }
        self.flush();
    }

    /// Writes down how the attempt ended. Whoever reads the folder finds it from now on; it
    /// outlives a power cut once the returned file is given to [`Self::settle_exit`].
    ///
    /// Two steps, so that the journal need not wait for a disk that it waits for itself.
    pub(crate) fn tell_exit(&mut self, change: Change) -> io::Result<File> {
        self.flush();
        let line = self.line(change);
        let reserved = folder::exit_reserved(&self.folder, self.attempt);
        // Gone only by a foreign hand; the end is told all the same.
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false);
        let file = options.mode(0o600).open(&reserved)?;
        file.write_all_at(&line, 0)?;
        file.set_len(line.len() as u64)?;
        fs::rename(reserved, folder::exit(&self.folder, self.attempt))?;
        Ok(file)
    }

    /// Waits until the exit record and its name are on the disk.
    pub(crate) fn settle_exit(&self, file: &File) -> io::Result<()> {
        file.sync_all()?;
        File::open(&self.folder)?.sync_all()
    }

    /// Tries again to write what the disk has not taken. True when nothing waits.
    pub(crate) fn flush(&mut self) -> bool {
        let mut written = 0;
        for line in &self.waiting {
            if self.record.write_all_at(line, self.length).is_err() {
                // A torn line is no line: the next try overwrites it.
                break;
            }
            self.length += line.len() as u64;
            written += 1;
        }
        self.waiting.drain(..written);
        self.waiting.is_empty()
    }

    fn line(&mut self, change: Change) -> Vec<u8> {
        let number = self.next;
        self.next += 1;
        Entry { number, at: host::now(), change }.to_line()
    }
}

/// Makes a record with a lock on it, which says for as long as this holder lives that somebody
/// has the attempt.
///
/// It is locked before it has its name: whoever found it without a lock would take the holder
/// for dead, and even to look for one would keep it from being taken.
fn create_held(path: &Path) -> io::Result<File> {
    let own = path.with_extension(format!("claim-{}", std::process::id()));
    // A holder that was killed here had the same number.
    let _ = fs::remove_file(&own);
    let record = create_locked(&own)?;
    let named = fs::hard_link(&own, path);
    let _ = fs::remove_file(&own);
    match named {
        Ok(()) => Ok(record),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // A file system without second names.
        Err(_) => create_locked(path),
    }
}

fn create_locked(path: &Path) -> io::Result<File> {
    let file = create(path)?;
    let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
    Ok(file)
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn reserve_exit(path: &Path) -> io::Result<()> {
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, EXIT_RESERVED) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
            file.write_all(&[0; EXIT_RESERVED as usize])
        }
        reserved => Ok(reserved?),
    }
}

#[cfg(test)]
mod tests {
    use wk_holder::record;

    use super::*;

    #[test]
    fn an_attempt_is_claimed_once() {
        let dir = tempfile::tempdir().unwrap();
        Outbox::claim(dir.path(), 1).unwrap();
        let again = Outbox::claim(dir.path(), 1);
        assert!(matches!(again, Err(ClaimError::Claimed(1))));
        Outbox::claim(dir.path(), 2).unwrap();
    }

    #[test]
    fn a_claim_is_held_as_soon_as_it_can_be_seen() {
        let dir = tempfile::tempdir().unwrap();
        for attempt in 1..=200 {
            let (folder, path) = (dir.path(), folder::record(dir.path(), attempt));
            std::thread::scope(|scope| {
                let looks = scope.spawn(|| {
                    while !path.exists() {}
                    record::is_held(folder, attempt)
                });
                let _claim = Outbox::claim(folder, attempt).unwrap();
                assert!(looks.join().unwrap(), "attempt {attempt}");
            });
        }
        let left = |entry: fs::DirEntry| entry.file_name().to_string_lossy().contains("claim");
        assert!(!fs::read_dir(dir.path()).unwrap().map(Result::unwrap).any(left));
    }

    #[test]
    fn entries_behind_the_exit_are_numbered_on() {
        let dir = tempfile::tempdir().unwrap();
        let mut outbox = Outbox::claim(dir.path(), 1).unwrap();
        outbox.tell(Change::SessionRepaired);
        let exit = outbox.tell_exit(Change::DaemonStopped).unwrap();
        outbox.settle_exit(&exit).unwrap();
        outbox.tell(Change::ConfigReloaded);

        let read = record::read(dir.path(), 1, 0).unwrap();

        let kinds: Vec<_> = read.entries.iter().map(|e| (e.number, e.change.kind())).collect();
        assert_eq!(kinds, [(1, "session_repaired"), (2, "daemon_stopped"), (3, "config_reloaded")]);
        assert_eq!(read.malformed, 0);
        assert!(!folder::exit_reserved(dir.path(), 1).exists());
    }
}
