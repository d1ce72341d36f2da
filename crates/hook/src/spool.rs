//! Records on disk until the daemon has taken them in: one file each, in one folder.
//!
//! A file's name is the record's number: milliseconds of the boot-time clock, then the hook's
//! process number. It sorts as the records happened and, made only where there is none, is
//! given once.

use std::{
    fs,
    io::{self, Read},
    os::{fd::OwnedFd, unix::fs::DirBuilderExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FileType, Mode, OFlags, StatVfs, fstat, open, statvfs, unlink},
    io::{Errno, write},
};

use crate::record::{self, BadRecord, Record};

/// How a record's name ends.
const SUFFIX: &str = ".hook";

/// Bits of a number that a process number may take.
const PID_BITS: u32 = 22;

/// Names that are tried for one record.
const TRIES: u64 = 1000;

/// Damaged records that are kept to be looked at.
const KEPT_BAD: usize = 100;

/// Room that is left to everybody else: a spool that no daemon empties does not fill the disk.
const FLOOR: u64 = 64 << 20;

/// The folder of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spool {
    folder: PathBuf,
}

/// A record that waits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiting {
    /// Once for each record of a boot, and in their order.
    pub number: u64,
    /// The first digits of the boot's name.
    pub boot: String,
    path: PathBuf,
}

impl Spool {
    /// The spool in a folder that need not be there yet.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the folder, for this user alone.
    pub fn make(&self) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)
    }

    /// Leaves a record: all of it, or nothing.
    pub fn add(&self, record: &Record) -> io::Result<()> {
        if statvfs(&self.folder).is_ok_and(|disk| is_short(&disk)) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let bytes = record.encode();
        let first = number(record.head.boot_ns, record.head.pid);
        let mut made = false;
        let mut tries = 0;
        while tries < TRIES {
            let number = first + (tries << PID_BITS);
            let path = self.folder.join(name(number, &record.head.boot_id));
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            match open(&path, flags | OFlags::NOFOLLOW, Mode::RUSR | Mode::WUSR) {
                Ok(file) => return put(&file, &path, &bytes),
                Err(Errno::EXIST) => tries += 1,
                Err(Errno::NOENT) if !made => {
                    self.make()?;
                    made = true;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Records that wait, the oldest of each boot first; none where there is no folder.
    pub fn waiting(&self) -> io::Result<Vec<Waiting>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut found: Vec<_> = entries
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name();
                let (number, boot) = parse(name.to_str()?)?;
                Some(Waiting { number, boot: boot.to_owned(), path: entry.path() })
            })
            .collect();
        found.sort_unstable();
        Ok(found)
    }

    /// Sets a damaged record aside; all but the latest of those are removed.
    pub fn set_aside(&self, waiting: &Waiting) -> io::Result<()> {
        let bad = self.folder.join("bad");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&bad)?;
        let name = waiting.path.file_name().unwrap_or_default();
        if fs::rename(&waiting.path, bad.join(name)).is_err() {
            // What cannot be moved must not be read for ever.
            remove_any(&waiting.path)?;
        }
        let mut kept: Vec<_> = fs::read_dir(&bad)?.flatten().map(|entry| entry.path()).collect();
        kept.sort_unstable();
        let more = kept.len().saturating_sub(KEPT_BAD);
        kept.iter().take(more).try_for_each(|path| remove_any(path))
    }
}

impl Waiting {
    /// Reads the record. What is no plain file, or too long to be a record, is damaged.
    pub fn read(&self) -> io::Result<Result<Record, BadRecord>> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = match open(&self.path, flags, Mode::empty()) {
            Err(Errno::LOOP) => return Ok(Err(BadRecord::Corrupt)),
            file => file?,
        };
        let stat = fstat(&file)?;
        let length = usize::try_from(stat.st_size).unwrap_or(usize::MAX);
        let is_file = FileType::from_raw_mode(stat.st_mode).is_file();
        if !is_file || length > record::LONGEST {
            return Ok(Err(BadRecord::Corrupt));
        }
        let mut bytes = Vec::with_capacity(length + 1);
        fs::File::from(file).take(record::LONGEST as u64).read_to_end(&mut bytes)?;
        Ok(Record::decode(&bytes))
    }

    /// Removes it: the journal has it. One that is gone already is none the worse for it.
    pub fn remove(&self) -> io::Result<()> {
        match unlink(&self.path) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// How long ago it was written to, by the wall clock; none where nobody can tell.
    pub fn age(&self) -> Option<std::time::Duration> {
        fs::symlink_metadata(&self.path).ok()?.modified().ok()?.elapsed().ok()
    }
}

fn is_short(disk: &StatVfs) -> bool {
    let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
    bytes(disk.f_bavail) < FLOOR.min(bytes(disk.f_blocks) / 20)
}

fn remove_any(path: &Path) -> io::Result<()> {
    fs::remove_file(path).or_else(|_| fs::remove_dir_all(path))
}

