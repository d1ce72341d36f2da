//! Why the journal could not do something.

use std::{io, path::PathBuf, sync::Arc};

use rusqlite::ErrorCode;
use wk_model::{Seq, SessionId};

pub(crate) type Result<T, E = JournalError> = std::result::Result<T, E>;

/// Why the journal could not do something. One failed commit answers many callers: cheap to clone.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    #[error("cannot {action} `{}`", path.display())]
    File { action: &'static str, path: PathBuf, source: Arc<io::Error> },
    #[error("cannot {action} the journal")]
    Database { action: &'static str, source: Arc<rusqlite::Error> },
    #[error("the journal has schema {found}, this wk reads up to {known}: use a newer wk")]
    TooNew { found: u32, known: u32 },
    #[error("`{}` is a database of another program", path.display())]
    Foreign { path: PathBuf },
    #[error("the journal `{}` is open in another process", path.display())]
    InUse { path: PathBuf },
    /// Nothing of the batch was written; its turn comes again when there is room.
    #[error("the disk of the journal is full or failing")]
    Full { source: Arc<rusqlite::Error> },
    #[error("the journal is damaged: {detail}")]
    Corrupt { detail: String },
    #[error("session {session_id} was created with that idempotency key")]
    Duplicate { session_id: SessionId },
    #[error("cannot journal an event: {reason}")]
    BadDraft { reason: String },
    #[error("events before {first} are not kept any more")]
    Trimmed { first: Seq },
    #[error("session {session_id} is not in the journal")]
    NoSuchSession { session_id: SessionId },
    #[error("the journal is closed")]
    Closed,
}

impl JournalError {
    /// Gives an SQLite error its meaning, for use in `map_err`.
    pub(crate) fn database(action: &'static str) -> impl Fn(rusqlite::Error) -> Self {
        move |error| match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => {
                Self::Full { source: Arc::new(error) }
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt { detail: format!("cannot {action}: {error}") }
            }
            _ => Self::Database { action, source: Arc::new(error) },
        }
    }

    pub(crate) fn file(action: &'static str, path: &std::path::Path, error: io::Error) -> Self {
        Self::File { action, path: path.to_owned(), source: Arc::new(error) }
    }
}
