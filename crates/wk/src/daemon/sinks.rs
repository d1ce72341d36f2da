//! Starting the sinks: what tells the world.

use std::{path::PathBuf, sync::Arc};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wk_sinks::{
    cursor::Cursor,
    lifecycle,
    rules::{self, Board, Surroundings},
};

use super::{core::Core, on_finish, world};

/// The sinks at work.
#[derive(Debug)]
pub(super) struct Sinks {
    tasks: Vec<JoinHandle<()>>,
}

/// Starts them; they go on from where they were.
pub(super) fn start(core: &Arc<Core>, board: Board, ending: &CancellationToken) -> Sinks {
    let kept = |name: &str| Cursor::new(core.places.state.join(name));
    let around = Surroundings {
        journal: core.journal.clone(),
        environment: world::daemon_environment().collect(),
        directory: std::env::var_os("HOME").map_or_else(|| "/".into(), PathBuf::from),
    };
    let asked = core.clone();
    let current = move || asked.settings().rules.clone();
    let rules = rules::run(around, kept("rules.cursor"), current, board, ending.clone());
    let finish = on_finish::run(core.clone(), kept("on-finish.cursor"), ending.clone());
    let lifecycle = write_lives(core, kept("lifecycle.cursor"), ending);
    Sinks { tasks: vec![tokio::spawn(rules), tokio::spawn(finish), lifecycle] }
}

/// The logs of lives and deaths.
fn write_lives(core: &Core, cursor: Cursor, ending: &CancellationToken) -> JoinHandle<()> {
    let log = core.settings().log.clone();
    let around = lifecycle::Surroundings {
        journal: core.journal.clone(),
        folder: core.places.state.join(super::LOG_FOLDER),
        sessions: core.places.sessions(),
        rotation: lifecycle::Rotation { max_size: log.max_size, backups: log.backups },
        user_name: world::user_name,
    };
    // Now: what is created from here on is told of from its beginning.
    let from = cursor.load(&core.journal);
    let ending = ending.clone();
    tokio::spawn(async move {
        if let Err(error) = lifecycle::run(around, cursor, from, ending).await {
            tracing::error!(%error, "the logs of lives and deaths cannot be written");
        }
    })
}

impl Sinks {
    /// Waits until all have written down how far they are.
    pub(super) async fn ended(self) {
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a sink failed");
            }
        }
    }
}