/// One write. What did not fit is taken back: half a record would be none.
fn put(file: &OwnedFd, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = loop {
        match write(file, bytes) {
            Err(Errno::INTR) => {}
            written => break written,
        }
    };
    let failed = match written {
        Ok(length) if length == bytes.len() => return Ok(()),
        Ok(_) => io::ErrorKind::StorageFull.into(),
        Err(error) => error.into(),
    };
    let _ = unlink(path);
    Err(failed)
}

fn number(boot_ns: u64, pid: u32) -> u64 {
    let ms = (boot_ns / 1_000_000) & ((1 << (63 - PID_BITS)) - 1);
    ms << PID_BITS | u64::from(pid) & ((1 << PID_BITS) - 1)
}

fn name(number: u64, boot_id: &str) -> String {
    let boot: String = boot_id.chars().filter(char::is_ascii_hexdigit).take(8).collect();
    format!("{number:016x}-{boot}{SUFFIX}")
}

fn parse(name: &str) -> Option<(u64, &str)> {
    let (number, boot) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    let number = u64::from_str_radix(number, 16).ok().filter(|_| number.len() == 16)?;
    Some((number, boot)).filter(|(number, _)| i64::try_from(*number).is_ok())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::record::Head;

    fn record(boot_ns: u64) -> Record {
        let boot_id = "5b1f0b6e-0e8e-4c55-8a3d-0c6f6d2d9f10".into();
        Record { head: Head { boot_ns, boot_id, pid: 77, ..Head::default() }, body: b"{}".into() }
    }

    fn spool() -> (tempfile::TempDir, Spool) {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(dir.path().join("a/hooks"));
        (dir, spool)
    }

    #[test]
    fn records_wait_in_the_order_in_which_they_happened() {
        let (_dir, spool) = spool();
        assert_eq!(spool.waiting().unwrap(), []);
        for boot_ns in [9_000_000, 3_000_000, 3_000_001, 700_000_000] {
            spool.add(&record(boot_ns)).unwrap();
        }
        let waiting = spool.waiting().unwrap();
        let read: Vec<_> =
            waiting.iter().map(|one| one.read().unwrap().unwrap().head.boot_ns).collect();
        assert_eq!(read, [3_000_000, 3_000_001, 9_000_000, 700_000_000]);
        assert_eq!(waiting[0].boot, "5b1f0b6e");
        let mode = fs::metadata(spool.folder()).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o700);
        let mode = fs::metadata(&waiting[0].path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        waiting[0].remove().unwrap();
        waiting[0].remove().unwrap();
        assert_eq!(spool.waiting().unwrap().len(), 3);
    }

    #[test]
    fn what_is_no_record_is_set_aside_and_never_waited_for() {
        let (dir, spool) = spool();
        spool.make().unwrap();
        let path = |number: u64| spool.folder().join(name(number, "5b1f0b6e"));
        fs::write(path(1), "nonsense of some length, with a line\nand another").unwrap();
        fs::create_dir(path(2)).unwrap();
        symlink("/dev/zero", path(3)).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, path(4), Mode::RWXU).unwrap();
        fs::write(path(5), "").unwrap();
        fs::write(spool.folder().join("other"), "").unwrap();
        let waiting = spool.waiting().unwrap();
        assert_eq!(waiting.len(), 5);
        for one in &waiting[..4] {
            assert!(matches!(one.read(), Ok(Err(BadRecord::Corrupt)) | Err(_)), "{one:?}");
            spool.set_aside(one).unwrap();
        }
        assert_eq!(waiting[4].read().unwrap(), Err(BadRecord::Incomplete));
        assert_eq!(spool.waiting().unwrap().len(), 1);
        assert_eq!(fs::read_dir(dir.path().join("a/hooks/bad")).unwrap().count(), 4);
    }

    #[test]
    fn damaged_records_do_not_pile_up() {
        let (_dir, spool) = spool();
        spool.make().unwrap();
        for number in 0..KEPT_BAD as u64 + 20 {
            fs::write(spool.folder().join(name(number, "5b1f0b6e")), "x").unwrap();
        }
        spool.waiting().unwrap().iter().for_each(|one| spool.set_aside(one).unwrap());
        assert_eq!(fs::read_dir(spool.folder().join("bad")).unwrap().count(), KEPT_BAD);
    }

    #[test]
    fn a_spool_that_nobody_empties_leaves_room_to_others() {
        let (dir, _) = spool();
        let disk = |blocks, free| StatVfs {
            f_frsize: 4096,
            f_blocks: blocks,
            f_bavail: free,
            ..statvfs(dir.path()).unwrap()
        };
        let (large, small) = ((100 << 30) / 4096, (10 << 20) / 4096);
        assert!(is_short(&disk(large, 16_000)) && !is_short(&disk(large, 17_000)));
        assert!(is_short(&disk(small, 100)) && !is_short(&disk(small, 200)));
    }

    #[test]
    fn numbers_fit_where_the_journal_keeps_them() {
        let years = 60 * 365 * 24 * 3600 * 1_000_000_000;
        assert!(i64::try_from(number(years, u32::MAX)).is_ok());
        assert!(i64::try_from(number(u64::MAX, u32::MAX)).is_ok());
        assert!(number(2_000_000, 1) > number(1_000_000, 4_194_303));
    }
}
