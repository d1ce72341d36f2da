//! tmux sessions of others become sessions of ours: watched, never run and never ended unasked.
//!
//! ```text
//! sources::tmux ──reports──▶ take ──▶ drafts ──▶ journal, one commit for all that waited
//!                              └───▶ book: what is known of each, for a while after its end
//! ```
//!
//! A session is known by its server and tmux's own id of it, whatever it is called and however
//! often the daemon starts anew.

mod agents;
mod book;
pub(super) mod drafts;
mod facts;
mod orders;
mod take;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wk_journal::JournalError;
use wk_model::{Draft, ProcessId, SessionId};
use wk_server::Board;
use wk_sources::tmux::{self, Options, Order, Report};

use self::{book::Book, take::Taker};
use super::{
    core::{AGAIN, Core},
    mailbox::Mailbox,
};
use crate::config::Settings;

pub(super) use self::{
    facts::TmuxFacts,
    orders::{list, repair, screen, stop},
};

/// Reports and orders that may wait.
const WAITING: usize = 1024;

/// Reports that are journalled in one commit.
const AT_ONCE: usize = 256;

/// What the daemon knows of tmux.
#[derive(Debug)]
pub(super) struct Tmux {
    book: Mutex<Book>,
    /// What is asked before anybody watches waits until somebody does.
    orders: Mailbox<Order>,
}

impl Default for Tmux {
    fn default() -> Self {
        Self { book: Mutex::default(), orders: Mailbox::new(64) }
    }
}

impl Tmux {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The settings are others than before.
    pub(super) fn set_options(&self, settings: &Settings) {
        // One that is full has orders that come first, and hears of the next change.
        self.orders.tell(Order::Options(options(settings)));
    }
}

/// The only place where what is watched here is told to the kernel's witness.
fn note_process(core: &Core, process: ProcessId, session_id: Option<SessionId>) {
    core.witness.watch_for(process, session_id);
}

fn options(settings: &Settings) -> Options {
    let tmux = &settings.tmux;
    Options {
        watch: tmux.watch,
        repair: tmux.repair == crate::config::Repair::Auto,
        health_interval: tmux.health_interval,
        folders: tmux::folders(std::env::var_os("TMUX_TMPDIR")),
        sockets: tmux.sockets.iter().map(PathBuf::from).collect(),
    }
}

/// Runs until the daemon ends.
pub(super) async fn run(core: Arc<Core>, board: Board, ending: CancellationToken) {
    let (reports, mut heard) = mpsc::channel(WAITING);
    let Some(ordered) = core.tmux.orders.open() else { return };
    let mut taker = Taker::new(core.clone(), board);
    let known = taker.restore();
    let hub = tokio::spawn(tmux::run(options(&core.settings()), known, ordered, reports));
    loop {
        let first = tokio::select! {
            () = ending.cancelled() => break,
            report = heard.recv() => match report {
                Some(report) => report,
                None => break,
            },
        };
        let mut reports = vec![first];
        while reports.len() < AT_ONCE
            && let Ok(report) = heard.try_recv()
        {
            reports.push(report);
        }
        if take_all(&core, &mut taker, reports).await.is_err() {
            break;
        }
    }
    // Watchers that are under way come to their end.
    drop(heard);
    let _ = tokio::time::timeout(std::time::Duration::from_secs(1), hub).await;
}

async fn take_all(
    core: &Core,
    taker: &mut Taker,
    reports: Vec<Report>,
) -> Result<(), JournalError> {
    let mut drafts = Vec::new();
    for report in reports {
        taker.take(report, &mut drafts);
    }
    journal(core, drafts).await
}

/// Journals what was seen; on a full disk once there is room.
async fn journal(core: &Core, drafts: Vec<Draft>) -> Result<(), JournalError> {
    if drafts.is_empty() {
        return Ok(());
    }
    loop {
        match core.journal.append(drafts.clone()).await {
            Ok(_) => return Ok(()),
            Err(JournalError::Closed) => return Err(JournalError::Closed),
            Err(error @ JournalError::BadDraft { .. }) => {
                tracing::error!(%error, "a report of tmux was no event");
                return Ok(());
            }
            Err(error) => {
                tracing::warn!(%error, "could not journal what happens in tmux");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}
