//! One daemon per state folder and per socket folder: the kernel's lock decides.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::Context;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use wk_client::Places;

use crate::connect::AnotherDaemon;

/// Held for as long as the daemon lives.
#[derive(Debug)]
pub(super) struct Lock {
    _files: [File; 2],
}

/// Takes both locks, or says who has them.
pub(super) fn lock(places: &Places) -> anyhow::Result<Lock> {
    let state = take(&places.state.join("daemon.lock"))?;
    let runtime = take(&places.runtime.join("daemon.lock"))?;
    Ok(Lock { _files: [state, runtime] })
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
        drop(first);
        lock(&places).unwrap();
    }
}
