//! What the kernel's witness tells: has it watch the sessions' processes, and journals what it
//! saw of them.
//!
//! ```text
//! journal ──attempts──▶ desk ──watch──▶ link ──▶ wk-witness
//!    ▲───────records──────┘◀──reports───┘
//! ```
//!
//! A witness outlives daemons, and records outlive witnesses: what is told twice is journalled
//! once, by its generation and number.

mod command;
mod program;

pub(super) use self::program::first_try;
pub(crate) use self::program::{WITNESS_LOG, last_words, witness_command};

use std::{
    collections::{HashMap, VecDeque},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use wk_journal::{JournalError, Subscription};
use wk_model::{Change, Draft, Event, Life, Moment, ProcessId, SessionId, Source};
use wk_sources::{
    until,
    witness::{Looking, Report, Witness},
};
use wk_witness::protocol;

use super::{
    core::{AGAIN, Core, draft},
    mailbox::Mailbox,
};

/// How long a process that has ended is still watched: what is below it may die later.
const MOURNING: Duration = Duration::from_secs(30);

/// Reports that may wait for the journal, and those that it gets at once.
const WAITING: usize = 1024;
const BATCH: usize = 256;

/// How long the witness may take to tell what it has.
const PATIENCE: Duration = Duration::from_millis(200);

/// Asks the witness, and knows whose the watched processes are.
#[derive(Debug)]
pub(super) struct Desk {
    link: Witness,
    reports: Mutex<Option<mpsc::Receiver<Report>>>,
    questions: Mailbox<oneshot::Sender<()>>,
    owners: Mutex<HashMap<ProcessId, Owner>>,
    /// A witness was heard, or could not be started.
    tried: watch::Sender<bool>,
    /// When records were lost, last.
    lost: AtomicU64,
    /// Why the program of the witness could not be started.
    trouble: Mutex<Option<String>>,
}

/// Whose a watched process is.
#[derive(Clone, Copy, Debug)]
struct Owner {
    /// None: of no session, as a tmux server.
    session_id: Option<SessionId>,
    /// Its holder tells how it ends.
    held: bool,
}

impl Desk {
    /// Begins to look for the witness. Within a runtime.
    pub(super) fn new(folder: &std::path::Path) -> Self {
        let (out, reports) = mpsc::channel(WAITING);
        Self {
            link: Witness::start(protocol::socket(folder), out),
            reports: Mutex::new(Some(reports)),
            questions: Mailbox::new(16),
            owners: Mutex::default(),
            tried: watch::Sender::new(false),
            lost: AtomicU64::new(0),
            trouble: Mutex::default(),
        }
    }

    /// Has a process watched, and all below it; what happens is journalled with the session.
    pub(super) fn watch_for(&self, process: ProcessId, session_id: Option<SessionId>) {
        self.watch(process, Owner { session_id, held: false });
    }

    fn watch(&self, process: ProcessId, owner: Owner) {
        self.owners().insert(process, owner);
        self.link.watch(process);
    }

    pub(super) fn unwatch(&self, process: ProcessId) {
        self.owners().remove(&process);
        self.link.unwatch(process);
    }

    /// Waits until everything that the witness has seen before this call is in the journal;
    /// false where that takes too long, or nobody looks on.
    pub(super) async fn sync(&self) -> bool {
        if !self.link.sync(PATIENCE).await {
            return false;
        }
        let (done, journalled) = oneshot::channel();
        self.questions.send(done).await && journalled.await.is_ok()
    }

    /// Since when the witness looks on; an error says why it does not.
    pub(super) fn coverage(&self) -> Result<Looking, String> {
        self.link.coverage().map_err(|why| match &*self.trouble() {
            Some(trouble) => format!("{why}; {trouble}"),
            None => why,
        })
    }

    /// Whether records were lost since this moment of the boot.
    pub(super) fn lost_since(&self, boot_ns: u64) -> bool {
        self.lost.load(Ordering::Relaxed) > boot_ns
    }

    fn owners(&self) -> MutexGuard<'_, HashMap<ProcessId, Owner>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// None: nobody needs to know.
    fn draft(&self, report: Report) -> Option<Draft> {
        Some(match report {
            Report::Started(started) => draft(None, Change::WitnessStarted(started)),
            Report::Lost(lost) => {
                if lost.records.is_some() {
                    self.lost.store(wk_holder::host::now().boot_ns, Ordering::Relaxed);
                }
                draft(None, Change::WitnessLost(lost))
            }
            Report::Record { generation, number, at, change } => {
                let owner = self.owner_of(&change);
                let is_told = match &change {
                    Change::ExitSeen(seen) => {
                        seen.code == Some(0) && owner.is_some_and(|owner| owner.held)
                    }
                    Change::CommandSeen(seen) => command::only_reads(&seen.process),
                    _ => false,
                };
                if is_told {
                    return None;
                }
                let session_id = owner.and_then(|owner| owner.session_id);
                record(&generation, number, at, session_id, change)
            }
        })
    }

    fn owner_of(&self, change: &Change) -> Option<Owner> {
        let target = match change {
            Change::SignalSeen(seen) => &seen.target,
            Change::ExitSeen(seen) => &seen.target,
            Change::OomVictimSeen(seen) => &seen.target,
            _ => return None,
        };
        self.owners().get(&target.root).copied()
    }
}

fn record(
    generation: &str,
    number: u64,
    at: Moment,
    session_id: Option<SessionId>,
    change: Change,
) -> Draft {
    Draft {
        at,
        session_id,
        source: Source::witness(generation),
        source_seq: Some(number),
        trace_parent: None,
        change,
    }
}

/// Has everything watched that lives now. To be called before anybody finds out what has ended
/// meanwhile: the witness may know how.
pub(super) fn take_stock(core: &Core) -> Subscription {
    let events = core.journal.subscribe(core.journal.last(), None);
    for session in core.journal.live() {
        if let Life::Running { process, holder, .. } = &session.life {
            for process in [process.as_ref(), holder.as_ref()].into_iter().flatten() {
                let owner = Owner { session_id: Some(session.id), held: holder.is_some() };
                core.witness.watch(*process, owner);
            }
        }
    }
    events
}

/// Runs until the daemon ends.
pub(super) async fn run(core: Arc<Core>, events: Subscription, ending: CancellationToken) {
    let reports = core.witness.reports.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (Some(reports), Some(asked)) = (reports, core.witness.questions.open()) else { return };
    let keeper = tokio::spawn(program::keep(core.clone(), ending.clone()));
    Intake { core, reports, mourned: VecDeque::new() }.run(events, asked, &ending).await;
    keeper.abort();
}

struct Intake {
    core: Arc<Core>,
    reports: mpsc::Receiver<Report>,
    /// Processes that have ended, and until when they are watched.
    mourned: VecDeque<(Instant, ProcessId)>,
}

impl Intake {
    async fn run(
        mut self,
        mut events: Subscription,
        mut asked: mpsc::Receiver<oneshot::Sender<()>>,
        ending: &CancellationToken,
    ) {
        loop {
            let due = self.mourned.front().map(|(due, _)| *due);
            tokio::select! {
                () = ending.cancelled() => return,
                heard = events.next() => match heard {
                    Ok(heard) => heard.iter().for_each(|event| self.hear(event)),
                    Err(JournalError::Closed) => return,
                    Err(error) => {
                        tracing::warn!(%error, "the witness goes on from the sessions as they are");
                        sleep(AGAIN).await;
                        events = take_stock(&self.core);
                    }
                },
                Some(report) = self.reports.recv() => self.take_in(Some(report)).await,
                Some(done) = asked.recv() => {
                    self.take_in(None).await;
                    // Its patience may have ended.
                    let _ = done.send(());
                }
                () = until(due) => self.let_go(),
            }
        }
    }

    fn hear(&mut self, event: &Event) {
        let Some(session_id) = event.session_id else { return };
        match &event.change {
            Change::AttemptStarted(started) => {
                let owner = Owner { session_id: Some(session_id), held: started.holder.is_some() };
                for process in [started.process, started.holder].into_iter().flatten() {
                    // What a client tells of may be a session's own: that keeps it.
                    if !self.core.witness.owners().contains_key(&process) {
                        self.core.witness.watch(process, owner);
                    }
                }
            }
            Change::AttemptExited(_) => {
                let owners = self.core.witness.owners();
                let of_it = owners.iter().filter(|(_, owner)| owner.session_id == Some(session_id));
                let due = Instant::now() + MOURNING;
                self.mourned.extend(of_it.map(|(process, _)| (due, *process)));
            }
            _ => {}
        }
    }

    fn let_go(&mut self) {
        let now = Instant::now();
        while let Some((_, process)) = self.mourned.pop_front_if(|(due, _)| *due <= now) {
            // A tmux session's pane lives on after an attempt of something else.
            if wk_holder::host::liveness(&process) == wk_model::Liveness::Dead {
                self.core.witness.unwatch(process);
            }
        }
    }

    /// Journals a report, and all that wait behind it.
    async fn take_in(&mut self, first: Option<Report>) {
        let mut next = first;
        loop {
            let more = std::iter::from_fn(|| self.reports.try_recv().ok());
            let batch: Vec<Report> = next.take().into_iter().chain(more).take(BATCH).collect();
            if batch.is_empty() {
                return;
            }
            let drafts = batch.into_iter().filter_map(|report| self.core.witness.draft(report));
            let drafts: Vec<Draft> = drafts.collect();
            if drafts.is_empty() {
                continue;
            }
            while let Err(error) = self.core.journal.append(drafts.clone()).await {
                match error {
                    JournalError::Full { .. } => sleep(AGAIN).await,
                    error => {
                        tracing::error!(%error, "could not journal what the witness saw");
                        break;
                    }
                }
            }
        }
    }
}

/// The program of the witness: `WK_WITNESS`, else `wk-witness` beside this program.
pub(crate) fn witness_program() -> anyhow::Result<PathBuf> {
    match std::env::var_os("WK_WITNESS") {
        Some(named) => Ok(PathBuf::from(named)),
        None => Ok(super::own_program()?.with_file_name("wk-witness")),
    }
}
