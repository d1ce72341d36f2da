//! Folds events into sessions as they are taken in.
//!
//! A session's events are folded in the order in which they happened (boot, boot-time clock,
//! then journal), not in which they came, since sources outlive daemons. One that comes in
//! order moves the session at once; a late one has that session folded anew.
//!
//! The entries repeat what the tables hold; those touched by a failed commit are dropped.

use std::{
    collections::{
        HashMap, HashSet,
        hash_map::Entry::{Occupied, Vacant},
    },
    sync::Arc,
};

use rusqlite::{Connection, params};
use wk_model::{Change, Event, Refused, Seq, Session, SessionId};

use crate::{
    error::{JournalError, Result},
    refold::{Range, refold},
    row::{self, Stored},
    stored::{integer, session_id},
};

/// Ended sessions that stay at hand for their last events.
const CACHED_ENDED: usize = 1024;

/// When an event happened, for the order of folding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) boot: i64,
    pub(crate) boot_ns: u64,
    pub(crate) seq: Seq,
}

/// How an event takes part in the fold of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Folded before all others, whenever it came.
    Begins,
    /// Folded in order.
    Moves,
    /// Stands for all that came before it.
    Summarises,
    /// Gives the same in any order.
    Touches,
    /// About a session, but no part of it.
    None,
}

impl Part {
    pub(crate) fn of(change: &Change) -> Self {
        match change {
            Change::SessionCreated(_) => Self::Begins,
            Change::SessionSummarised(_) => Self::Summarises,
            Change::SessionQueued(_)
            | Change::SessionAdmitted(_)
            | Change::AttemptStarted(_)
            | Change::SessionRecovering(_)
            | Change::SessionParked(_)
            | Change::SessionRestarted(_)
            | Change::HealthChanged(_)
            | Change::SessionResized(_)
            | Change::AttemptExited(_)
            | Change::SessionAdopted { .. }
            | Change::SessionUnreachable(_)
            | Change::SessionRepaired
            | Change::SessionStopped(_)
            | Change::SessionClosed { .. }
            | Change::SessionRemoved { .. }
            | Change::VerdictReached(_)
            | Change::SessionRenamed { .. }
            | Change::SessionIdentified(_)
            | Change::SessionDescribed { .. }
            | Change::TokensCounted(_) => Self::Moves,
            Change::OutputGap(_)
            | Change::LimitWarning(_)
            | Change::LimitExceeded(_)
            | Change::OrphanFound(_)
            | Change::OrphanEnded(_)
            | Change::OnFinishStarted(_)
            | Change::OnFinishEnded(_)
            | Change::BreakerOpened(_)
            | Change::BreakerClosed(_)
            | Change::ConfigReloaded
            | Change::DaemonStarted { .. }
            | Change::DaemonStopped
            | Change::JournalGap(_)
            | Change::Other { .. } => Self::Touches,
            Change::TransitionRefused { .. }
            | Change::SessionDeathDetected(_)
            | Change::MassDeath(_)
            | Change::SignalSeen(_)
            | Change::ExitSeen(_)
            | Change::OomVictimSeen(_)
            | Change::CommandSeen(_)
            | Change::WitnessStarted(_)
            | Change::WitnessLost(_)
            | Change::TmuxServerSeen(_)
            | Change::TmuxServerGone(_)
            | Change::TmuxHealth(_)
            | Change::TmuxLayoutChanged(_)
            | Change::ToolStarted(_)
            | Change::ToolFinished(_)
            | Change::Prompt(_)
            | Change::Compaction(_)
            | Change::PermissionWaited(_)
            | Change::SubagentStarted(_)
            | Change::SubagentFinished(_)
            | Change::Hook(_)
            | Change::ShellCommand(_) => Self::None,
        }
    }
}

/// The sessions at hand.
#[derive(Debug, Default)]
pub(crate) struct Fold {
    entries: HashMap<SessionId, Entry>,
    /// Touched since the last commit.
    touched: HashSet<SessionId>,
}

#[derive(Debug)]
struct Entry {
    /// As the tables hold it.
    stored: Option<Stored>,
    session: Arc<Session>,
    position: Position,
    /// To be folded anew, for these events that came since the last commit.
    late: Option<Vec<Seq>>,
}

impl Fold {
    /// Moves the event's session by it. The event is in its table already.
    pub(crate) fn take(
        &mut self,
        connection: &Connection,
        event: &Event,
        boot: i64,
    ) -> Result<Option<Refused>> {
        let part = Part::of(&event.change);
        let Some(id) = event.session_id.filter(|_| part != Part::None) else {
            return Ok(None);
        };
        if part == Part::Summarises {
            row::note_summary(connection, id, event.seq)?;
        }
        let entry = match self.entries.entry(id) {
            Occupied(entry) => entry.into_mut(),
            Vacant(entry) => {
                let stored = row::load(connection, id);
                match stored.map_err(JournalError::database("read a session from"))? {
                    Some(stored) => entry.insert(Entry::from(stored)),
                    None => return self.begin(connection, id, event).map(|()| None),
                }
            }
        };
        if part == Part::Begins {
            row::note_repeated(connection, id, event.seq)?;
        }
        self.touched.insert(id);
        let position = Position { boot, boot_ns: event.at.boot_ns, seq: event.seq };
        Ok(entry.take(event, part, position).err())
    }

