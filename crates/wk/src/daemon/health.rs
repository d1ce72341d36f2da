//! Looks after the health of running sessions: one task, which wakes when a look is due.
//!
//! ```text
//! journal ──events──▶ schedule ──due──▶ sampling ──looks──▶ judges ──▶ board (gauges)
//!                                                              ├─────▶ journal (changes)
//!                                                              └─────▶ act (on_stale)
//! ```
//!
//! What is sampled is a gauge, in memory only; an event is written when conditions change, and
//! at rest none is.

mod act;
mod inquiry;
mod schedule;

use std::{
    collections::HashMap,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;
use wk_holder::{gauge::Gauges, host};
use wk_journal::{JournalError, Subscription};
use wk_judges::health::{Activity, Course, Look, Reading, examine};
use wk_model::{
    Change, Condition, Event, HealthChanged, Kind, Life, Liveness, OnStale, Session, SessionId,
    SessionSample, Time,
};
use wk_server::Board;
use wk_sources::{
    sampling::{Sampler, Target},
    tmux::{Agent, agents_below},
    until,
};

use self::{
    inquiry::{Inquiry, Whom},
    schedule::Schedule,
};
use super::{
    core::{AGAIN, Core, draft},
    hooks::Found,
};
use crate::text::span::millis;

/// How soon a session is looked at after something was told of it; and after its start, when
/// it has had time to become what it is.
const SOON_MS: u64 = 1000;

/// How soon after the last look one that was stopped, or goes on, is looked at.
const HALTED_MS: u64 = 100;

/// Looks that may be wanted in one moment; for one more, the session's next turn has to do.
pub(super) const WAITING: usize = 256;

/// The first looks after a start, later than that one.
const EARLY_MS: [u64; 2] = [5000, 15_000];

/// Early looks fall on multiples of this.
const GRID_MS: u64 = 500;

/// Between looks while memory grows fast.
const GROWING_MS: u64 = 2000;

/// Within this time the sessions of an earlier daemon are all looked at once.
const FIRST_MS: u64 = 5000;

/// The conditions that are found here; others belong to others.
const OURS: [Condition; 3] = [Condition::Stale, Condition::Hung, Condition::OverLimit];

/// Runs until the daemon ends.
pub(super) async fn run(core: Arc<Core>, board: Board, ending: CancellationToken) {
    let Some(mut wants) = core.looks.open() else { return };
    let mut events = core.journal.subscribe(core.journal.last(), None);
    let mut watch = Watch::new(core, board);
    watch.take_stock();
    loop {
        let due = watch.schedule.first().map(|ms| watch.began + Duration::from_millis(ms));
        tokio::select! {
            () = ending.cancelled() => return,
            heard = events.next() => match heard {
                Ok(heard) => watch.hear(&heard),
                Err(JournalError::Closed) => return,
                Err(error) => events = watch.listen_anew(&error).await,
            },
            Some(id) = wants.recv() => watch.schedule.hasten(id, watch.now_ms(), HALTED_MS),
            () = until(due.map(Into::into)) => watch.look().await,
        }
    }
}

/// What the task knows.
struct Watch {
    core: Arc<Core>,
    board: Board,
    began: Instant,
    schedule: Schedule,
    watched: HashMap<SessionId, Watched>,
    sampler: Sampler,
}

/// One running attempt.
struct Watched {
    attempt: u32,
    /// When it was first heard of, and whether its memory grows fast.
    began_ms: u64,
    grows: bool,
    course: Course,
    /// Something is being done about its being stale.
    acting: bool,
}

/// A session that was looked at.
struct Looked {
    inquiry: Inquiry,
    at_ms: u64,
    now: Time,
    look: Option<Look>,
    activity: Activity,
    /// Agents that run below a held command.
    agents: Vec<Agent>,
}

impl Watch {
    fn new(core: Arc<Core>, board: Board) -> Self {
        Self {
            core,
            board,
            began: Instant::now(),
            schedule: Schedule::default(),
            watched: HashMap::new(),
            sampler: Sampler::new(),
        }
    }

    fn now_ms(&self) -> u64 {
        millis(self.began.elapsed())
    }

    /// Begins to watch all that runs, spread over a while, and forgets all else.
    fn take_stock(&mut self) {
        let live = self.core.journal.live();
        let running = |session: &Session| matches!(session.life, Life::Running { .. });
        let ids: Vec<_> = self.watched.keys().copied().collect();
        for id in ids {
            if !live.iter().any(|session| session.id == id && running(session)) {
                self.forget(id);
            }
        }
        for session in live.iter().filter(|session| running(session)) {
            if let Some(interval) = self.begin(session) {
                let spread = session.id.number() % interval.clamp(1, FIRST_MS);
                self.schedule.set(session.id, self.now_ms() + spread);
            }
        }
    }

    /// What was missed can be seen in the sessions themselves.
    async fn listen_anew(&mut self, error: &JournalError) -> Subscription {
        tracing::warn!(%error, "health goes on from the sessions as they are");
        tokio::time::sleep(AGAIN).await;
        let events = self.core.journal.subscribe(self.core.journal.last(), None);
        self.take_stock();
        events
    }

    fn hear(&mut self, events: &[Arc<Event>]) {
        for event in events {
            match (event.session_id, &event.change) {
                (_, Change::ConfigReloaded) => self.plan_anew(),
                (Some(id), Change::AttemptStarted(_)) => self.started(id),
                (Some(id), Change::AttemptExited(exited)) => {
                    let watched = self.watched.get(&id);
                    if watched.is_some_and(|watched| watched.attempt <= exited.attempt) {
                        self.forget(id);
                    }
                    self.core.before.end(id, exited.attempt);
                }
                (Some(id), Change::VerdictReached(verdict)) if verdict.settled => {
                    self.core.before.forget(id, verdict.attempt);
                }
                (_, Change::TmuxHealth(health)) => self.core.before.set_tmux(health),
                (_, Change::TmuxServerGone(gone)) => self.core.before.forget_tmux(&gone.socket),
                (
                    Some(id),
                    Change::SessionUnreachable(_)
                    | Change::SessionRepaired
                    | Change::LimitWarning(_)
                    | Change::OutputGap(_)
                    | Change::OrphanFound(_),
                ) if self.watched.contains_key(&id) => {
                    self.schedule.hasten(id, self.now_ms(), SOON_MS);
                }
                _ => {}
            }
        }
    }

    fn started(&mut self, id: SessionId) {
        let Ok(Some(session)) = self.core.journal.session(id) else { return };
        if let Some(interval) = self.begin(&session) {
            self.schedule.set(id, self.now_ms() + interval.min(SOON_MS));
        }
    }

    /// Watches the attempt that runs; the time between looks, where anybody is to look.
    fn begin(&mut self, session: &Session) -> Option<u64> {
        if !matches!(session.life, Life::Running { .. }) {
            return None;
        }
        let attempt = session.attempt;
        let began_ms = self.now_ms();
        let fresh = || Watched {
            attempt,
            began_ms,
            grows: false,
            course: Course::default(),
            acting: false,
        };
        let watched = self.watched.entry(session.id).or_insert_with(fresh);
        if watched.attempt != attempt {
            *watched = fresh();
        }
        self.core.before.begin(session.id, attempt, host::now().time);
        inquiry::interval_ms(session, &self.core.settings())
    }

    fn forget(&mut self, id: SessionId) {
        self.watched.remove(&id);
        self.schedule.remove(id);
        self.board.clear(id);
    }

    /// After the settings have changed.
    fn plan_anew(&mut self) {
        let ids: Vec<_> = self.watched.keys().copied().collect();
        for id in ids {
            self.plan(id);
        }
    }

    fn plan(&mut self, id: SessionId) {
        let Ok(Some(session)) = self.core.journal.session(id) else { return };
        match inquiry::interval_ms(&session, &self.core.settings()) {
            Some(interval) => {
                self.schedule.next(id, self.now_ms(), interval);
                if let Some(sooner) = self.sooner(id) {
                    self.schedule.advance(id, sooner);
                }
            }
            None => {
                self.schedule.remove(id);
                self.board.clear(id);
            }
        }
    }

    /// What has just begun is looked at a few times more; and what grows fast, as long as it
    /// does. At rest nothing is.
    fn sooner(&self, id: SessionId) -> Option<u64> {
        let watched = self.watched.get(&id)?;
        let now = self.now_ms();
        if watched.grows {
            return Some(now + GROWING_MS);
        }
        let early = EARLY_MS.iter().map(|ms| watched.began_ms + ms);
        // Those that began together are looked at together.
        early.map(|due| due.next_multiple_of(GRID_MS)).find(|due| *due > now)
    }

    /// Looks at all whose time has come.
    async fn look(&mut self) {
        let due = self.schedule.take(self.now_ms());
        let inquiries: Vec<Inquiry> = due.iter().filter_map(|id| self.inquire(*id)).collect();
        let (began, mut sampler) = (self.began, mem::take(&mut self.sampler));
        // Reading `/proc` may wait for a process; the daemon's own threads must not.
        let core = self.core.clone();
        let looking = tokio::task::spawn_blocking(move || {
            sampler.forget();
            core.before.refresh_host();
            let looked: Vec<Looked> =
                inquiries.into_iter().map(|inquiry| look(&mut sampler, began, inquiry)).collect();
            for Looked { inquiry: Inquiry { session, .. }, look, .. } in &looked {
                if look.as_ref().is_some_and(|look| look.alive == Liveness::Alive) {
                    core.scene.refresh(session.id, session.attempt);
                }
            }
            (sampler, looked)
        });
        if let Ok((sampler, looked)) = looking.await {
            self.sampler = sampler;
            self.judge(looked).await;
        }
        for id in due {
            if self.watched.contains_key(&id) {
                self.plan(id);
            }
        }
    }

    fn inquire(&mut self, id: SessionId) -> Option<Inquiry> {
        let session = self.core.journal.session(id).ok().flatten();
        let watched = self.watched.get(&id)?;
        match session.filter(|session| session.attempt == watched.attempt) {
            Some(session) if matches!(session.life, Life::Running { .. }) => {
                Inquiry::of(session, &self.core)
            }
            _ => {
                self.forget(id);
                None
            }
        }
    }

    async fn judge(&mut self, looked: Vec<Looked>) {
        let settings = self.core.settings();
        let (mut drafts, mut stale) = (Vec::new(), Vec::new());
        for looked in looked {
            let Looked { inquiry: Inquiry { session, .. }, at_ms, now, look, activity, agents } =
                looked;
            for agent in agents {
                self.tell(agent, &session);
            }
            let (Some(look), Some(watched)) = (look, self.watched.get_mut(&session.id)) else {
                continue;
            };
            let (mut evidence, mut reading) = watched.course.take(at_ms, now, &look, &activity);
            let (attempt, before) = (watched.attempt, &self.core.before);
            watched.grows = before.add(session.id, attempt, now, sample(now, &reading));
            if look.alive != Liveness::Alive {
                // Its end is its holder's to tell.
                self.board.show(session.id, reading);
                continue;
            }
            evidence.limits = inquiry::limits(&session, &evidence, &reading, &activity, now);
            let thresholds = inquiry::thresholds(&session, &settings);
            let findings = examine(&evidence, &thresholds, &session.conditions);
            let others = session.conditions.iter().filter(|other| !OURS.contains(other));
            let found = findings.iter().map(|finding| finding.condition);
            let mut conditions: Vec<_> = others.copied().chain(found).collect();
            conditions.sort_unstable();
            let is_new = |condition| !session.conditions.contains(&condition);
            if conditions != session.conditions {
                let new = findings.iter().filter(|finding| is_new(finding.condition));
                drafts.push(draft(
                    Some(session.id),
                    Change::HealthChanged(HealthChanged {
                        reasons: new.map(|finding| finding.reason.clone()).collect(),
                        before: session.conditions.clone(),
                        conditions: conditions.clone(),
                    }),
                ));
            }
            reading.reasons = findings.into_iter().map(|finding| finding.reason).collect();
            self.board.show(session.id, reading);
            if !conditions.contains(&Condition::Stale) {
                watched.acting = false;
            } else if !watched.acting {
                let silent_ms = evidence.silent_ms().max(thresholds.stale_after_ms.unwrap_or(0));
                stale.push((session, now.minus_millis(silent_ms)));
            }
        }
        if !drafts.is_empty()
            && let Err(error) = self.core.journal.append(drafts).await
        {
            // The next look finds the same again.
            tracing::warn!(%error, "could not journal how sessions are");
            return;
        }
        for (session, since) in stale {
            self.act(session, since);
        }
    }

    /// An agent that a held command has started is a session of its own.
    fn tell(&self, agent: Agent, session: &Session) {
        let uid = session.created.uid.unwrap_or_else(|| rustix::process::getuid().as_raw());
        // What is not heard now is told again by the next look.
        let _ = self.core.hooks.tell(Found::Agent { agent, parent: session.id, uid });
    }

    /// Does what the session, or else the settings, say about the stale.
    fn act(&mut self, session: Arc<Session>, since: Time) {
        let on_stale = session.created.health.on_stale;
        let on_stale = on_stale.unwrap_or(self.core.settings().health.on_stale);
        let is_asked = session.stop.is_some() || session.restart.is_some();
        // What the settings say for all is no wish to end what cannot be started again.
        let is_void = on_stale == OnStale::Restart && !session.created.recovery.has_retries();
        if on_stale == OnStale::Report || is_asked || is_void {
            return;
        }
        if let Some(watched) = self.watched.get_mut(&session.id) {
            watched.acting = true;
        }
        tokio::spawn(act::act(self.core.clone(), session, since, on_stale));
    }
}

fn sample(now: Time, reading: &Reading) -> SessionSample {
    SessionSample {
        at: Some(now),
        memory_bytes: reading.memory_bytes,
        cpu_ms: reading.cpu_ms,
        processes: reading.processes,
        open_files: reading.open_files,
    }
}

/// Agents below a held command; one that was started as an agent is that session itself. Those
/// in panes are told of by whoever watches tmux.
fn agents(inquiry: &Inquiry) -> Vec<Agent> {
    match &inquiry.target {
        Whom::Held(target) if inquiry.session.created.session_kind != Kind::Agent => {
            agents_below(target.leader.pid)
        }
        _ => Vec::new(),
    }
}

fn look(sampler: &mut Sampler, began: Instant, inquiry: Inquiry) -> Looked {
    let session_id = inquiry.session.id;
    let look = match &inquiry.target {
        Whom::Held(target) => sampler.look(target),
        Whom::Watched(roots) => match roots.first() {
            Some(front) => sampler.look_below(roots, front).map(Some),
            None => Ok(None),
        },
    };
    let look = look.unwrap_or_else(|error| {
        tracing::debug!(%session_id, %error, "cannot look at a session's processes");
        None
    });
    let gauges = Gauges::read(&inquiry.folder).ok().flatten().unwrap_or_default();
    let last_output = gauges.last_activity.filter(|time| Some(*time) != gauges.last_input);
    let activity =
        Activity { output_bytes: gauges.output_bytes, last_output, last_input: gauges.last_input };
    let (at_ms, now) = (millis(began.elapsed()), host::now().time);
    let agents = agents(&inquiry);
    Looked { inquiry, at_ms, now, look, activity, agents }
}
