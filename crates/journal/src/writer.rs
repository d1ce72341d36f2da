//! The one thread that writes: commits in groups, then tells.
//!
//! All batches that wait, or come while it is written, become one transaction. A batch that cannot be taken is answered with
//! its reason and the others go through without it. Memory, subscribers and callers learn of
//! events only when they are on disk.

use std::{
    cell::Cell,
    fs::File,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rusqlite::Connection;
use tokio::{
    runtime::{Builder, Runtime},
    sync::{mpsc, watch},
    time::timeout,
};
use tracing::{error, warn};
use wk_model::{Change, Draft, JournalGap, Refused, Seq, SessionId, Source, Time};

use crate::{
    clock::Clock,
    error::{JournalError, Result},
    fold::Fold,
    inbox::{Batch, Inbox, Message},
    intake::{Intake, Prepared, Taken, first_seq},
    memory::{Fresh, Memory},
    open,
    rebuild::{self, RebuildReport},
    retention::{self, Trimmed},
    row, strips,
};

/// Pages of the write-ahead log after which it is worked off when nothing comes for a while ...
const CHECKPOINT_IDLE: i32 = 1000;
const IDLE: Duration = Duration::from_millis(20);
/// ... or even when something does.
const CHECKPOINT_BUSY: i32 = 16_384;

/// Strips that one commit makes at most: each takes some milliseconds.
const SEALED_AT_ONCE: usize = 2;

thread_local! {
    /// Pages in the write-ahead log after this thread's last commit.
    static WAL_PAGES: Cell<i32> = const { Cell::new(0) };
}

#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) memory: Arc<Memory>,
    first: Arc<AtomicU64>,
    pub(crate) last: watch::Sender<Seq>,
    pub(crate) clock: Clock,
    intake: Intake,
    fold: Fold,
    /// Taken in since the last commit.
    fresh: Vec<Fresh>,
    /// Events since it was last looked whether loose sessions fill a strip.
    unsealed: usize,
    lost: Option<Lost>,
    inbox: Inbox,
    /// Lets go of the journal's lock when the writer ends.
    _lock: File,
}

/// What could not be written since the disk filled up.
#[derive(Debug, Default)]
struct Lost {
    /// Without a number: nobody will send them again.
    gone: u64,
    /// Still in the outboxes of their sources.
    put_off: u64,
}

/// Why a group was rolled back; the batch that is to blame, if one is.
struct Failure {
    batch: Option<usize>,
    error: JournalError,
}

impl Writer {
    pub(crate) fn new(
        connection: Connection,
        memory: Arc<Memory>,
        first: Arc<AtomicU64>,
        last: watch::Sender<Seq>,
        inbox: mpsc::Receiver<Message>,
        lock: File,
    ) -> Self {
        Self {
            connection,
            memory,
            first,
            last,
            clock: Clock::new(),
            intake: Intake::default(),
            fold: Fold::default(),
            fresh: Vec::new(),
            // The writer before this one may have left some.
            unsealed: strips::ROWS,
            lost: None,
            inbox: Inbox { receiver: inbox, other: None },
            _lock: lock,
        }
    }

    /// Serves until the journal is closed, or nobody is left who could ask.
    pub(crate) fn run(mut self) {
        let timer = match Builder::new_current_thread().enable_time().build() {
            Ok(timer) => timer,
            Err(error) => return error!(%error, "cannot write the journal"),
        };
        self.connection.wal_hook(Some(|_, pages| {
            WAL_PAGES.set(pages);
            Ok(())
        }));
        while let Some(message) = self.next(&timer) {
            match message {
                Message::Append(batch) => self.commit(vec![batch]),
                other => self.inbox.other = Some(other),
            }
            match self.inbox.other.take() {
                None | Some(Message::Append(_)) => {}
                Some(Message::Rebuild(reply)) => drop(reply.send(self.rebuild())),
                Some(Message::Trim { before, reply }) => drop(reply.send(self.trim(before))),
                Some(Message::Close(reply)) => {
                    // From here on, callers are told that the journal is closed.
                    self.inbox.receiver.close();
                    self.checkpoint("PRAGMA wal_checkpoint(TRUNCATE)");
                    drop(self);
                    let _ = reply.send(());
                    return;
                }
                #[cfg(test)]
                Some(Message::MaxPages(pages)) => {
                    self.connection.pragma_update(None, "max_page_count", pages).unwrap();
                }
                #[cfg(test)]
                Some(Message::Panic) => panic!("a test asked for it"),
            }
            if WAL_PAGES.get() >= CHECKPOINT_BUSY {
                self.checkpoint("PRAGMA wal_checkpoint(PASSIVE)");
            }
        }
        self.checkpoint("PRAGMA wal_checkpoint(TRUNCATE)");
    }

