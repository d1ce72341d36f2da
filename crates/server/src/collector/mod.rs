//! Takes events in that programs elsewhere send of their agents, and hands them on to boards.
//!
//! ```text
//! POST /events ─▶ wire: read, checked ─▶ keep: masked, cut ─▶ book: whose session ─▶ journal
//!                                                    /stream, /events/recent ◄─ shelf ◄─┘
//! ```
//!
//! An event is answered for, and shown to anybody, when it is on disk. It belongs to the
//! session that its agent's own id names: one that Watchkeeper knows, or else one that is made
//! for it and marked as reported. It never moves a session that is held or watched.

mod book;
mod keep;
mod shelf;
mod wire;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use wk_agents::privacy::Privacy;
use wk_api::FilterOptions;
use wk_holder::host;
use wk_journal::{Journal, JournalError};
use wk_model::{Change, Draft, Hook, SessionId, Source, Time};

use self::{book::Book, shelf::Shelf};
pub(crate) use self::{
    shelf::{Kept, RECENT},
    wire::{BadEvents, Incoming, read},
};
use crate::error::with_causes;

/// What requests may take that are read at a time, all together, in kibibytes.
const ROOM: usize = 128 << 10;

/// What a value takes in memory beside its text, and what an object takes however small it is.
const VALUE: usize = 40;
const OBJECT: usize = 600;

/// How long a request waits for room.
const PATIENCE: Duration = Duration::from_secs(10);

/// Events that a slow board may be behind.
const BEHIND: usize = 1024;

/// What all events of a source have in common: whoever sent them showed a token, or none.
const VERIFIED: &str = "collector";
const UNVERIFIED: &str = "collector/unverified";

/// Takes events in. Clones share it.
#[derive(Clone, Debug)]
pub struct Collector(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    journal: Journal,
    book: Book,
    shelf: Shelf,
    told: broadcast::Sender<Arc<Kept>>,
    room: Arc<Semaphore>,
    max_payload: usize,
    privacy: Mutex<Privacy>,
}

/// Why events were not taken in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTaken {
    #[error("the journal cannot be written: {}", with_causes(.0))]
    Journal(#[from] JournalError),
    #[error("the system gives no random bits")]
    NoId,
}

/// The texts that would be kept of a request's events, each of at most `most` bytes; none where
/// it holds no events. For tests by hostile bytes.
pub fn kept_events(body: &[u8], most: usize) -> Option<Vec<String>> {
    let (events, _) = read(body).ok()?;
    let texts = events
        .into_iter()
        .map(|event| keep::text(event.object, Time::default(), most, Privacy::default()).text);
    Some(texts.collect())
}

impl Collector {
    /// Of each event at most `max_payload` bytes are kept.
    pub fn new(journal: Journal, max_payload: usize, privacy: Privacy) -> Self {
        Self(Arc::new(Shared {
            book: Book::default(),
            shelf: Shelf::default(),
            told: broadcast::Sender::new(BEHIND),
            room: Arc::new(Semaphore::new(ROOM)),
            max_payload,
            privacy: Mutex::new(privacy),
            journal,
        }))
    }

    /// Keeps what these say from now on.
    pub fn set_privacy(&self, privacy: Privacy) {
        *self.0.privacy.lock().unwrap_or_else(PoisonError::into_inner) = privacy;
    }

    /// Waits for room for so many bytes; none: it takes too long, or there never will be.
    pub(crate) async fn room(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let kibibytes = bytes.div_ceil(1024).max(1);
        let kibibytes = u32::try_from(kibibytes).ok().filter(|_| kibibytes <= ROOM)?;
        let room = Arc::clone(&self.0.room).acquire_many_owned(kibibytes);
        tokio::time::timeout(PATIENCE, room).await.ok()?.ok()
    }

    /// What a request takes once it is read: many small values take more than a long text.
    pub(crate) fn weight(body: &[u8]) -> usize {
        let taken = body.iter().map(|byte| match byte {
            b'{' => OBJECT,
            b',' | b'[' => VALUE,
            _ => 1,
        });
        taken.sum()
    }

    /// Makes events durable, all or none; answers them as they are kept, in their order.
    pub(crate) async fn take(
        &self,
        events: Vec<Incoming>,
        verified: bool,
    ) -> Result<Vec<Arc<Kept>>, NotTaken> {
        let shared = &*self.0;
        let at = host::now();
        let sessions = shared.book.find(&shared.journal, &events, verified, at).await?;
        let source = Source(if verified { VERIFIED } else { UNVERIFIED }.into());
        let privacy = *shared.privacy.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut drafts, mut kept) = (Vec::new(), Vec::with_capacity(events.len()));
        for (event, session_id) in events.into_iter().zip(&sessions) {
            let text = keep::text(event.object, at.time, shared.max_payload, privacy);
            let hook = Hook {
                event: event.kind.clone(),
                agent: Some(event.source_app.clone()),
                payload: text.payload,
                payload_bytes: event.bytes,
            };
            drafts.push(Draft {
                at,
                session_id: *session_id,
                source: source.clone(),
                source_seq: None,
                trace_parent: None,
                change: Change::Hook(Box::new(hook)),
            });
            kept.push((event.source_app, event.session_id, event.kind, text.text));
        }
        let taken = shared.journal.append(drafts).await?;
        let kept: Vec<_> = kept
            .into_iter()
            .zip(taken)
            .map(|((source_app, session_id, kind, text), taken)| {
                let id = taken.seq().unwrap_or_default().0;
                Arc::new(Kept::new(id, source_app, session_id, kind, &text))
            })
            .collect();
        shared.shelf.put(&kept);
        if shared.told.receiver_count() > 0 {
            for event in &kept {
                // Whoever listened may have left.
                let _ = shared.told.send(Arc::clone(event));
            }
        }
        self.end(&kept, &sessions, verified).await?;
        Ok(kept)
    }

    /// The latest events, oldest first.
    pub(crate) async fn recent(&self, limit: usize) -> Vec<Arc<Kept>> {
        self.fill().await;
        self.0.shelf.recent(limit)
    }

    /// What there is to choose from, in the latest events.
    pub(crate) async fn options(&self) -> FilterOptions {
        self.fill().await;
        self.0.shelf.options()
    }

    /// Events as they come.
    pub(crate) fn follow(&self) -> broadcast::Receiver<Arc<Kept>> {
        self.0.told.subscribe()
    }

    /// Sessions of ours that their agents say are over.
    async fn end(
        &self,
        kept: &[Arc<Kept>],
        sessions: &[Option<SessionId>],
        verified: bool,
    ) -> Result<(), NotTaken> {
        let over = kept.iter().zip(sessions).filter(|(event, _)| event.kind == "SessionEnd");
        for session_id in over.filter_map(|(_, session_id)| *session_id) {
            let drafts = book::end(&self.0.journal, session_id, verified)?;
            if !drafts.is_empty() {
                self.0.journal.append(drafts).await?;
            }
        }
        Ok(())
    }

    /// Reads what an earlier daemon had taken in, once.
    async fn fill(&self) {
        if self.0.shelf.is_filled() {
            return;
        }
        let shared = Arc::clone(&self.0);
        let filling = tokio::task::spawn_blocking(move || shared.shelf.fill(&shared.journal));
        // What cannot be read is not shown.
        let _ = filling.await;
    }
}
