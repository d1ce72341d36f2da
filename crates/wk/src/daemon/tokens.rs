//! Tokens: what agents' transcripts count, read when their hooks tell that something happened.
//!
//! ```text
//! hooks ──heard──▶ transcript, from where the last look ended ──changed?──▶ tokens_counted
//! ```
//!
//! Nothing is read but where a hook came or a session ended, and no transcript more often than
//! once in a while. What was counted is known again after a restart, since messages have names:
//! a new daemon reads a transcript from its beginning, once.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wk_agents::transcript;
use wk_journal::EventQuery;
use wk_model::{Change, SessionId, Tokens};
use wk_sources::transcripts::Transcript;

use super::core::Core;

/// Words that may wait to be heard; a hook that is not heard is followed by others.
pub(super) const WAITING: usize = 1024;
/// Sessions whose transcripts are known.
const MOST_SESSIONS: usize = 1024;
/// Transcripts of one session: it has another after each `/clear`.
const MOST_TRANSCRIPTS: usize = 16;
/// Between two looks at one session.
const PAUSE: Duration = Duration::from_secs(1);
/// Hooks in which an earlier daemon's transcripts of a session are looked for.
const HOOKS: usize = 1000;

/// A hook was heard, or a session has ended.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub session_id: SessionId,
    pub transcript: Option<PathBuf>,
    pub ended: bool,
}

/// The transcripts of one session.
#[derive(Debug, Default)]
struct Watch {
    transcripts: Vec<Transcript>,
    /// When they are to be read; none: nothing was heard since.
    due: Option<Instant>,
    read_at: Option<Instant>,
    told: Option<Tokens>,
    ended: bool,
}

/// Runs until the daemon ends.
pub(super) async fn run(core: Arc<Core>, ending: CancellationToken) {
    let Some(mut waiting) = core.tokens.open() else { return };
    let mut watches: HashMap<SessionId, Watch> = HashMap::new();
    loop {
        let next = watches.iter().filter_map(|(id, watch)| Some((watch.due?, *id))).min();
        let due = async {
            match next {
                Some((due, session_id)) => {
                    tokio::time::sleep_until(due).await;
                    session_id
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = ending.cancelled() => return,
            Some(heard) = waiting.recv() => note(&core, &mut watches, &heard),
            session_id = due => {
                if let Some(watch) = watches.remove(&session_id)
                    && let Some(watch) = look(&core, session_id, watch).await
                {
                    watches.insert(session_id, watch);
                }
            }
        }
    }
}

fn note(core: &Core, watches: &mut HashMap<SessionId, Watch>, heard: &Heard) {
    if !watches.contains_key(&heard.session_id) {
        if heard.transcript.is_none() {
            return;
        }
        make_room(watches);
    }
    let watch = watches.entry(heard.session_id).or_insert_with(|| known(core, heard.session_id));
    if let Some(path) = &heard.transcript {
        watch.add(path);
    }
    let now = Instant::now();
    let wait = watch.read_at.map_or(now, |read_at| read_at + PAUSE);
    watch.due = Some(if heard.ended { now } else { watch.due.unwrap_or(wait).max(now) });
    watch.ended |= heard.ended;
}

/// The one that was read longest ago goes: its next hook brings it back.
fn make_room(watches: &mut HashMap<SessionId, Watch>) {
    while watches.len() >= MOST_SESSIONS {
        let idle = watches.iter().min_by_key(|(_, watch)| (watch.due.is_some(), watch.read_at));
        let Some(session_id) = idle.map(|(id, _)| *id) else { return };
        watches.remove(&session_id);
    }
}

/// What the journal knows of a session's transcripts.
fn known(core: &Core, session_id: SessionId) -> Watch {
    let mut watch = Watch::default();
    let session = core.journal.session(session_id).ok().flatten();
    watch.told = session.and_then(|session| session.tokens.clone());
    let query = EventQuery {
        session: Some(session_id),
        kinds: vec!["hook".to_owned()],
        limit: HOOKS,
        ..EventQuery::default()
    };
    for event in core.journal.events(&query).unwrap_or_default() {
        if let Change::Hook(hook) = event.change
            && let Some(path) = hook.payload.get("transcript_path").and_then(|path| path.as_str())
        {
            watch.add(Path::new(path));
        }
    }
    watch
}

impl Watch {
    fn add(&mut self, path: &Path) {
        let known = self.transcripts.iter().any(|transcript| transcript.path() == path);
        if !known && self.transcripts.len() < MOST_TRANSCRIPTS {
            self.transcripts.extend(Transcript::new(path));
        }
    }
}

/// Reads a session's transcripts, and tells what they count if that has changed. Answers what
/// is to be kept.
async fn look(core: &Core, session_id: SessionId, mut watch: Watch) -> Option<Watch> {
    let read = tokio::task::spawn_blocking(move || {
        for transcript in &mut watch.transcripts {
            if let Err(error) = transcript.read() {
                // It may not have been begun, or be gone.
                tracing::debug!(%error, path = %transcript.path().display(), "no transcript");
            }
        }
        watch
    });
    let mut watch = read.await.ok()?;
    (watch.read_at, watch.due) = (Some(Instant::now()), None);
    let tokens = transcript::sum(watch.transcripts.iter().map(Transcript::counter));
    if let Some(tokens) = tokens.filter(|tokens| watch.told.as_ref() != Some(tokens)) {
        let change = Change::TokensCounted(tokens.clone());
        if let Err(error) = core.journal(Some(session_id), change).await {
            tracing::warn!(%error, "could not journal what a transcript counts");
        } else {
            watch.told = Some(tokens);
        }
    }
    (!watch.ended).then_some(watch)
}
