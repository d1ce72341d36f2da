//! What every part of the daemon works with.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};
use wk_api::Problem;
use wk_client::Places;
use wk_journal::{Journal, JournalError};
use wk_model::{Change, Draft, Life, Session, SessionId, Source, Time};
use wk_server::{Collector, Listener, Switch, auth::Gate, conflict, internal};
use wk_sources::{
    cgroup::Cgroups,
    holders::{HolderLink, Report},
};

use super::{
    autopsy::Scene,
    before,
    cleanup::Upkeep,
    gate, health,
    hooks::Hooks,
    mailbox::Mailbox,
    queue::Queue,
    tmux::Tmux,
    tokens,
    track::Pulses,
    turns::{Turn, Turns},
    witness::Desk,
};
use crate::config::Settings;

/// How long an order waits for the holder of its session to be found, or to have left.
const ADOPTION: Duration = Duration::from_secs(5);

/// How long the end of a holder that has left may take to be journalled.
const LEAVING: Duration = Duration::from_secs(2);

/// Between attempts at what cannot be done now: a full disk, no descriptors left.
pub(super) const AGAIN: Duration = Duration::from_secs(2);

/// An attempt that a session waits for, and until when: a restart by hand waits for no retry.
pub(super) type AttemptWait = (SessionId, u32, Time);

/// Shared by the driver's tasks.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) places: Places,
    pub(super) journal: Journal,
    /// None: this machine has no cgroup v2 that we may write to.
    pub(super) cgroups: Option<Cgroups>,
    /// The program of holders.
    pub(super) holder: PathBuf,
    /// What a holder starts when nobody answers: program, arguments, and their environment.
    pub(super) daemon_command: (Vec<wk_model::OsText>, Vec<wk_model::OsText>),
    pub(super) reports: mpsc::Sender<Report>,
    settings: RwLock<Arc<Settings>>,
    adopted: watch::Sender<bool>,
    /// Changes whenever a link is made or over.
    held: watch::Sender<()>,
    links: Mutex<HashMap<SessionId, HolderLink>>,
    pub(super) upkeep: Upkeep,
    /// What was known of each attempt while it lived.
    pub(super) before: before::Store,
    pub(super) scene: Scene,
    /// Names that are being given to sessions which the journal does not know yet.
    names: Mutex<HashSet<String>>,
    turns: Turns,
    pub(super) queue: Queue,
    /// The kernel's witness.
    pub(super) witness: Desk,
    /// Sessions that somebody has asked to end: they do not recover.
    stopping: Mutex<HashSet<SessionId>>,
    /// Attempts that are waited for.
    waits: Mutex<HashSet<AttemptWait>>,
    pub(super) tmux: Tmux,
    pub(super) hooks: Hooks,
    /// Sessions that somebody wants to be looked at now.
    pub(super) looks: Mailbox<SessionId>,
    /// Hooks, for whoever counts tokens.
    pub(super) tokens: Mailbox<tokens::Heard>,
    gate: Gate,
    listener: Listener,
    collector: Collector,
    /// Heartbeats of tracked shells.
    pub(super) pulses: Pulses,
}

impl Core {
    pub(super) fn new(
        places: Places,
        journal: Journal,
        cgroups: Option<Cgroups>,
        (holder, daemon_command): (PathBuf, (Vec<wk_model::OsText>, Vec<wk_model::OsText>)),
        reports: mpsc::Sender<Report>,
        settings: Settings,
        (gate, listener, collector): (Gate, Listener, Collector),
    ) -> Self {
        let before = before::Store::new(places.state.clone());
        Self {
            places,
            journal,
            cgroups,
            holder,
            daemon_command,
            reports,
            witness: Desk::new(&settings.witness.dir),
            settings: RwLock::new(Arc::new(settings)),
            adopted: watch::Sender::new(false),
            held: watch::Sender::new(()),
            links: Mutex::default(),
            upkeep: Upkeep::default(),
            before,
            scene: Scene::default(),
            names: Mutex::default(),
            turns: Turns::default(),
            queue: Queue::default(),
            stopping: Mutex::default(),
            waits: Mutex::default(),
            tmux: Tmux::default(),
            hooks: Hooks::default(),
            looks: Mailbox::new(health::WAITING),
            tokens: Mailbox::new(tokens::WAITING),
            gate,
            listener,
            collector,
            pulses: Pulses::default(),
        }
    }

