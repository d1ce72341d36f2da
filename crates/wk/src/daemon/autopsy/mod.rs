//! The coroner: says why each attempt ended.
//!
//! ```text
//! attempt_exited ─▶ gather evidence ─▶ examine ─▶ verdict, revision 1 ─▶ (the window) ─┐
//!                    who else died meanwhile? ◀── examine again, group ◀───────────────┘
//!                                            └─▶ settled verdict, mass_death
//! ```
//!
//! An end that was meant, or that a program chose for itself, is settled at once. A daemon that
//! is killed in between leaves an end without a settled verdict, which the next one sees.

mod gather;
mod scene;
mod tmux;
mod unsettled;
mod verdict;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wk_journal::JournalError;
use wk_judges::autopsy::{Death, examine, group};
use wk_model::{AttemptExited, Before, Change, Ending, Event, Moment, SessionId};
use wk_sources::{system::QUICK, until};

pub(super) use self::scene::Scene;
use super::core::{AGAIN, Core};

/// However long the chain of deaths, its first verdicts are settled after this.
const LONGEST_CHAIN: Duration = Duration::from_secs(10);

/// For the settled verdict: journals of services are slow to ask.
const THOROUGH: Duration = Duration::from_millis(400);

/// Ends that are looked at thoroughly at once.
const AT_ONCE: usize = 8;

/// Verdicts that are under way and may wait to be heard.
const WAITING: usize = 256;

/// An attempt that has ended.
#[derive(Clone, Debug)]
struct Ended {
    session_id: SessionId,
    at: Moment,
    exited: AttemptExited,
}

/// A session and its attempt.
type Key = (SessionId, u32);

impl Ended {
    fn key(&self) -> Key {
        (self.session_id, self.exited.attempt)
    }
}

/// Examines whatever ends, until the daemon does.
pub(super) async fn run(core: Arc<Core>, ending: CancellationToken) {
    let mut events = core.journal.subscribe(core.journal.last(), None);
    let (found, mut examined) = mpsc::channel(WAITING);
    let mut coroner = Coroner {
        core,
        found,
        begun: HashMap::new(),
        pending: HashMap::new(),
        amended: HashMap::new(),
    };
    tokio::spawn(hear_ends(coroner.core.clone(), ending.clone()));
    keep_living(&coroner.core).await;
    for ended in unsettled::find(&coroner.core) {
        coroner.begin(ended);
    }
    loop {
        let due = coroner.due();
        tokio::select! {
            () = ending.cancelled() => return,
            heard = events.next() => match heard {
                Ok(heard) => coroner.hear(&heard),
                Err(JournalError::Closed) => return,
                Err(error) => {
                    tracing::warn!(%error, "deaths that were not heard of are looked for");
                    tokio::time::sleep(AGAIN).await;
                    events = coroner.core.journal.subscribe(coroner.core.journal.last(), None);
                    for ended in unsettled::find(&coroner.core) {
                        coroner.begin(ended);
                    }
                }
            },
            Some((ended, settled)) = examined.recv() => coroner.wait(ended, settled),
            () = until(due.map(Into::into)) => coroner.settle(),
        }
    }
}

async fn hear_ends(core: Arc<Core>, ending: CancellationToken) {
    tokio::select! {
        () = ending.cancelled() => {}
        () = core.scene.listen() => {}
    }
}

/// Keeps what is known of all that lives.
async fn keep_living(core: &Arc<Core>) {
    let core = core.clone();
    let keep = move || {
        for session in core.journal.live() {
            core.scene.keep_living(&session);
        }
    };
    if let Err(error) = tokio::task::spawn_blocking(keep).await {
        tracing::error!(%error, "cannot keep what is known of the living");
    }
}

struct Coroner {
    core: Arc<Core>,
    /// An end with its first verdict, and whether that is the last.
    found: mpsc::Sender<(Ended, bool)>,
    /// Attempts whose verdict is under way, and when their end was heard of.
    begun: HashMap<Key, Instant>,
    /// Those that wait for their settled verdict.
    pending: HashMap<Key, Ended>,
    /// Ends of which more was told while their first verdict was under way.
    amended: HashMap<Key, Ended>,
}

impl Coroner {
    fn hear(&mut self, events: &[Arc<Event>]) {
        for event in events {
            match (event.session_id, &event.change) {
                (Some(session_id), Change::AttemptStarted(started)) => {
                    if let Some(process) = &started.process {
                        self.core.scene.keep(session_id, started.attempt, process);
                    }
                }
                (Some(session_id), Change::AttemptExited(exited)) => {
                    self.begin(Ended { session_id, at: event.at, exited: exited.clone() });
                }
                _ => {}
            }
        }
    }

    /// Examines an end for the first time.
    fn begin(&mut self, ended: Ended) {
        let key = ended.key();
        if self.begun.contains_key(&key) {
            self.amend(ended);
            return;
        }
        self.begun.insert(key, Instant::now());
        let (core, found) = (self.core.clone(), self.found.clone());
        tokio::spawn(async move {
            let settled = first(&core, &ended).await;
            // The daemon ends otherwise.
            let _ = found.send((ended, settled)).await;
        });
    }

