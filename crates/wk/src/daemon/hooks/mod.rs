//! Agents and shells that tell of themselves become sessions: watched, never ended unasked.
//!
//! ```text
//! sources::hooks ──told──▶ take ──▶ drafts ──▶ journal, one commit for all that waited
//! tmux ──found──▶ begin      └───▶ book: who lives, by process and by the agent's own id
//! pidfds ──gone──▶ end
//! ```
//!
//! An agent that was found in a pane and one that calls hooks is one session: this is the only
//! place where agents become sessions. A record is removed once the journal has what it told,
//! and known by its number if a daemon was killed in between.

mod attribute;
mod begin;
mod book;
mod end;
mod excerpt;
mod last;
mod shell;
mod take;
mod tools;

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, mpsc},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use wk_hook::{places, session_file::SessionFiles, settings::HookSettings};
use wk_journal::JournalError;
use wk_model::{Draft, ProcessId, SessionId, Source};
use wk_sources::{
    hooks::{Inbox, Taken},
    tmux::Agent,
    until,
};

pub(crate) use self::last::last_heard;
use self::take::Taker;
pub(super) use self::tools::recent as recent_tools;
use super::{
    core::{AGAIN, Core},
    mailbox::Mailbox,
};
use crate::config::Settings;

/// What others have found and may wait to be heard of.
const WAITING: usize = 1024;

/// A cleanup of more session files than this is worth a warning.
const MANY: usize = 10;

/// What the daemon knows of hooks.
#[derive(Debug)]
pub(super) struct Hooks {
    found: Mailbox<Found>,
    /// The settings are others.
    changed: Notify,
}

/// What somebody else has found.
#[derive(Debug)]
pub(super) enum Found {
    /// An agent runs in a session.
    Agent { agent: Agent, parent: SessionId, uid: u32 },
    /// Somebody has closed a session's record.
    Closed(SessionId),
}

impl Default for Hooks {
    fn default() -> Self {
        Self { found: Mailbox::new(WAITING), changed: Notify::new() }
    }
}

impl Hooks {
    /// Tells of something that was found; false: tell again later.
    pub(super) fn tell(&self, found: Found) -> bool {
        self.found.tell(found)
    }
}

/// A process that was watched has ended.
#[derive(Clone, Copy, Debug)]
struct Gone {
    process: ProcessId,
    at: wk_model::Moment,
    exit: Option<wk_sources::tmux::Exit>,
    /// It lived when the watch began: it ended just now.
    seen: bool,
}

/// Runs until the daemon ends.
pub(super) async fn run(core: Arc<Core>, ending: CancellationToken) {
    let Some(mut finds) = core.hooks.found.open() else { return };
    let (ended, mut gone) = mpsc::channel(WAITING);
    let (state, runtime) = (&core.places.state, &core.places.runtime);
    let folders = vec![places::hooks(state), places::hooks(runtime)];
    let mut inbox = Inbox::new(folders, places::bell(runtime));
    save_settings(&core);
    let mut taker = Taker::new(core.clone(), ended);
    taker.restore();
    let mut swept: Option<Instant> = None;
    loop {
        let due = taker.due();
        let sweep =
            swept.map_or_else(Instant::now, |at| at + core.settings().hooks.cleanup_interval);
        let taken = tokio::select! {
            () = ending.cancelled() => return,
            taken = inbox.next() => take_all(&core, &ending, &mut taker, &mut inbox, taken).await,
            Some(found) = finds.recv() => {
                let mut drafts = Vec::new();
                taker.take_found(found, &mut drafts);
                journal(&core, &ending, &drafts).await
            }
            Some(gone) = gone.recv() => {
                taker.note_gone(&gone);
                Ok(())
            }
            () = until(due.map(Into::into)) => {
                let mut drafts = Vec::new();
                taker.end_due(&mut drafts);
                journal(&core, &ending, &drafts).await
            }
            () = until(Some(sweep)) => {
                clean_session_files(&core).await;
                swept = Some(Instant::now());
                Ok(())
            }
            () = core.hooks.changed.notified() => Ok(()),
        };
        match taken {
            Err(JournalError::Closed) => return,
            Err(error) => tracing::error!(%error, "an event of hooks was lost"),
            Ok(()) => taker.pass_on(),
        }
    }
}

