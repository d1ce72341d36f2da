//! Circuit breakers of templates' instances: what events do to them, and how they stand.

use std::sync::Arc;

use wk_api::{InstanceView, Problem};
use wk_holder::host;
use wk_journal::{EventQuery, JournalError};
use wk_model::{
    BreakerClosed, BreakerOpened, Change, Event, Outcome, Requester, Seq, Session, Time,
};
use wk_policies::{
    breaker::{Standing, Turned},
    queue::{Breakers, Claim},
};
use wk_server::not_found;

use super::{
    core::{Core, failed},
    queue,
};

/// Events that breakers are folded from when the daemon starts.
const RECENT: usize = 4096;

/// Folds what happened before this daemon.
pub(super) fn remember(core: &Core) -> Result<(), JournalError> {
    let limits = queue::limits(&core.settings());
    if limits.templates.values().all(|template| template.instances.is_empty()) {
        return Ok(());
    }
    let after = Seq(core.journal.last().0.saturating_sub(RECENT as u64));
    let kinds = ["session_admitted", "attempt_exited", "breaker_closed"].map(str::to_owned);
    let recent = EventQuery { after, kinds: kinds.into(), ..EventQuery::default() };
    let mut breakers = Breakers::new();
    for event in core.journal.events(&recent)? {
        let session = event.session_id.map(|id| core.journal.session(id)).transpose()?.flatten();
        fold(&mut breakers, &event, session.as_deref());
    }
    core.queue.state().breakers = breakers;
    Ok(())
}

/// Hears of an event, and says what it did.
pub(super) async fn hear(core: &Arc<Core>, event: &Event) {
    let told = matches!(
        event.change,
        Change::SessionAdmitted(_) | Change::AttemptExited(_) | Change::BreakerClosed(_)
    );
    if !told {
        return;
    }
    let session = event.session_id.and_then(|id| core.journal.session(id).ok().flatten());
    let turned = fold(&mut core.queue.state().breakers, event, session.as_deref());
    let Some((template, instance, turned)) = turned else { return };
    let change = match turned {
        Turned::Opened { until } => {
            tracing::warn!(template, instance, "too many sessions fail: it gets none for a while");
            Change::BreakerOpened(BreakerOpened { template, instance, until })
        }
        Turned::Closed => Change::BreakerClosed(BreakerClosed { template, instance, by: None }),
    };
    if let Err(error) = core.journal(None, change).await {
        tracing::error!(%error, "cannot journal what a breaker did");
    }
}

/// One event's effect; which breaker it turned, if it did.
fn fold(
    breakers: &mut Breakers,
    event: &Event,
    session: Option<&Session>,
) -> Option<(String, String, Turned)> {
    if let Change::BreakerClosed(closed) = &event.change {
        let key = (closed.template.clone(), closed.instance.clone());
        if closed.by.is_some() {
            breakers.remove(&key);
        }
        return None;
    }
    let session = session?;
    let (template, instance) = (session.created.template.clone()?, session.instance.clone()?);
    let breaker = breakers.entry((template.clone(), instance.clone())).or_default();
    let at = event.at.time;
    let turned = match &event.change {
        Change::SessionAdmitted(_) => {
            breaker.admit(session.id, at);
            None
        }
        Change::AttemptExited(exited) => {
            let stopped = session.stop.is_some() || session.restart.is_some();
            let kind = session.created.session_kind;
            match (exited.limit, exited.ending.outcome(kind, stopped, exited.limit)) {
                (None, Outcome::Completed) => breaker.ended(session.id, true, at),
                (None, Outcome::Failed) => breaker.ended(session.id, false, at),
                // A limit or a stop says nothing of the instance.
                _ => {
                    breaker.withdrawn(session.id, at);
                    None
                }
            }
        }
        _ => None,
    };
    turned.map(|turned| (template, instance, turned))
}

/// Every instance there is, and how it stands.
pub(super) fn list(core: &Core) -> Result<Vec<InstanceView>, Problem> {
    let (limits, now) = (queue::limits(&core.settings()), host::now().time);
    let living = core.journal.live();
    let state = core.queue.state();
    let mut views = Vec::new();
    for (template, of) in &limits.templates {
        for instance in &of.instances {
            let mut running = 0;
            for session in &living {
                let fits = session.created.template.as_ref() == Some(template)
                    && session.instance.as_ref() == Some(&instance.name);
                if fits && queue::claim(core, session, now).map_err(failed)? == Some(Claim::Holds) {
                    running += 1;
                }
            }
            let key = (template.clone(), instance.name.clone());
            let breaker = state.breakers.get(&key).cloned().unwrap_or_default();
            let (word, until) = standing(breaker.standing(now));
            let (failures, ends) = breaker.failures();
            views.push(InstanceView {
                template: template.clone(),
                instance: instance.name.clone(),
                running,
                max_concurrent: instance.max_concurrent,
                breaker: word.to_owned(),
                breaker_until: until,
                failures: u32::try_from(failures).unwrap_or(u32::MAX),
                ends: u32::try_from(ends).unwrap_or(u32::MAX),
            });
        }
    }
    Ok(views)
}

fn standing(standing: Standing) -> (&'static str, Option<Time>) {
    match standing {
        Standing::Closed => ("closed", None),
        Standing::Open(until) => ("open", Some(until)),
        Standing::HalfOpen => ("half_open", None),
        Standing::Probing(until) => ("half_open", Some(until)),
    }
}

/// Closes a breaker because somebody says that the instance works again.
pub(super) async fn reset(
    core: &Core,
    template: String,
    instance: String,
    by: Requester,
) -> Result<(), Problem> {
    let known = queue::limits(&core.settings())
        .templates
        .get(&template)
        .is_some_and(|of| of.instances.iter().any(|one| one.name == instance));
    if !known {
        let shown = format!("{template}/{instance}");
        let shown: String = shown.chars().take(80).collect::<String>().escape_debug().to_string();
        return Err(not_found(format!(
            "no instance `{shown}`: `wk instances` shows what there is"
        )));
    }
    let closed = BreakerClosed { template, instance, by: Some(by) };
    core.journal(None, Change::BreakerClosed(closed)).await.map_err(failed)
}
