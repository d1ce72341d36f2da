//! When each agent's hooks were last heard, for `wk doctor`: kept over a daemon's end, and told
//! without one.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use wk_agents::agent::Agent;

/// Said no more often than this.
const OFTEN: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct LastHeard {
    folder: PathBuf,
    said: HashMap<Agent, Instant>,
}

impl LastHeard {
    pub(super) fn new(state: &Path) -> Self {
        Self { folder: folder(state), said: HashMap::new() }
    }

    /// A hook of this agent has arrived.
    pub(super) fn note(&mut self, agent: &str) {
        let Ok(agent) = agent.parse::<Agent>() else { return };
        if self.said.get(&agent).is_some_and(|said| said.elapsed() < OFTEN) {
            return;
        }
        self.said.insert(agent, Instant::now());
        let say = || {
            fs::create_dir_all(&self.folder)?;
            fs::write(self.folder.join(agent.as_str()), "")
        };
        if let Err(error) = say() {
            tracing::debug!(%error, "cannot say that a hook was heard");
        }
    }
}

/// When a hook of an agent was last heard, to the minute.
pub(crate) fn last_heard(state: &Path, agent: &str) -> Option<SystemTime> {
    fs::metadata(folder(state).join(agent)).ok()?.modified().ok()
}

fn folder(state: &Path) -> PathBuf {
    state.join("hook-settings/heard")
}
