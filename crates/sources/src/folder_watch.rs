//! The kernel's word that something changed in a folder.

use std::{io, mem::MaybeUninit, os::fd::OwnedFd, path::Path};

use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use tokio::io::unix::AsyncFd;

/// Watches one folder's files: made, moved in, written to.
#[derive(Debug)]
pub struct FolderWatch(AsyncFd<OwnedFd>);

impl FolderWatch {
    /// Begins to watch; the folder must be there.
    #[expect(unsafe_code, reason = "tokio asks for it")]
    pub fn new(folder: &Path) -> io::Result<Self> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let changes = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO;
        inotify::add_watch(&fd, folder, changes)?;
        // SAFETY: the descriptor is owned by the `AsyncFd` and never replaced.
        let fd = unsafe { AsyncFd::register(fd)? };
        Ok(Self(fd))
    }

    /// Waits for changes since the last call; any number of them is one word.
    pub async fn changed(&mut self) -> io::Result<()> {
        let mut ready = self.0.readable().await?;
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(self.0.get_ref(), &mut buffer);
        while reader.next().is_ok() {}
        ready.clear_ready();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_grows_is_told_of() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = FolderWatch::new(dir.path()).unwrap();
        for text in ["made", "written again"] {
            std::fs::write(dir.path().join("file"), text).unwrap();
            watch.changed().await.unwrap();
        }
    }
}
