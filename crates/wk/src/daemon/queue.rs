//! The queue: gives free slots to sessions that wait for one.
//!
//! Who gets one is [`plan`]ned from the journal's living sessions; here the plan is asked for
//! whenever something has changed, journalled and carried out. What was decided and is not in
//! the journal yet is kept in [`Ahead`], so that no slot is given twice.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;
use wk_holder::host;
use wk_journal::{JournalError, Subscription};
use wk_model::{
    Admitted, AttemptExited, Change, Ending, Event, HolderUsage, Kind, Life, Outcome, Queued,
    Session, SessionId, Time, Wait, WaitsFor,
};
use wk_policies::queue::{
    After, Breakers, Claim, Entry, InstanceLimit, Limits, Plan, TemplateLimits, plan,
};

use super::{
    breakers,
    core::{AGAIN, Core},
    create, recover,
};
use crate::config::Settings;

/// What the queue knows beyond the journal.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
pub(super) struct State {
    ahead: HashMap<SessionId, Ahead>,
    pub(super) breakers: Breakers,
    /// Queued sessions whose clients will attach.
    attaching: HashSet<SessionId>,
}

/// A session that is about to start, or to be queued, as the journal will have it.
#[derive(Debug)]
struct Ahead {
    created: Time,
    template: Option<String>,
    instance: Option<String>,
    claim: Claim,
}

/// Keeps a slot, or a place in the queue, until the journal shows it.
#[derive(Debug)]
pub(super) struct Place {
    core: Arc<Core>,
    session_id: SessionId,
}

/// Whether a session may start.
#[derive(Debug)]
pub(super) enum Turn {
    /// With this instance of its template.
    Now {
        instance: Option<String>,
        place: Option<Place>,
    },
    Later {
        waits_for: WaitsFor,
        place: Place,
    },
}