    /// Waits for others that may have died with it.
    fn wait(&mut self, ended: Ended, settled: bool) {
        let amended = self.amended.remove(&ended.key());
        if !settled {
            self.pending.insert(ended.key(), amended.unwrap_or(ended));
            return;
        }
        self.begun.remove(&ended.key());
        match amended {
            Some(amended) => self.begin(amended),
            None => forget(&self.core, &ended),
        }
    }

    /// A client's own word, come late, says more than that its process was gone.
    fn amend(&mut self, ended: Ended) {
        if !matches!(ended.exited.ending, Ending::Closed { by: None }) {
            return;
        }
        match self.pending.get_mut(&ended.key()) {
            Some(pending) => *pending = ended,
            None => drop(self.amended.insert(ended.key(), ended)),
        }
    }

    /// When the oldest chain of deaths is over: not before all of it have their first verdicts.
    fn due(&self) -> Option<Instant> {
        let chain = self.chain();
        let (first, last) = (chain.first()?.1, chain.last()?.1);
        let longest = first + LONGEST_CHAIN;
        if chain.iter().all(|(key, _)| self.pending.contains_key(key)) {
            Some((last + self.core.settings().deaths.window).min(longest))
        } else {
            Some(longest)
        }
    }

    /// The ends that were heard of one after the other within the window: the oldest such chain
    /// in which one waits to be settled.
    fn chain(&self) -> Vec<(Key, Instant)> {
        let window = self.core.settings().deaths.window;
        let mut all: Vec<(Key, Instant)> = self.begun.iter().map(|(key, at)| (*key, *at)).collect();
        all.sort_by_key(|(key, at)| (*at, *key));
        let mut chains = all.chunk_by(|(_, one), (_, next)| *next - *one <= window);
        let waits =
            |chain: &&[(Key, Instant)]| chain.iter().any(|(key, _)| self.pending.contains_key(key));
        chains.find(waits).map(<[_]>::to_vec).unwrap_or_default()
    }

    /// Settles the verdicts of the oldest chain.
    fn settle(&mut self) {
        let chain = self.chain();
        let due: Vec<Ended> =
            chain.iter().filter_map(|(key, _)| self.pending.remove(key)).collect();
        for ended in &due {
            self.begun.remove(&ended.key());
        }
        tokio::spawn(settle(self.core.clone(), due));
    }
}

/// Nobody will ask about this end again.
fn forget(core: &Core, ended: &Ended) {
    core.scene.forget(ended.session_id, ended.exited.attempt);
    core.before.forget(ended.session_id, ended.exited.attempt);
}

/// What was known just before; the settled verdict keeps it.
fn before(core: &Core, ended: &Ended) -> Before {
    match core.journal.session(ended.session_id).ok().flatten() {
        Some(session) => {
            let before = super::before::before(core, &session, &ended.exited, ended.at);
            match tmux::of(core, &session) {
                Some(tmux) => tmux::add(tmux, before),
                None => before,
            }
        }
        None => Before::default(),
    }
}

/// The first verdict; true where it is the last as well.
async fn first(core: &Arc<Core>, ended: &Ended) -> bool {
    let Some(evidence) = gather::gather(core, ended, QUICK).await else { return true };
    let opinion = examine(&evidence);
    let settled = !opinion.unexpected;
    let scope = verdict::alone(ended.session_id);
    let drafts = verdict::drafts(core, ended, &opinion, scope, settled);
    verdict::journal(core, drafts).await;
    settled
}

/// Examines all of a chain again, now that everything has been heard, and says who died with
/// whom.
async fn settle(core: Arc<Core>, chain: Vec<Ended>) {
    let window = core.settings().deaths.window;
    let (chain, deaths) = examine_again(&core, chain).await;
    let groups = group(&deaths, u64::try_from(window.as_millis()).unwrap_or(u64::MAX));
    let mut drafts = Vec::new();
    for group in groups {
        for member in &group.members {
            let (Some(ended), Some(death)) = (chain.get(*member), deaths.get(*member)) else {
                continue;
            };
            let scope = group.scope.clone();
            drafts.extend(verdict::drafts(&core, ended, &death.opinion, scope, true));
        }
        drafts.extend(verdict::mass_death(&core, &group, &deaths));
    }
    verdict::journal(&core, drafts).await;
    for ended in &chain {
        forget(&core, ended);
    }
}

/// A thorough look at each, several at once: each waits for the machine by itself.
async fn examine_again(core: &Arc<Core>, chain: Vec<Ended>) -> (Vec<Ended>, Vec<Death>) {
    let examined = chain.into_iter().map(|ended| {
        let core = core.clone();
        async move {
            let evidence = gather::gather(&core, &ended, THOROUGH).await?;
            let death = Death { session_id: ended.session_id, opinion: examine(&evidence) };
            Some((ended, death))
        }
    });
    let examined: Vec<_> = stream::iter(examined).buffered(AT_ONCE).collect().await;
    examined.into_iter().flatten().unzip()
}
