//! One daemon per state folder and per socket folder: the kernel's lock decides.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::Context;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use wk_client::Places;

use crate::connect::AnotherDaemon;

const FILE: &str = "daemon.lock";

/// Held for as long as the daemon lives.
#[derive(Debug)]
pub(super) struct Lock {
    _state: File,
    /// In the runtime folder, which may go and come back.
    runtime: Mutex<File>,
}

/// Takes both locks, or says who has them.
pub(super) fn lock(places: &Places) -> anyhow::Result<Lock> {
    let state = take(&places.state.join(FILE))?;
    let runtime = Mutex::new(take(&in_runtime(places))?);
    Ok(Lock { _state: state, runtime })
}

impl Lock {
    /// Takes the lock of the runtime folder again, where that is another one than it was.
    pub(super) fn renew(&self, places: &Places) -> anyhow::Result<()> {
        let path = in_runtime(places);
        let mut runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = runtime.metadata().map(|ours| (ours.dev(), ours.ino())).ok();
        if ours.is_none() || identity(&path) != ours {
            *runtime = take(&path)?;
        }
        Ok(())
    }
}

/// Device and inode of what is at a path.
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

fn in_runtime(places: &Places) -> PathBuf {
    places.runtime.join(FILE)
}

fn take(path: &Path) -> anyhow::Result<File> {
    let cannot = || format!("cannot open the lock `{}`", path.display());
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .with_context(cannot)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => {
            let mut holder = String::new();
            // Only for the message.
            let _ = (&file).take(32).read_to_string(&mut holder);
            return Err(AnotherDaemon { pid: holder.trim().to_owned() }.into());
        }
        Err(error) => return Err(anyhow::Error::from(error).context(cannot())),
    }
    // Only for the message of the next one: a full disk is no reason not to start.
    let _ = file.set_len(0).and_then(|()| file.rewind());
    let _ = writeln!(file, "{}", std::process::id());
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_daemon_is_refused_and_told_by_whom() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places {
            state: dir.path().join("s"),
            runtime: dir.path().join("r"),
            config: dir.path().join("c"),
        };
        places.make().unwrap();
        let first = lock(&places).unwrap();
        let refusal = lock(&places).unwrap_err().to_string();
        assert!(refusal.contains(&format!("pid {}", std::process::id())), "{refusal}");
        first.renew(&places).unwrap();
        fs::remove_dir_all(&places.runtime).unwrap();
        places.make().unwrap();
        first.renew(&places).unwrap();
        let other = Places { state: dir.path().join("o"), ..places.clone() };
        other.make().unwrap();
        assert!(lock(&other).is_err(), "the new folder is taken, too");
        drop(first);
        lock(&places).unwrap();
    }
}