    /// The next message; the log is worked off while there is none.
    fn next(&mut self, timer: &Runtime) -> Option<Message> {
        if WAL_PAGES.get() >= CHECKPOINT_IDLE {
            let next = async { timeout(IDLE, self.inbox.receiver.recv()).await };
            if let Ok(message) = timer.block_on(next) {
                return message;
            }
            self.checkpoint("PRAGMA wal_checkpoint(PASSIVE)");
        }
        self.inbox.receiver.blocking_recv()
    }

    /// Commits a group, without the batches that cannot be taken.
    pub(crate) fn commit(&mut self, mut group: Vec<Batch>) {
        while !group.is_empty() {
            let failure = match self.try_commit(&mut group) {
                Ok(taken) => {
                    self.publish();
                    for (batch, taken) in group.into_iter().zip(taken) {
                        // A caller that has gone away needs no answer.
                        let _ = batch.reply.send(Ok(taken));
                    }
                    return;
                }
                Err(failure) => failure,
            };
            self.roll_back();
            match failure.batch {
                Some(index) => {
                    let batch = group.remove(index);
                    let _ = batch.reply.send(Err(failure.error));
                }
                None => return self.give_up(group, &failure.error),
            }
        }
    }

    /// Folds everything again; nothing is taken in meanwhile.
    pub(crate) fn rebuild(&mut self) -> Result<RebuildReport> {
        self.fold.clear();
        let report = rebuild::rebuild(&mut self.connection)?;
        let living = row::living(&self.connection).map_err(JournalError::database("read"))?;
        self.memory.replace_living(living);
        Ok(report)
    }

    /// Forgets old events.
    fn trim(&mut self, before: Time) -> Result<Trimmed> {
        self.fold.clear();
        let first = self.first.load(Ordering::Acquire);
        let trimmed = self.try_trim(before);
        match &trimmed {
            Ok(_) => {
                self.publish();
                self.memory.recent().forget(Seq(self.first.load(Ordering::Acquire)));
            }
            Err(error) => {
                error!(%error, "cannot trim the journal");
                self.roll_back();
                self.first.store(first, Ordering::Release);
                open::note_damage(&self.connection, error);
            }
        }
        // Sources may have gone.
        self.intake = Intake::default();
        trimmed
    }

    fn try_trim(&mut self, before: Time) -> Result<Trimmed> {
        let failed = JournalError::database("trim");
        self.connection.execute_batch("BEGIN IMMEDIATE").map_err(&failed)?;
        let Some(plan) = retention::plan(&self.connection, before).map_err(&failed)? else {
            self.connection.execute_batch("ROLLBACK").map_err(&failed)?;
            return Ok(Trimmed::default());
        };
        for id in &plan.summarised {
            if let Some(summary) = retention::summary(&self.connection, *id).map_err(&failed)? {
                let change = Change::SessionSummarised(Box::new(summary));
                let summary = self.own(Some(*id), change)?;
                self.take(summary)?;
            }
        }
        for (session, refused) in self.fold.flush(&self.connection)? {
            self.refuse(session, refused)?;
        }
        let trimmed = retention::trim(&self.connection, plan).map_err(&failed)?;
        // Shown before it is so: whoever reads what is gone by then finds out.
        self.first.store(first_seq(&self.connection)?.0, Ordering::Release);
        self.connection.execute_batch("COMMIT").map_err(&failed)?;
        Ok(trimmed)
    }

    fn try_commit(&mut self, group: &mut Vec<Batch>) -> Result<Vec<Vec<Taken>>, Failure> {
        let failed = |error| Failure { batch: None, error };
        let sql = |sql| {
            move |writer: &Self| {
                writer.connection.execute_batch(sql).map_err(JournalError::database("append to"))
            }
        };
        sql("BEGIN IMMEDIATE")(self).map_err(failed)?;
        if let Some(lost) = &self.lost {
            let gap = self.own(None, Change::JournalGap(lost.gap())).map_err(failed)?;
            self.take(gap).map_err(failed)?;
        }
        let mut taken = Vec::with_capacity(group.len());
        // Whoever comes while others are written joins them: no one waits for that, and the
        // busier the journal, the fewer its commits.
        while taken.len() < group.len() || self.inbox.join(group) {
            let index = taken.len();
            taken.push(self.take_batch(&mut group[index]).map_err(|error| blame(index, error))?);
        }
        let refusals = self.fold.flush(&self.connection).map_err(failed)?;
        for (session, refused) in refusals {
            self.refuse(session, refused).map_err(failed)?;
        }
        self.seal().map_err(failed)?;
        sql("COMMIT")(self).map_err(failed)?;
        self.lost = None;
        Ok(taken)
    }

