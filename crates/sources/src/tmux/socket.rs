//! The sockets of tmux servers, and who listens on one.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with,
        sockopt::socket_peercred,
    },
};
use wk_holder::host;
use wk_model::ProcessId;

/// Who listens on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// There is no such file, or it is no socket.
    None,
    /// Nobody listens any more.
    Stale,
    Server {
        process: ProcessId,
        uid: u32,
    },
    /// Too busy to take a connection, or not ours to look at.
    Unknown,
}

/// One file among all.
pub(super) type FileId = (u64, u64);

/// The folders in which tmux puts the sockets of this user: as tmux itself, `TMUX_TMPDIR`
/// replaces `/tmp`.
pub fn folders(tmux_tmpdir: Option<OsString>) -> Vec<PathBuf> {
    let uid = rustix::process::geteuid().as_raw();
    let base = tmux_tmpdir.filter(|base| !base.is_empty()).unwrap_or_else(|| "/tmp".into());
    vec![Path::new(&base).join(format!("tmux-{uid}"))]
}

/// Which file a path names now; none where there is no socket.
pub(super) fn file_at(path: &Path) -> Option<FileId> {
    let metadata = fs::symlink_metadata(path).ok()?;
    metadata.file_type().is_socket().then(|| (metadata.dev(), metadata.ino()))
}

/// Whether a file was made only just now.
pub(super) fn is_young(path: &Path) -> bool {
    let made = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
    made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age < Duration::from_secs(2)))
}

/// The owner of a file.
pub(super) fn owner(path: &Path) -> Option<u32> {
    fs::symlink_metadata(path).ok().map(|metadata| metadata.uid())
}

/// Sockets in a folder, in order. A folder that others can write to is not believed: anybody
/// could have put them there.
pub(super) fn sockets_in(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let uid = rustix::process::geteuid().as_raw();
    let metadata = match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.to_string()),
        Ok(metadata) => metadata,
    };
    if !metadata.is_dir() {
        return Err("it is no folder".into());
    }
    if metadata.uid() != uid {
        return Err(format!("it belongs to user {}", metadata.uid()));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err("others can write to it".into());
    }
    let entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
    let is_socket = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_socket());
    let mut found: Vec<_> =
        entries.flatten().filter(is_socket).take(256).map(|entry| entry.path()).collect();
    found.sort();
    Ok(found)
}

/// Asks the kernel who listens, without waiting for anybody: also of one that is stopped.
pub(super) fn peer(path: &Path) -> Peer {
    match connected(path) {
        Ok((pid, uid)) => match host::identify(pid) {
            Ok(Some(process)) => Peer::Server { process, uid },
            Ok(None) => Peer::Stale,
            Err(_) => Peer::Unknown,
        },
        Err(Errno::NOENT | Errno::NOTDIR | Errno::NOTSOCK | Errno::LOOP) => Peer::None,
        Err(Errno::CONNREFUSED) => Peer::Stale,
        Err(_) => Peer::Unknown,
    }
}

fn connected(path: &Path) -> Result<(u32, u32), Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    let peer = socket_peercred(&socket)?;
    let pid = u32::try_from(peer.pid.as_raw_nonzero().get()).map_err(|_| Errno::SRCH)?;
    Ok((pid, peer.uid.as_raw()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::PermissionsExt, net::UnixListener};

    use super::*;

    #[test]
    fn the_kernel_says_who_listens() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        assert_eq!(peer(&path), Peer::None);
        let listener = UnixListener::bind(&path).unwrap();
        let me = host::identify(std::process::id()).unwrap().unwrap();
        let uid = rustix::process::geteuid().as_raw();
        assert_eq!(peer(&path), Peer::Server { process: me, uid });
        assert!(file_at(&path).is_some());
        drop(listener);
        assert_eq!(peer(&path), Peer::Stale);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "no socket").unwrap();
        assert_eq!(file_at(&path), None);
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let _listener = UnixListener::bind(dir.path().join("socket")).unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(sockets_in(dir.path()).unwrap(), [dir.path().join("socket")]);
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(sockets_in(dir.path()).is_err());
        assert_eq!(sockets_in(&dir.path().join("missing")).unwrap(), Vec::<PathBuf>::new());
    }

    #[test]
    fn tmux_tmpdir_replaces_tmp() {
        let uid = rustix::process::geteuid().as_raw();
        assert_eq!(folders(None), [PathBuf::from(format!("/tmp/tmux-{uid}"))]);
        assert_eq!(folders(Some("/x".into())), [PathBuf::from(format!("/x/tmux-{uid}"))]);
    }
}
