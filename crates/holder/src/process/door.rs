//! The holder's listening socket, and who may come in.

use std::{
    fs::{self, Permissions},
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{
            fs::{FileTypeExt, MetadataExt, PermissionsExt},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
};

use rustix::{
    net::{SocketFlags, accept_with, sockopt},
    process::geteuid,
};

/// Listens at a path, and takes the path away when it goes, if it is still its own.
#[derive(Debug)]
pub(crate) struct Door {
    path: PathBuf,
    listener: UnixListener,
    /// Device and inode of the socket at the path.
    file: (u64, u64),
}

impl Door {
    /// Listens at `path`; a socket that an earlier holder left there goes.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
            let _ = fs::remove_file(path);
        }
        let listener = UnixListener::bind(path)?;
        // The holder's umask has kept others out from the first moment on.
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        let file = identity(path).unwrap_or_default();
        Ok(Self { path: path.to_owned(), listener, file })
    }

    /// Makes the socket anew where somebody has removed it.
    pub(crate) fn repair(&mut self) {
        if identity(&self.path) == Some(self.file) {
            return;
        }
        let made = match self.path.parent() {
            // A cleaner of `/tmp` takes the folder, too.
            Some(folder) if !folder.exists() => fs::create_dir_all(folder),
            _ => Ok(()),
        };
        let opened = made.and_then(|()| Self::open(&self.path));
        // Where that fails, the next signal is the next try.
        if let Ok(door) = opened {
            *self = door;
        }
    }

    /// Lets in one peer; none when nobody of this user waits.
    pub(crate) fn accept(&self) -> Option<OwnedFd> {
        loop {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let peer = match accept_with(&self.listener, flags) {
                Ok(peer) => peer,
                Err(rustix::io::Errno::INTR | rustix::io::Errno::CONNABORTED) => continue,
                Err(_) => return None,
            };
            let same_user = sockopt::socket_peercred(&peer).is_ok_and(|peer| peer.uid == geteuid());
            if same_user {
                return Some(peer);
            }
        }
    }
}

impl AsFd for Door {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if identity(&self.path) == Some(self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}