    /// Looks for loose sessions only when enough has happened that there may be some.
    fn seal(&mut self) -> Result<()> {
        self.unsealed += self.fresh.len();
        if self.unsealed < strips::ROWS {
            return Ok(());
        }
        // Much may have gone loose at once: those who wait now wait for a part of it.
        let more = strips::seal(&self.connection, SEALED_AT_ONCE);
        self.unsealed = match more.map_err(JournalError::database("append to"))? {
            true => strips::ROWS,
            false => 0,
        };
        Ok(())
    }

    fn take_batch(&mut self, batch: &mut Batch) -> Result<Vec<Taken>> {
        let recorded_at = crate::clock::now();
        let mut taken = Vec::with_capacity(batch.drafts.len());
        for draft in &mut batch.drafts {
            taken.push(self.take_at(draft, recorded_at)?);
        }
        Ok(taken)
    }

    fn take_at(&mut self, draft: &mut Prepared, recorded_at: wk_model::Time) -> Result<Taken> {
        let taken = self.intake.take(&self.connection, draft, recorded_at)?;
        if let Taken::New(_) = taken {
            let event = Arc::clone(&draft.event);
            self.fresh.push(Fresh { event: Arc::clone(&event), bytes: draft.data.len() });
            let boot = self
                .intake
                .boot(&self.connection, event.at.boot)
                .map_err(JournalError::database("append to"))?;
            if let Some(refused) = self.fold.take(&self.connection, &event, boot)?
                && let Some(session) = event.session_id
            {
                self.refuse(session, refused)?;
            }
        }
        Ok(taken)
    }

    fn take(&mut self, mut draft: Prepared) -> Result<Taken> {
        self.take_at(&mut draft, crate::clock::now())
    }

    /// Journals that a session could not be moved.
    fn refuse(&mut self, session: SessionId, refused: Refused) -> Result<()> {
        warn!(%session, %refused, "an event does not fit its session");
        let Refused { seq, kind: refused, reason } = refused;
        let change = Change::TransitionRefused { seq, refused, reason };
        let draft = self.own(Some(session), change)?;
        self.take(draft).map(drop)
    }

    /// An event of the journal's own.
    fn own(&self, session_id: Option<SessionId>, change: Change) -> Result<Prepared> {
        Prepared::new(Draft {
            at: self.clock.moment(),
            session_id,
            source: Source::daemon(),
            source_seq: None,
            trace_parent: None,
            change,
        })
    }

    /// Shows what is now on disk to readers and subscribers.
    fn publish(&mut self) {
        self.memory.show(self.fold.committed());
        let Some(last) = self.fresh.last().map(|fresh| fresh.event.seq) else { return };
        self.memory.recent().extend(self.fresh.drain(..));
        self.last.send_replace(last);
    }

    fn roll_back(&mut self) {
        // SQLite has done so already where the disk is full.
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            error!(%error, "cannot roll back");
        }
        self.fresh.clear();
        self.fold.roll_back();
        self.intake = Intake::default();
    }

    fn give_up(&mut self, group: Vec<Batch>, error: &JournalError) {
        error!(%error, batches = group.len(), "events are not journalled");
        if let JournalError::Full { .. } = error {
            let lost = self.lost.get_or_insert_default();
            for draft in group.iter().flat_map(|batch| &batch.drafts) {
                *(if draft.number.is_some() { &mut lost.put_off } else { &mut lost.gone }) += 1;
            }
        }
        open::note_damage(&self.connection, error);
        for batch in group {
            let _ = batch.reply.send(Err(error.clone()));
        }
    }

    fn checkpoint(&mut self, sql: &str) {
        if let Err(error) = self.connection.query_row(sql, [], |_| Ok(())) {
            warn!(%error, "cannot checkpoint the journal");
        }
        WAL_PAGES.set(0);
    }
}

impl Lost {
    fn gap(&self) -> JournalGap {
        let put_off = match self.put_off {
            0 => String::new(),
            n => format!("; {n} more are kept by their sources"),
        };
        JournalGap {
            events: Some(self.gone),
            reason: format!("the disk was full or failing{put_off}"),
        }
    }
}

/// A batch answers for what it says, not for the disk that it fell on.
fn blame(index: usize, error: JournalError) -> Failure {
    let own = matches!(error, JournalError::Duplicate { .. } | JournalError::BadDraft { .. });
    Failure { batch: own.then_some(index), error }
}
