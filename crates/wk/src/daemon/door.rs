//! The daemon's socket, made anew where somebody has taken it away.
//!
//! A cleaner of `/tmp`, or the end of a login, removes the runtime folder under a daemon that
//! lives on. The kernel tells of it: nothing is looked at while nothing happens.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use tokio::{net::UnixListener, sync::mpsc, time::sleep};
use wk_client::Places;
use wk_sources::folder_watch::FolderWatch;

use super::lock::{Lock, identity};

/// Whoever removes the folder is given time to finish.
const SETTLING: Duration = Duration::from_millis(50);

/// Between tries where the kernel cannot tell: all of the user's watches are taken.
const UNTOLD: Duration = Duration::from_secs(5);

/// The place where the daemon listens.
#[derive(Debug)]
pub(super) struct Door {
    places: Places,
    lock: Arc<Lock>,
    /// Device and inode of our socket.
    socket: Option<(u64, u64)>,
}

impl Door {
    /// Listens. Whatever lies at the path is a dead daemon's, since we hold the lock.
    pub(super) fn open(places: &Places, lock: &Arc<Lock>) -> anyhow::Result<(Self, UnixListener)> {
        let mut door = Self { places: places.clone(), lock: lock.clone(), socket: None };
        let listener = door.listen()?;
        Ok((door, listener))
    }

    /// Makes the socket anew whenever it is gone, for as long as somebody listens.
    pub(super) async fn keep(mut self, renewed: mpsc::Sender<UnixListener>) {
        while !renewed.is_closed() {
            // Watched first, looked at then: nothing can go unseen in between.
            let watch = watch(&self.places.runtime);
            if identity(&self.places.socket()) != self.socket {
                match self.renew() {
                    Ok(listener) => {
                        tracing::warn!("the daemon's socket was removed: made anew");
                        // Fails when the daemon ends.
                        let _ = renewed.send(listener).await;
                        continue;
                    }
                    Err(error) => {
                        let error = format!("{error:#}");
                        tracing::error!(error, "cannot make the removed socket anew");
                    }
                }
            }
            tokio::select! {
                () = changed(watch) => {}
                () = renewed.closed() => return,
            }
        }
    }

    fn renew(&mut self) -> anyhow::Result<UnixListener> {
        self.places.make()?;
        self.lock.renew(&self.places)?;
        self.listen()
    }

    fn listen(&mut self) -> anyhow::Result<UnixListener> {
        let path = self.places.socket();
        let _ = fs::remove_file(&path);
        let cannot = || format!("cannot listen at `{}`", path.display());
        let listener = UnixListener::bind(&path).with_context(cannot)?;
        // The folder keeps others out meanwhile.
        fs::set_permissions(&path, Permissions::from_mode(0o600)).with_context(cannot)?;
        self.socket = identity(&path);
        Ok(listener)
    }
}

/// Watches the folder, or the nearest one above it that is there.
fn watch(folder: &Path) -> Option<FolderWatch> {
    folder.ancestors().find(|path| path.is_dir()).and_then(|path| FolderWatch::new(path).ok())
}

async fn changed(watch: Option<FolderWatch>) {
    match watch {
        Some(mut watch) => {
            // An error, too, is a word: the folder is gone.
            let _ = watch.changed().await;
            sleep(SETTLING).await;
        }
        None => sleep(UNTOLD).await,
    }
}
