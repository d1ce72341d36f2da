//! The protocol between the witness and a peer, over a Unix stream socket: one JSON object per
//! line. See `docs/witness.md`.
//!
//! A peer says [`Ask::Hello`] first. Records come in the order of their numbers; each is told at
//! most once per connection, unless the peer asks for a replay.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wk_model::{Change, Moment, ProcessId};

/// What this code speaks.
pub const VERSION: u32 = 1;

/// A longer line of a peer ends the connection.
pub const MAX_ASK: usize = 4096;

/// No record is longer than this as a line.
pub const MAX_TOLD: usize = 256 << 10;

/// Watched processes that one peer may have.
pub const MAX_ROOTS: usize = 20_000;

/// What a witness exits with where another one has the lock.
pub const TAKEN: u8 = 75;

/// Where the witness of a machine is.
pub const FOLDER: &str = "/run/watchkeeper";

/// To the witness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    Hello {
        version: u32,
    },
    /// Tell of this process and all below it. One that has ended is watched in the past.
    Watch {
        process: ProcessId,
    },
    Unwatch {
        process: ProcessId,
    },
    /// Tell all records that are still kept, from the one after `after` on.
    Replay {
        #[serde(default)]
        after: u64,
    },
    /// Whether to tell of tmux clients that the peer's user starts.
    Commands {
        wanted: bool,
    },
    /// Answer when all is told that was seen before this was sent.
    Sync {
        number: u64,
    },
}

/// From the witness.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "told", rename_all = "snake_case")]
pub enum Told {
    Welcome {
        version: u32,
        /// Of the program.
        program: String,
        /// Another one means that numbers begin anew.
        generation: String,
        /// When the recorder began; what happened since is in it, or was lost and said so.
        started: Moment,
        /// Records about this user's processes that were not written, all in all.
        dropped: u64,
        /// What of the kernel cannot be seen here.
        #[serde(default)]
        missing: Vec<String>,
    },
    Record {
        number: u64,
        at: Moment,
        change: Change,
    },
    /// Records that this peer might have been told are gone.
    Lost {
        records: u64,
        reason: String,
    },
    Synced {
        number: u64,
    },
    /// What was asked is not done; the connection goes on.
    Refused {
        reason: String,
        #[serde(default)]
        process: Option<ProcessId>,
    },
}

/// The socket of the witness in a folder.
pub fn socket(folder: &Path) -> PathBuf {
    folder.join("witness.sock")
}

/// The folder of the witness: `WK_WITNESS_DIR`, else the machine's.
pub fn folder() -> PathBuf {
    match std::env::var_os("WK_WITNESS_DIR") {
        Some(named) if !named.is_empty() => PathBuf::from(named),
        _ => PathBuf::from(FOLDER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_stable() {
        let process = ProcessId { boot: Default::default(), pid: 7, start_time: 42 };
        let id = r#"{"boot":"00000000-0000-0000-0000-000000000000","pid":7,"start_time":42}"#;
        for (ask, text) in [
            (Ask::Hello { version: 1 }, r#"{"ask":"hello","version":1}"#.to_owned()),
            (Ask::Watch { process }, format!(r#"{{"ask":"watch","process":{id}}}"#)),
            (Ask::Replay { after: 3 }, r#"{"ask":"replay","after":3}"#.to_owned()),
            (Ask::Commands { wanted: true }, r#"{"ask":"commands","wanted":true}"#.to_owned()),
            (Ask::Sync { number: 9 }, r#"{"ask":"sync","number":9}"#.to_owned()),
        ] {
            assert_eq!(serde_json::to_string(&ask).unwrap(), text);
            assert_eq!(serde_json::from_str::<Ask>(&text).unwrap(), ask);
        }
        let told = Told::Synced { number: 9 };
        assert_eq!(serde_json::to_string(&told).unwrap(), r#"{"told":"synced","number":9}"#);
    }
}
