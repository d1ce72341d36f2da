//! Logs of lives and deaths, for people with `tail` and `jq`.
//!
//! ```text
//! journal ──▶ session_lifecycle.log, and lifecycle.log in the session's folder
//!        └──▶ signals and kill commands, gathered for a moment by sender ──▶ killers.log
//! ```
//!
//! Written from the journal alone, so a daemon that was away writes what it had missed. A line
//! that is in the file already is not written again.

mod context;
mod files;
mod killers;
mod line;
mod session_file;
mod strikes;
mod tmux_kill;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;
use wk_journal::Journal;
use wk_model::{Event, Seq};

use self::{files::Log, killers::Killers, strikes::GATHER};
pub use self::{files::Rotation, line::LifecycleLine};
use crate::{cursor::Cursor, follow::follow_from, outstanding::Outstanding};

/// The log of all sessions.
pub const FILE: &str = "session_lifecycle.log";

/// The log of whoever tried to end one.
pub const KILLERS: &str = "killers.log";

/// A session's own log, in its folder.
pub const SESSION_FILE: &str = "lifecycle.log";

/// Where things are, and who is who.
#[derive(Clone, Debug)]
pub struct Surroundings {
    pub journal: Journal,
    /// The folder of the logs.
    pub folder: PathBuf,
    /// The folder of the sessions' folders.
    pub sessions: PathBuf,
    pub rotation: Rotation,
    /// A user's name by number.
    pub user_name: fn(u32) -> Option<String>,
}

/// Writes until `ending`, from the event after `from`.
pub async fn run(
    around: Surroundings,
    cursor: Cursor,
    from: Seq,
    ending: CancellationToken,
) -> std::io::Result<()> {
    let handle = tokio::runtime::Handle::current();
    // Disks are slow at times: a thread that may wait for them.
    let task = tokio::task::spawn_blocking(move || {
        let writing = write(&around, &cursor, from, &ending);
        handle.block_on(writing)
    });
    task.await.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

async fn write(
    around: &Surroundings,
    cursor: &Cursor,
    from: Seq,
    ending: &CancellationToken,
) -> std::io::Result<()> {
    let mut log = Log::open(&around.folder, FILE, around.rotation)?;
    let killers = Log::open(&around.folder, KILLERS, around.rotation)?;
    let killers = Shared(Arc::new(Mutex::new(Killers::new(killers, around.user_name))));
    let outstanding = Outstanding::default();
    let take = |event: &Arc<Event>| {
        tell(around, &mut log, event);
        if killers.lock().hear(&around.journal, event, &outstanding) {
            // The first of a sender's: others of it may follow.
            let killers = killers.clone();
            tokio::spawn(async move {
                tokio::time::sleep(GATHER).await;
                let _ = tokio::task::spawn_blocking(move || killers.lock().write_due()).await;
            });
        }
    };
    follow_from(&around.journal, from, cursor, &outstanding, ending, take).await;
    killers.lock().write_all();
    Ok(())
}

fn tell(around: &Surroundings, log: &mut Log, event: &Event) {
    let Some(line) = line::of(&around.journal, event) else { return };
    let Ok(text) = serde_json::to_string(&line) else { return };
    if log.write(&line.key(), &text) {
        session_file::append(&around.sessions, line.session_id, &text);
    }
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Killers>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Killers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