    pub(super) fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) async fn set_settings(&self, settings: Settings) {
        self.tmux.set_options(&settings);
        self.gate.set(gate::policy(&settings));
        self.collector.set_privacy(settings.privacy);
        let listen = settings.server.listen;
        self.pulses.wake();
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        super::hooks::save_settings(self);
        super::track::save_settings(self);
        self.upkeep.wake();
        self.listener.switch(Switch::To(listen)).await;
    }

    fn links(&self) -> MutexGuard<'_, HashMap<SessionId, HolderLink>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn hold(&self, session_id: SessionId, link: HolderLink) {
        let mut links = self.links();
        // A short session may be over, and its cut heard, before its link comes here.
        if !link.is_over() {
            links.insert(session_id, link);
        }
        drop(links);
        self.held.send_replace(());
    }

    /// Forgets a link that is over; a newer one of the same session stays.
    pub(super) fn let_go(&self, session_id: SessionId) {
        let mut links = self.links();
        if links.get(&session_id).is_some_and(HolderLink::is_over) {
            links.remove(&session_id);
        }
        drop(links);
        self.held.send_replace(());
    }

    /// Waits until a session's holder has left; false if it takes too long.
    pub(super) async fn left(&self, session_id: SessionId) -> bool {
        let mut held = self.held.subscribe();
        let leaving = async {
            while self.is_held(session_id) {
                if held.changed().await.is_err() {
                    return;
                }
            }
        };
        timeout(ADOPTION, leaving).await.is_ok()
    }

    /// Whether a session's holder is still there, be it only to tidy up.
    pub(super) fn is_held(&self, session_id: SessionId) -> bool {
        self.links().get(&session_id).is_some_and(|link| !link.is_over())
    }

    /// Says that every session of an earlier daemon was looked at.
    pub(super) fn set_adopted(&self) {
        self.adopted.send_replace(true);
    }

    /// Waits until every session of an earlier daemon was looked at.
    pub(super) async fn until_adopted(&self) {
        // The sender is ours: it does not go away.
        let _ = self.adopted.subscribe().wait_for(|adopted| *adopted).await;
    }

    /// The link to a living session's holder; a new daemon may have to find it first.
    pub(super) async fn link(&self, session_id: SessionId) -> Result<HolderLink, Problem> {
        if let Some(session) = self.journal.session(session_id).map_err(failed)?
            && session.created.watched
        {
            return Err(conflict(not_ours(&session)));
        }
        let mut adopted = self.adopted.subscribe();
        let mut held = self.held.subscribe();
        let found = async {
            loop {
                let link = self.links().get(&session_id).cloned();
                if link.is_some() || *adopted.borrow_and_update() {
                    return link;
                }
                tokio::select! {
                    _ = adopted.changed() => {}
                    _ = held.changed() => {}
                }
            }
        };
        if let Some(link) = timeout(ADOPTION, found).await.ok().flatten() {
            return Ok(link);
        }
        // A holder that has just left has written down how it ended: that is about to be heard.
        let _ = timeout(LEAVING, self.until_clear(session_id)).await;
        if let Some(link) = self.links().get(&session_id).cloned() {
            return Ok(link);
        }
        let session = self.journal.session(session_id).map_err(failed)?;
        Err(match session.as_ref().map(|session| &session.life) {
            Some(Life::Ended(_)) => conflict(format!("session {session_id} has ended")),
            Some(Life::Queued { .. }) => {
                conflict(format!("session {session_id} does not run yet: it waits for its turn"))
            }
            _ => wk_server::unreachable(format!(
                "the holder of session {session_id} cannot be reached; `wk show` says more"
            )),
        })
    }

    /// Waits until a session has a link, or does not run.
    async fn until_clear(&self, session_id: SessionId) {
        let mut events = self.journal.subscribe(self.journal.last(), Some(session_id));
        let mut held = self.held.subscribe();
        loop {
            let session = self.journal.session(session_id).ok().flatten();
            // One that is known to be out of reach stays so for a while.
            let open = session.is_some_and(|session| {
                matches!(session.life, Life::Running { reachable: true, .. })
                    && !session.created.watched
            });
            if !open || self.links().contains_key(&session_id) {
                return;
            }
            tokio::select! {
                heard = events.next() => if heard.is_err() { return },
                _ = held.changed() => {}
            }
        }
    }

    /// Waits until nobody else starts or stops this session; it is ours until the turn is over.
    pub(super) async fn turn(&self, session_id: SessionId) -> Turn<'_> {
        self.turns.take(session_id).await
    }

    pub(super) fn set_stopping(&self, session_id: SessionId, stopping: bool) {
        let mut all = self.stopping.lock().unwrap_or_else(PoisonError::into_inner);
        if stopping {
            all.insert(session_id)
        } else {
            all.remove(&session_id)
        };
    }

    pub(super) fn is_stopping(&self, session_id: SessionId) -> bool {
        self.stopping.lock().unwrap_or_else(PoisonError::into_inner).contains(&session_id)
    }

    /// False: somebody waits for this attempt already.
    pub(super) fn claim_wait(&self, wait: AttemptWait) -> bool {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner).insert(wait)
    }

    pub(super) fn give_wait_back(&self, wait: AttemptWait) {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner).remove(&wait);
    }

    /// Keeps a name for a session that is about to be created; none if it is taken.
    pub(super) fn reserve(self: &Arc<Self>, name: String) -> Option<NameGuard> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(name.clone()).then(|| NameGuard { core: self.clone(), name })
    }

    /// The folder of a session.
    pub(super) fn folder(&self, session_id: SessionId) -> PathBuf {
        self.places.sessions().join(session_id.as_str())
    }

    /// Journals what must be done even though the disk is full: now, or once there is room. It
    /// then counts from now.
    pub(super) async fn journal_in_time(
        &self,
        session_id: Option<SessionId>,
        change: Change,
    ) -> Result<(), JournalError> {
        let draft = draft(session_id, change);
        match self.journal.append(vec![draft.clone()]).await {
            Err(JournalError::Full { .. }) => {}
            taken => return taken.map(drop),
        }
        let kind = draft.change.kind();
        tracing::warn!(?session_id, kind, "the disk is full: journalled when there is room");
        let journal = self.journal.clone();
        tokio::spawn(async move {
            while let Err(JournalError::Full { .. }) = journal.append(vec![draft.clone()]).await {
                sleep(AGAIN).await;
            }
        });
        Ok(())
    }

    /// Journals something that the daemon itself saw or did just now.
    pub(super) async fn journal(
        &self,
        session_id: Option<SessionId>,
        change: Change,
    ) -> Result<(), JournalError> {
        self.journal.append(vec![draft(session_id, change)]).await?;
        Ok(())
    }
}

/// Gives a name free again.
#[derive(Debug)]
pub(super) struct NameGuard {
    core: Arc<Core>,
    name: String,
}

impl Drop for NameGuard {
    fn drop(&mut self) {
        let mut names = self.core.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.remove(&self.name);
    }
}

/// An event of the daemon's own, of this moment.
pub(super) fn draft(session_id: Option<SessionId>, change: Change) -> Draft {
    Draft {
        at: wk_holder::host::now(),
        session_id,
        source: Source::daemon(),
        source_seq: None,
        trace_parent: None,
        change,
    }
}

/// What is said of a session to whoever wants it to do something.
pub(super) fn not_ours(session: &Session) -> String {
    let id = session.id;
    let found = format!("session {id} was found, not started by Watchkeeper");
    match &session.created.tmux {
        Some(place) => {
            let (socket, target) = (&place.socket, &place.id);
            format!("{found}: `tmux -S {socket} attach -t '{target}'` leads to it")
        }
        None => found,
    }
}

/// What a client is told when the journal fails.
pub(super) fn failed(error: JournalError) -> Problem {
    tracing::error!(error = &error as &dyn std::error::Error, "the journal failed");
    internal(format!("{:#}", anyhow::Error::from(error)))
}
