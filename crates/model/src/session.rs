//! A session, folded from its events.
//!
//! ```text
//! Starting ──AttemptStarted──▶ Running ──AttemptExited──▶ Ended
//!     └──────AttemptExited (exec failed, never started)────▲
//! ```
//!
//! Pure: the same events in the same order always make the same session. Whatever does not
//! fit is refused and leaves the session as it was.
//!
//! Invariant: `Ended` is never left, and an attempt never starts twice.

use serde::{Deserialize, Serialize};

use crate::{
    AttemptExited, AttemptStarted, Change, Created, Ending, Event, HolderUsage, Life, Phase, Seq,
    SessionId, Status, Stopped, Time,
};

/// All that the journal knows of one session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub id: SessionId,
    pub created: Created,
    pub start_time: Time,
    pub life: Life,
    /// Counts from 1; 0 before the first attempt.
    pub attempt: u32,
    pub stop: Option<Stopped>,
    /// The cgroup v2 leaf of the latest attempt, below the mount.
    pub cgroup: Option<String>,
    /// Columns and rows of the terminal.
    pub size: Option<(u16, u16)>,
    pub gaps: u32,
    /// As the holder last reported it, at the end of an attempt.
    pub usage: Option<HolderUsage>,
    pub removed: bool,
    /// When the last event happened that this state knows of.
    pub changed_at: Time,
}

/// An event that does not fit the session's state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (event {seq}) refused: {reason}")]
pub struct Refused {
    pub seq: Seq,
    pub kind: String,
    pub reason: String,
}

impl Session {
    /// The session that a `session_created` event begins; none for any other event.
    pub fn create(event: &Event) -> Option<Self> {
        let (Change::SessionCreated(created), Some(id)) = (&event.change, event.session_id) else {
            return None;
        };
        Some(Self {
            id,
            created: Created::clone(created),
            start_time: event.at.time,
            life: Life::Starting,
            attempt: 0,
            stop: None,
            cgroup: None,
            size: None,
            gaps: 0,
            usage: None,
            removed: false,
            changed_at: event.at.time,
        })
    }

    /// Moves the session by one event; a refused event leaves it unchanged.
    ///
    /// Journals outlive the code that wrote them, so surprises are errors, not panics.
    pub fn apply(&mut self, event: &Event) -> Result<(), Refused> {
        self.change(event.at.time, &event.change).map_err(|reason| Refused {
            seq: event.seq,
            kind: event.change.kind().to_owned(),
            reason,
        })?;
        self.changed_at = self.changed_at.max(event.at.time);
        Ok(())
    }

    fn change(&mut self, time: Time, change: &Change) -> Result<(), String> {
        match change {
            Change::SessionCreated(_) => return Err("the session exists already".into()),
            Change::AttemptStarted(started) => return self.start(started),
            Change::AttemptExited(exited) => return self.exit(time, exited),
            Change::SessionResized(size) => self.size = Some((size.cols, size.rows)),
            Change::OutputGap(_) => self.gaps += 1,
            Change::SessionStopped(stopped) => return self.stop(stopped),
            Change::SessionUnreachable(_) => return self.set_reachable(false),
            Change::SessionRepaired => return self.set_reachable(true),
            Change::SessionAdopted { .. } if self.is_ended() => {
                return Err("the session has ended".into());
            }
            Change::SessionAdopted { holder: adopted } => {
                if let Life::Running { holder, reachable, .. } = &mut self.life {
                    (*holder, *reachable) = (Some(*adopted), true);
                }
            }
            Change::SessionClosed { .. } if !self.is_ended() => {
                return Err("the session has not ended".into());
            }
            Change::SessionRemoved { .. } if !self.is_ended() => {
                return Err("the session has not ended".into());
            }
            Change::SessionRemoved { .. } => self.removed = true,
            Change::SessionClosed { .. }
            | Change::TransitionRefused { .. }
            | Change::OrphanFound(_)
            | Change::OrphanEnded(_)
            | Change::ConfigReloaded
            | Change::DaemonStarted { .. }
            | Change::DaemonStopped
            | Change::JournalGap(_)
            | Change::Other { .. } => {}
        }
        Ok(())
    }

    fn start(&mut self, started: &AttemptStarted) -> Result<(), String> {
        if self.life != Life::Starting || started.attempt != self.attempt + 1 {
            let phase = self.phase();
            return Err(format!("attempt {} cannot start: session {phase}", started.attempt));
        }
        self.attempt = started.attempt;
        self.cgroup.clone_from(&started.cgroup);
        self.size = self.created.terminal.then_some((started.cols, started.rows));
        self.life = Life::Running {
            process: started.process,
            holder: Some(started.holder),
            reachable: true,
        };
        Ok(())
    }

    fn exit(&mut self, time: Time, exited: &AttemptExited) -> Result<(), String> {
        // An attempt that could not even be launched ends without having started.
        let fits = match &self.life {
            Life::Starting => exited.attempt == self.attempt + 1,
            Life::Running { .. } => exited.attempt == self.attempt,
            Life::Ended { .. } => false,
        };
        if !fits {
            let phase = self.phase();
            return Err(format!("attempt {} cannot end: session {phase}", exited.attempt));
        }
        let (kind, stopped) = (self.created.session_kind, self.stop.is_some());
        self.attempt = exited.attempt;
        self.usage = Some(exited.usage);
        self.life = Life::Ended {
            outcome: exited.ending.outcome(kind, stopped, exited.limit),
            ending: exited.ending.clone(),
            limit: exited.limit,
            at: time,
        };
        Ok(())
    }

    fn stop(&mut self, stopped: &Stopped) -> Result<(), String> {
        if self.is_ended() {
            return Err("the session has ended".into());
        }
        // The first who asked is the one who ended it.
        self.stop.get_or_insert_with(|| stopped.clone());
        Ok(())
    }

    fn set_reachable(&mut self, now: bool) -> Result<(), String> {
        match &mut self.life {
            Life::Running { reachable, .. } => *reachable = now,
            Life::Starting | Life::Ended { .. } => return Err("the session does not run".into()),
        }
        Ok(())
    }

    pub fn status(&self) -> Option<Status> {
        self.life.status()
    }

    pub fn phase(&self) -> Phase {
        self.life.phase()
    }

    pub fn is_ended(&self) -> bool {
        matches!(self.life, Life::Ended { .. })
    }

    /// When and how it ended.
    pub fn end(&self) -> Option<(Time, &Ending)> {
        match &self.life {
            Life::Ended { at, ending, .. } => Some((*at, ending)),
            Life::Starting | Life::Running { .. } => None,
        }
    }
}