impl Queue {
    /// Something has changed that may give somebody a slot.
    pub(super) fn look(&self) {
        self.changed.notify_one();
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client will attach to a queued session as soon as it runs.
    pub(super) fn expect_client(&self, session_id: SessionId) {
        self.state().attaching.insert(session_id);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.core.queue.state().ahead.remove(&self.session_id);
        self.core.queue.look();
    }
}

/// How many sessions may run at a time, as the settings have it.
pub(super) fn limits(settings: &Settings) -> Limits {
    let overall = Some(settings.session.max_concurrent).filter(|limit| *limit > 0);
    let bounded = settings.templates.iter().filter_map(|(name, template, _)| {
        let instances = template.instances.iter().flatten().map(|instance| InstanceLimit {
            name: instance.name.clone(),
            max_concurrent: instance.max_concurrent,
        });
        let limits = TemplateLimits {
            max_concurrent: template.max_concurrent,
            instances: instances.collect(),
        };
        (limits != TemplateLimits::default()).then(|| (name.to_owned(), limits))
    });
    Limits { overall, templates: bounded.collect() }
}

/// Asks for a slot for a session that the journal does not show as living: a new one, or one
/// that is to be restarted.
pub(super) fn ask(
    core: &Arc<Core>,
    session_id: SessionId,
    created: Time,
    template: Option<&str>,
    instance: Option<&str>,
    after: Option<SessionId>,
) -> Result<Turn, JournalError> {
    let limits = limits(&core.settings());
    if after.is_none() && !limits.concern(template) {
        return Ok(Turn::Now { instance: instance.map(str::to_owned), place: None });
    }
    let own = |text: Option<&str>| text.map(str::to_owned);
    let after = after.map(|other| become_of(core, other)).transpose()?.unwrap_or(After::Nothing);
    let claim = Claim::Waits(after);
    let ahead = Ahead { created, template: own(template), instance: own(instance), claim };
    let mut state = core.queue.state();
    state.ahead.insert(session_id, ahead);
    let plan = match planned(core, &state, &limits) {
        Ok(plan) => plan,
        Err(error) => {
            state.ahead.remove(&session_id);
            return Err(error);
        }
    };
    let place = Place { core: core.clone(), session_id };
    let admitted = plan.admitted.into_iter().find(|one| one.session_id == session_id);
    if let Some(admitted) = admitted {
        state.give(session_id, template, admitted.instance.as_deref());
        return Ok(Turn::Now { instance: admitted.instance, place: Some(place) });
    }
    let waits_for = plan.waiting.into_iter().find(|(id, _)| *id == session_id);
    let waits_for = waits_for.map(|(_, waits_for)| waits_for);
    // Whom it waits for has failed: that is what it is told, before it is given up.
    let waits_for = waits_for.unwrap_or_else(|| match after {
        After::Lives(session_id) | After::Failed(session_id) => WaitsFor::Session { session_id },
        After::Nothing => WaitsFor::Slot { scope: wk_policies::queue::OVERALL.to_owned() },
    });
    Ok(Turn::Later { waits_for, place })
}

impl State {
    /// Takes a slot for a session that is about to start.
    fn give(&mut self, session_id: SessionId, template: Option<&str>, instance: Option<&str>) {
        if let Some(ahead) = self.ahead.get_mut(&session_id) {
            ahead.claim = Claim::Holds;
            ahead.instance = instance.map(str::to_owned);
        }
        if let (Some(template), Some(instance)) = (template, instance) {
            let key = (template.to_owned(), instance.to_owned());
            self.breakers.entry(key).or_default().admit(session_id, host::now().time);
        }
    }
}

fn planned(core: &Core, state: &State, limits: &Limits) -> Result<Plan, JournalError> {
    let (living, now) = (core.journal.live(), host::now().time);
    let mut entries = Vec::with_capacity(living.len() + state.ahead.len());
    for session in living.iter().filter(|session| !state.ahead.contains_key(&session.id)) {
        if let Some(claim) = claim(core, session, now)? {
            entries.push(Entry {
                session_id: session.id,
                created: session.start_time,
                template: session.created.template.as_deref(),
                instance: session.instance.as_deref(),
                claim,
            });
        }
    }
    entries.extend(state.ahead.iter().map(|(session_id, ahead)| Entry {
        session_id: *session_id,
        created: ahead.created,
        template: ahead.template.as_deref(),
        instance: ahead.instance.as_deref(),
        claim: ahead.claim.clone(),
    }));
    Ok(plan(&entries, limits, &state.breakers, now))
}

/// What a living session has to do with slots; none: nothing.
pub(super) fn claim(
    core: &Core,
    session: &Session,
    now: Time,
) -> Result<Option<Claim>, JournalError> {
    if session.created.session_kind == Kind::Tmux {
        // Watched, not run.
        return Ok(None);
    }
    Ok(match &session.life {
        Life::Queued { waits_for: WaitsFor::Session { session_id } } => {
            Some(Claim::Waits(become_of(core, *session_id)?))
        }
        Life::Queued { .. } => Some(Claim::Waits(After::Nothing)),
        Life::Recovering { wait: Wait::Parked(parked), .. } => {
            (parked.until <= now).then_some(Claim::Parked)
        }
        Life::Starting | Life::Running { .. } | Life::Recovering { .. } => Some(Claim::Holds),
        Life::Ended(_) => None,
    })
}

/// How the session stands that another one waits for.
fn become_of(core: &Core, other: SessionId) -> Result<After, JournalError> {
    Ok(match core.journal.session(other)? {
        Some(session) => match session.ended() {
            None => After::Lives(other),
            Some(ended) if ended.outcome == Outcome::Completed => After::Nothing,
            Some(_) => After::Failed(other),
        },
        None => After::Failed(other),
    })
}

/// Plans whenever something has changed, until the daemon ends.
pub(super) async fn run(core: Arc<Core>, ending: CancellationToken) {
    let work = async {
        core.until_adopted().await;
        let mut events = core.journal.subscribe(core.journal.last(), None);
        if let Err(error) = breakers::remember(&core) {
            tracing::error!(%error, "cannot read how instances did");
        }
        loop {
            let again = look_again(&core);
            tokio::select! {
                () = core.queue.changed.notified() => {}
                () = sleep(again) => {}
                heard = hear(&core, &mut events) => if heard.is_err() {
                    return;
                },
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = ending.cancelled() => {}
    }
}

/// Plans, acts, and says when to look again if nothing happens until then.
fn look_again(core: &Arc<Core>) -> Duration {
    const LONGEST: Duration = Duration::from_secs(3600);
    match replan(core) {
        Ok(Some(again)) => {
            Duration::from_millis(again.millis_since(host::now().time) + 1).min(LONGEST)
        }
        Ok(None) => LONGEST,
        Err(error) => {
            tracing::error!(%error, "cannot plan the queue");
            AGAIN
        }
    }
}

/// Waits for an event that may give somebody a slot.
async fn hear(core: &Arc<Core>, events: &mut Subscription) -> Result<(), ()> {
    loop {
        let batch = match events.next().await {
            Ok(batch) => batch,
            Err(JournalError::Closed) => return Err(()),
            Err(error) => {
                tracing::error!(%error, "the queue missed events");
                *events = core.journal.subscribe(core.journal.last(), None);
                return Ok(());
            }
        };
        for event in &batch {
            breakers::hear(core, event).await;
            if let (Change::SessionClosed { .. }, Some(id)) = (&event.change, event.session_id) {
                core.queue.state().attaching.remove(&id);
            }
        }
        if batch.iter().any(|event| frees(event)) {
            return Ok(());
        }
    }
}

fn frees(event: &Event) -> bool {
    matches!(
        event.change,
        Change::SessionClosed { .. }
            | Change::SessionParked(_)
            | Change::SessionRemoved { .. }
            | Change::BreakerOpened(_)
            | Change::BreakerClosed(_)
            | Change::ConfigReloaded
    )
}

fn replan(core: &Arc<Core>) -> Result<Option<Time>, JournalError> {
    let limits = limits(&core.settings());
    let mut turns = Vec::new();
    let plan = {
        let mut state = core.queue.state();
        let plan = planned(core, &state, &limits)?;
        for admitted in &plan.admitted {
            let (session_id, instance) = (admitted.session_id, admitted.instance.clone());
            // One that is being created asks for itself.
            if state.ahead.contains_key(&session_id) {
                continue;
            }
            let Some(session) = core.journal.session(session_id).ok().flatten() else { continue };
            let template = session.created.template.clone();
            let ahead = Ahead {
                created: session.start_time,
                template: template.clone(),
                instance: None,
                claim: Claim::Holds,
            };
            state.ahead.insert(session_id, ahead);
            state.give(session_id, template.as_deref(), instance.as_deref());
            turns.push((session_id, instance, Place { core: core.clone(), session_id }));
        }
        plan
    };
    for (session_id, instance, place) in turns {
        tokio::spawn(admit(core.clone(), session_id, instance, place));
    }
    for (session_id, waits_for) in plan.waiting {
        let session = core.journal.session(session_id)?;
        let told = session.as_ref().and_then(|session| match &session.life {
            Life::Queued { waits_for } => Some(waits_for.clone()),
            _ => None,
        });
        if told.is_some_and(|told| told != waits_for) {
            tokio::spawn(tell(core.clone(), session_id, waits_for));
        }
    }
    for (session_id, other) in plan.hopeless {
        tokio::spawn(give_up(core.clone(), session_id, other));
    }
    Ok(plan.again)
}

/// Starts a session whose turn has come, if it still waits.
async fn admit(core: Arc<Core>, session_id: SessionId, instance: Option<String>, place: Place) {
    let mut told = false;
    while let Err(error) = admit_once(&core, session_id, instance.as_ref(), &mut told).await {
        if matches!(error.downcast_ref(), Some(JournalError::Closed)) {
            break;
        }
        tracing::error!(%session_id, error = format!("{error:#}"), "cannot start a queued session");
        sleep(AGAIN).await;
    }
    drop(place);
}

async fn admit_once(
    core: &Arc<Core>,
    session_id: SessionId,
    instance: Option<&String>,
    told: &mut bool,
) -> anyhow::Result<()> {
    let _turn = core.turn(session_id).await;
    let Some(session) = core.journal.session(session_id)? else { return Ok(()) };
    let waits = match &session.life {
        Life::Queued { .. } | Life::Recovering { wait: Wait::Parked(_), .. } => true,
        Life::Starting => *told,
        _ => false,
    };
    if !waits {
        return Ok(());
    }
    let attempt = session.attempt + 1;
    if !*told {
        let admitted = Admitted { attempt, instance: instance.cloned() };
        core.journal(Some(session_id), Change::SessionAdmitted(admitted)).await?;
        *told = true;
    }
    let previous_exit = recover::previous_exit(core, &session)?;
    if session.attempt > 0 {
        recover::clear_the_way(core, &session).await?;
    }
    let awaited = core.queue.state().attaching.remove(&session_id);
    let attach_wait_ms = if awaited { create::ATTACH_WAIT_MS } else { 0 };
    let afresh = recover::begins_anew(&session);
    let start = create::Start { attempt, attach_wait_ms, previous_exit, afresh };
    create::start(core, session_id, start).await.map_err(|problem| anyhow::anyhow!(problem.detail))
}

/// Says that a queued session waits for something else now.
async fn tell(core: Arc<Core>, session_id: SessionId, waits_for: WaitsFor) {
    let _turn = core.turn(session_id).await;
    let told = async {
        if is_queued(&core, session_id)? {
            core.journal(Some(session_id), Change::SessionQueued(Queued { waits_for })).await?;
        }
        Ok::<_, JournalError>(())
    };
    if let Err(error) = told.await {
        tracing::warn!(%session_id, %error, "cannot say what a session waits for");
    }
}

/// Cancels a new session at once where the one that it waits for did not end well.
pub(super) async fn settle_after(core: &Arc<Core>, session_id: SessionId, other: SessionId) {
    if matches!(become_of(core, other), Ok(After::Failed(_))) {
        give_up(core.clone(), session_id, other).await;
    }
}

/// Cancels a session that waits for another one which did not end well.
async fn give_up(core: Arc<Core>, session_id: SessionId, other: SessionId) {
    let _turn = core.turn(session_id).await;
    let given_up = async {
        if !is_queued(&core, session_id)? {
            return Ok(());
        }
        let Some(session) = core.journal.session(session_id)? else { return Ok(()) };
        let why = match core.journal.session(other)?.as_deref().map(Session::status) {
            Some(Some(status)) => {
                format!("session {other}, which had to end well first, is {status}")
            }
            _ => format!("session {other}, which had to end well first, is gone"),
        };
        let exited = AttemptExited {
            attempt: session.attempt + 1,
            ending: Ending::NeverRan { why },
            limit: None,
            usage: HolderUsage::default(),
            last_lines: None,
        };
        core.journal(Some(session_id), Change::AttemptExited(exited)).await?;
        recover::settle(&core, session_id).await
    };
    if let Err(error) = given_up.await {
        tracing::error!(%session_id, %error, "cannot cancel a session that will never start");
    }
}

fn is_queued(core: &Core, session_id: SessionId) -> Result<bool, JournalError> {
    let session = core.journal.session(session_id)?;
    Ok(session.is_some_and(|session| matches!(session.life, Life::Queued { .. })))
}