/// The settings as hooks read them.
pub(crate) fn hook_settings(settings: &Settings) -> HookSettings {
    let hooks = &settings.hooks;
    HookSettings {
        session_file_dir: hooks.session_file_dir.clone(),
        session_file_ttl: hooks.session_file_ttl.as_secs(),
        session_file_fsync: hooks.session_file_fsync,
        max_payload: usize::try_from(hooks.max_payload).unwrap_or(usize::MAX),
    }
}

/// Leaves the settings where hooks find them.
pub(super) fn save_settings(core: &Core) {
    let folder = places::hooks(&core.places.state);
    if let Err(error) = hook_settings(&core.settings()).save(&folder) {
        tracing::warn!(%error, "hooks do not hear of the settings");
    }
    core.hooks.changed.notify_one();
}

async fn clean_session_files(core: &Core) {
    let settings = hook_settings(&core.settings());
    let files = SessionFiles::new(&settings, Some(places::hooks(&core.places.state)));
    let Ok(cleaned) = tokio::task::spawn_blocking(move || files.cleanup()).await else { return };
    let (stale, corrupted) = (cleaned.stale, cleaned.corrupted);
    if cleaned.total() > MANY {
        tracing::warn!(stale, corrupted, "cleaned up many session files");
    } else if cleaned.total() > 0 {
        tracing::info!(stale, corrupted, "cleaned up session files");
    }
}

/// Journals what records tell, and removes them then.
async fn take_all(
    core: &Core,
    ending: &CancellationToken,
    taker: &mut Taker,
    inbox: &mut Inbox,
    taken: Vec<Taken>,
) -> Result<(), JournalError> {
    // An earlier daemon may have been killed before it could remove them.
    let (known, new): (Vec<_>, Vec<_>) = taken.into_iter().partition(|one| is_known(core, one));
    inbox.acknowledge(&known);
    let mut drafts = Vec::new();
    let mut ends = Vec::new();
    for one in &new {
        taker.take(one, &mut drafts);
        ends.push(drafts.len());
    }
    taker.end_tracked().await;
    match journal(core, ending, &drafts).await {
        Ok(()) => inbox.acknowledge(&new),
        Err(JournalError::BadDraft { .. }) => {
            take_one_by_one(core, ending, inbox, &new, (&drafts, &ends)).await?;
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// One record that cannot be journalled must not keep the others out.
async fn take_one_by_one(
    core: &Core,
    ending: &CancellationToken,
    inbox: &mut Inbox,
    taken: &[Taken],
    (drafts, ends): (&[Draft], &[usize]),
) -> Result<(), JournalError> {
    let mut begin = 0;
    for (one, end) in taken.iter().zip(ends) {
        match journal(core, ending, &drafts[begin..*end]).await {
            Ok(()) => inbox.acknowledge(std::slice::from_ref(one)),
            Err(JournalError::BadDraft { .. }) => inbox.refuse(one),
            Err(error) => return Err(error),
        }
        begin = *end;
    }
    Ok(())
}

fn is_known(core: &Core, one: &Taken) -> bool {
    let known = core.journal.has(&Source(one.source()), one.number());
    known.unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot tell whether a hook's record is known");
        false
    })
}

/// Journals all or nothing; on a full disk once there is room.
async fn journal(
    core: &Core,
    ending: &CancellationToken,
    drafts: &[Draft],
) -> Result<(), JournalError> {
    if drafts.is_empty() {
        return Ok(());
    }
    loop {
        match core.journal.append(drafts.to_vec()).await {
            Ok(_) => return Ok(()),
            Err(error @ (JournalError::Closed | JournalError::BadDraft { .. })) => {
                return Err(error);
            }
            Err(error) => {
                tracing::warn!(%error, "could not journal what hooks tell");
                tokio::select! {
                    () = tokio::time::sleep(AGAIN) => {}
                    // The records stay: the next daemon takes them in.
                    () = ending.cancelled() => return Err(JournalError::Closed),
                }
            }
        }
    }
}

/// Between the end of a process and that of its session: its last hooks may be on their way.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// The same where nobody knows whether it was the agent, or only in between.
const ANOTHER: Duration = Duration::from_secs(3);

/// An agent that has said that it ends has so long to do so.
const FAREWELL: Duration = Duration::from_secs(2);
