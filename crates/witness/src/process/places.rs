//! Where a witness has its lock, socket and pins.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};

use crate::protocol;

/// The kernel's own file system for what outlives programs.
pub(crate) const BPF_MOUNT: &str = "/sys/fs/bpf";

/// What a witness has on disk.
#[derive(Clone, Debug)]
pub struct Places {
    pub folder: PathBuf,
    /// Maps and links of the recorder.
    pub pins: PathBuf,
}

impl Places {
    /// The places that belong to a folder.
    pub fn new(folder: &Path) -> Self {
        let name = if folder == Path::new(protocol::FOLDER) {
            "watchkeeper".to_owned()
        } else {
            format!("watchkeeper-{:016x}", fingerprint(folder.as_os_str().as_encoded_bytes()))
        };
        Self { folder: folder.to_owned(), pins: Path::new(BPF_MOUNT).join(name) }
    }

    /// Takes the lock; none where another witness has it.
    pub(crate) fn lock(&self) -> io::Result<Option<File>> {
        if !self.folder.is_dir() {
            fs::create_dir_all(&self.folder)?;
            fs::set_permissions(&self.folder, Permissions::from_mode(0o755))?;
        }
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let mut file = options.open(self.folder.join("witness.lock"))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                // For people and tests; the lock itself is what counts.
                file.set_len(0)?;
                writeln!(file, "{}", std::process::id())?;
                Ok(Some(file))
            }
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Listens for everybody: who they are decides what they are told.
    pub(crate) fn listen(&self) -> io::Result<UnixListener> {
        let path = protocol::socket(&self.folder);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Under another name until it answers everybody: nobody finds it before.
        let new = path.with_extension("new");
        let _ = fs::remove_file(&new);
        let listener = UnixListener::bind(&new)?;
        fs::set_permissions(&new, Permissions::from_mode(0o666))?;
        fs::rename(&new, &path)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }
}

/// FNV-1a: the same in every build.
pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
