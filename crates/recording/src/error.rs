//! Why a recording cannot be written or read.

use std::io;
use std::path::PathBuf;

/// Why something was not recorded; the recording itself stays whole.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    #[error("cannot prepare recording folder `{}`", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("cannot learn where the recording in `{}` ended", path.display())]
    Past { path: PathBuf, source: ReadError },
    #[error("cannot start recording segment `{}`", path.display())]
    Start { path: PathBuf, source: io::Error },
    #[error("cannot drop recording segment `{}`", path.display())]
    Drop { path: PathBuf, source: io::Error },
    #[error("cannot write to recording segment `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("recording segment `{}` is full and no new one was started", path.display())]
    Full { path: PathBuf },
}

/// Why a part of a recording could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("cannot list recording folder `{}`", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("cannot read recording segment `{}`", path.display())]
    Segment { path: PathBuf, source: io::Error },
    /// Reading goes on behind the damage.
    #[error("line {line} of recording segment `{}` is damaged: {why}", path.display())]
    Damaged { path: PathBuf, line: u64, why: String },
    #[error("recording folder `{}` holds nothing that can be read", path.display())]
    Empty { path: PathBuf },
    #[error("cannot write the exported recording")]
    Export { source: io::Error },
}
