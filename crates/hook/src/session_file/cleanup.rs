//! Removes session files that are too old, and no others.

use std::{
    collections::HashSet,
    fs,
    io::Write,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use super::{
    LIST, SessionFiles,
    file::{self, Entry, Found, PREFIX},
};
use crate::clock;

/// What a cleanup did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Files that were too old, or of a process that has ended.
    pub stale: usize,
    /// Files of ours that said nothing sensible.
    pub corrupted: usize,
}

impl Cleaned {
    pub fn total(&self) -> usize {
        self.stale + self.corrupted
    }
}

impl SessionFiles {
    /// Removes what is too old or damaged. A damaged file is ours only if it was written here.
    pub fn cleanup(&self) -> Cleaned {
        let mut cleaned = Cleaned::default();
        let ours = self.remembered();
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if !name.as_bytes().starts_with(PREFIX.as_bytes()) {
                continue;
            }
            let path = entry.path();
            if name.as_bytes().ends_with(b".tmp") {
                cleaned.stale += usize::from(self.is_left_over(&path, &ours) && remove(&path));
                continue;
            }
            match file::read(&path) {
                Found::Entry(entry) if !self.is_fresh(&entry) || self.is_over(&entry) => {
                    cleaned.stale += usize::from(remove(&path));
                }
                Found::Corrupt if ours.contains(&path) => {
                    cleaned.corrupted += usize::from(remove(&path));
                }
                Found::Entry(_) | Found::Corrupt | Found::Nothing | Found::Foreign => {}
            }
        }
        self.forget(&ours);
        cleaned
    }

    /// Whether it is that of a process which has ended.
    fn is_over(&self, entry: &Entry) -> bool {
        let Some(process) = entry.owner.as_deref().and_then(|owner| owner.strip_prefix("process "))
        else {
            return false;
        };
        let words: Vec<&str> = process.split(' ').collect();
        let [pid, start_time, boot, ..] = words.as_slice() else { return false };
        if *boot != self.boot_id {
            return true;
        }
        let Ok(stat) = fs::read(format!("/proc/{pid}/stat")) else { return true };
        let text = String::from_utf8_lossy(&stat);
        let tail = text.rsplit_once(") ").map_or("", |(_, tail)| tail);
        tail.split_ascii_whitespace().nth(19) != Some(start_time)
    }

    /// Whether it was being written when its writer was killed.
    fn is_left_over(&self, path: &Path, ours: &HashSet<PathBuf>) -> bool {
        let name = path.to_string_lossy();
        let whole = name.rsplit_once('_').map(|(whole, _)| PathBuf::from(whole));
        let own = whole.is_some_and(|whole| ours.contains(&whole));
        let old = fs::symlink_metadata(path).is_ok_and(|found| {
            let age = clock::wall_ms() / 1000 - found.mtime();
            found.is_file() && age > i64::try_from(self.ttl.as_secs().min(3600)).unwrap_or(3600)
        });
        own && old
    }

    /// The files that were written here.
    pub(super) fn remembered(&self) -> HashSet<PathBuf> {
        let list = self.hooks.as_ref().map(|hooks| hooks.join(LIST));
        let text = list.and_then(|list| fs::read(list).ok()).unwrap_or_default();
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| PathBuf::from(std::ffi::OsStr::from_bytes(line))).collect()
    }

    /// Forgets files that are gone. One that is written meanwhile is, at worst, not remembered.
    fn forget(&self, ours: &HashSet<PathBuf>) {
        let Some(hooks) = &self.hooks else { return };
        let there: Vec<_> = ours.iter().filter(|path| fs::symlink_metadata(path).is_ok()).collect();
        if there.len() == ours.len() {
            return;
        }
        let new = hooks.join(format!("{LIST}.{}.new", std::process::id()));
        let mut options = fs::OpenOptions::new();
        let Ok(mut file) = options.write(true).create(true).truncate(true).mode(0o600).open(&new)
        else {
            return;
        };
        let lines = there.iter().flat_map(|path| [path.as_os_str().as_bytes(), b"\n"]);
        let text: Vec<u8> = lines.flatten().copied().collect();
        if file.write_all(&text).is_ok() {
            let _ = fs::rename(new, hooks.join(LIST));
        }
    }
}

fn remove(path: &Path) -> bool {
    fs::remove_file(path).is_ok()
}