    /// Folds anew what is late and writes all that changed; tells of new events refused late.
    pub(crate) fn flush(&mut self, connection: &Connection) -> Result<Vec<(SessionId, Refused)>> {
        let mut refusals = Vec::new();
        for id in &self.touched {
            let Some(entry) = self.entries.get_mut(id) else { continue };
            if let Some(late) = entry.late.take() {
                let refused = entry.fold_anew(connection, *id)?;
                let new = refused.into_iter().filter(|refused| late.contains(&refused.seq));
                refusals.extend(new.map(|refused| (*id, refused)));
            }
            entry.write(connection).map_err(JournalError::database("write a session to"))?;
        }
        refusals.sort_by_key(|(_, refused)| refused.seq);
        Ok(refusals)
    }

    /// After a commit: the sessions that it touched.
    pub(crate) fn committed(&mut self) -> Vec<Arc<Session>> {
        let touched: Vec<_> = self
            .touched
            .drain()
            .filter_map(|id| self.entries.get(&id).map(|entry| Arc::clone(&entry.session)))
            .collect();
        let ended = self.entries.values().filter(|entry| entry.session.is_ended());
        if ended.count() > CACHED_ENDED {
            self.entries.retain(|_, entry| !entry.session.is_ended());
        }
        touched
    }

    /// After a failed commit: forgets what it had changed.
    pub(crate) fn roll_back(&mut self) {
        for id in self.touched.drain() {
            self.entries.remove(&id);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.touched.clear();
    }

    fn begin(&mut self, connection: &Connection, id: SessionId, event: &Event) -> Result<()> {
        let Some(session) = Session::create(event) else {
            return row::await_creation(connection, id);
        };
        if let Some(key) = &session.created.idempotency_key {
            take_key(connection, key, id)?;
        }
        let summarised = Part::of(&event.change) == Part::Summarises;
        let early = row::was_awaited(connection, id)? || summarised;
        let (session, position) = (Arc::new(session), Position::default());
        let late = early.then(Vec::new);
        self.entries.insert(id, Entry { stored: None, session, position, late });
        self.touched.insert(id);
        Ok(())
    }
}

impl Entry {
    fn take(&mut self, event: &Event, part: Part, position: Position) -> Result<(), Refused> {
        if let Some(late) = &mut self.late {
            late.push(event.seq);
            return Ok(());
        }
        if part == Part::Summarises {
            // It says what was known already; whatever it says, a replay begins with it.
            self.late = Some(Vec::new());
            return Ok(());
        }
        if part == Part::Moves {
            if position < self.position {
                self.late = Some(vec![event.seq]);
                return Ok(());
            }
            self.position = position;
        }
        Arc::make_mut(&mut self.session).apply(event)
    }

    fn fold_anew(&mut self, connection: &Connection, id: SessionId) -> Result<Vec<Refused>> {
        let range = Range::all(connection)?;
        let Some(folded) = refold(connection, id, range)? else { return Ok(Vec::new()) };
        (self.session, self.position) = (Arc::new(folded.session), folded.position);
        Ok(folded.refused)
    }

    fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let row = match &self.stored {
            Some(stored) => {
                row::update(connection, stored, &self.session, self.position)?;
                stored.row
            }
            None => row::insert(connection, &self.session, self.position)?,
        };
        let session = Arc::clone(&self.session);
        self.stored = Some(Stored { row, position: self.position, session });
        Ok(())
    }
}

impl From<Stored> for Entry {
    fn from(stored: Stored) -> Self {
        let (session, position) = (Arc::clone(&stored.session), stored.position);
        Self { stored: Some(stored), session, position, late: None }
    }
}

/// Gives an idempotency key to a session, unless another has it.
pub(crate) fn take_key(connection: &Connection, key: &str, id: SessionId) -> Result<()> {
    let failed = JournalError::database("write an idempotency key to");
    let number = integer(id.number());
    let owner: i64 = connection
        .prepare_cached(
            "INSERT INTO idempotency (key, session_id) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET session_id = session_id RETURNING session_id",
        )
        .and_then(|mut insert| insert.query_row(params![key, number], |row| row.get(0)))
        .map_err(failed)?;
    if owner == number {
        Ok(())
    } else {
        Err(JournalError::Duplicate { session_id: session_id(owner) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_touches_a_session_is_never_refused() {
        for session in crate::testing::sessions_in_each_state() {
            for change in crate::testing::every_change() {
                if Part::of(&change) == Part::Touches {
                    let event = crate::testing::event(session.id, change.clone());
                    assert_eq!(session.clone().apply(&event), Ok(()), "{change:?}");
                }
            }
        }
    }
}
