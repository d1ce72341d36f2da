//! The queue: which waiting sessions may start now, and what each other one waits for.
//!
//! First come, first served among those that can start: a session that waits for another one,
//! or for a slot of a full template, holds nobody up. Parked sessions whose moment has come go
//! before those that have not run yet.
//!
//! Invariant: a plan never admits more than there are slots, and leaves no slot empty that
//! somebody who waits could have.

use std::collections::{BTreeMap, HashMap};

use wk_model::{SessionId, Time, WaitsFor};

use crate::breaker::{Breaker, Standing};

/// The scope of a slot that any session takes.
pub const OVERALL: &str = "overall";

/// How many sessions may run at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// All sessions together; none: no limit.
    pub overall: Option<u32>,
    pub templates: BTreeMap<String, TemplateLimits>,
}

/// How many sessions of one template may run at a time, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateLimits {
    pub max_concurrent: Option<u32>,
    /// In the order of the settings; none: the template is its only instance.
    pub instances: Vec<InstanceLimit>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceLimit {
    pub name: String,
    pub max_concurrent: Option<u32>,
}

/// The breakers that are known, by template and instance; one that is not is closed.
pub type Breakers = BTreeMap<(String, String), Breaker>;

/// A session that has a slot, or wants one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    pub session_id: SessionId,
    pub created: Time,
    pub template: Option<&'a str>,
    /// Of its template: the one that it runs with, or ran with before.
    pub instance: Option<&'a str>,
    pub claim: Claim,
}

/// What a session has to do with slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It has one: it starts, runs, or is between two attempts.
    Holds,
    /// It has given its slot up, and its moment has come.
    Parked,
    /// It wants to start.
    Waits(After),
}

/// What has become of the session that another one waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// There is none, or it ended well.
    Nothing,
    Lives(SessionId),
    /// It did not end well: this one never starts.
    Failed(SessionId),
}

/// What is to be done about those that want a slot. Each is in one of the lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order in which they are to start.
    pub admitted: Vec<Admission>,
    pub waiting: Vec<(SessionId, WaitsFor)>,
    /// Who waits for a session that did not end well, and for which.
    pub hopeless: Vec<(SessionId, SessionId)>,
    /// The next moment at which the answer may be another one by itself.
    pub again: Option<Time>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    pub session_id: SessionId,
    /// Which instance of its template it runs with.
    pub instance: Option<String>,
}

impl Limits {
    /// Whether a session of this template may have to wait for its turn, or is given an
    /// instance.
    pub fn concern(&self, template: Option<&str>) -> bool {
        self.overall.is_some() || template.is_some_and(|name| self.templates.contains_key(name))
    }
}

/// Plans for all living sessions.
pub fn plan(entries: &[Entry<'_>], limits: &Limits, breakers: &Breakers, now: Time) -> Plan {
    let mut slots = Slots::new(entries, limits, breakers, now);
    let mut wanting: Vec<&Entry<'_>> =
        entries.iter().filter(|entry| entry.claim != Claim::Holds).collect();
    wanting.sort_by_key(|entry| {
        (entry.claim != Claim::Parked, entry.created, entry.session_id.number())
    });
    let mut plan = Plan::default();
    for entry in wanting {
        match entry.claim {
            Claim::Waits(After::Lives(session_id)) => {
                plan.waiting.push((entry.session_id, WaitsFor::Session { session_id }));
            }
            Claim::Waits(After::Failed(other)) => plan.hopeless.push((entry.session_id, other)),
            _ => match slots.take(entry) {
                Ok(instance) => {
                    let session_id = entry.session_id;
                    plan.admitted.push(Admission { session_id, instance });
                }
                Err(waits_for) => plan.waiting.push((entry.session_id, waits_for)),
            },
        }
    }
    plan.again = slots.again;
    plan
}

/// The slots that are taken, as the plan goes on.
struct Slots<'a> {
    limits: &'a Limits,
    breakers: &'a Breakers,
    now: Time,
    all: u32,
    templates: HashMap<&'a str, u32>,
    instances: HashMap<(&'a str, &'a str), u32>,
    /// Instances whose one session to try the plan has admitted.
    tried: Vec<(&'a str, &'a str)>,
    again: Option<Time>,
}

/// Why an instance does not take a session.
enum Closed {
    Full,
    Breaker,
}

impl<'a> Slots<'a> {
    fn new(entries: &[Entry<'a>], limits: &'a Limits, breakers: &'a Breakers, now: Time) -> Self {
        let mut slots = Self {
            limits,
            breakers,
            now,
            all: 0,
            templates: HashMap::new(),
            instances: HashMap::new(),
            tried: Vec::new(),
            again: None,
        };
        for entry in entries.iter().filter(|entry| entry.claim == Claim::Holds) {
            slots.count(entry.template, entry.instance);
        }
        slots
    }

    fn count(&mut self, template: Option<&'a str>, instance: Option<&'a str>) {
        self.all += 1;
        let Some(template) = template else { return };
        *self.templates.entry(template).or_default() += 1;
        if let Some(instance) = instance {
            *self.instances.entry((template, instance)).or_default() += 1;
        }
    }

    /// Gives the session a slot, and says with which instance; or what it waits for.
    fn take(&mut self, entry: &Entry<'a>) -> Result<Option<String>, WaitsFor> {
        let slot = |scope: &str| WaitsFor::Slot { scope: scope.to_owned() };
        if is_full(self.limits.overall, self.all) {
            return Err(slot(OVERALL));
        }
        let known = entry.template.and_then(|name| self.limits.templates.get_key_value(name));
        let Some((name, template)) = known else {
            self.count(entry.template, entry.instance);
            return Ok(entry.instance.map(str::to_owned));
        };
        let taken = self.templates.get(name.as_str()).copied().unwrap_or(0);
        if is_full(template.max_concurrent, taken) {
            return Err(slot(name));
        }
        let instance = match self.instance(entry, name, template) {
            Ok(instance) => instance,
            Err(Closed::Full) => return Err(slot(name)),
            Err(Closed::Breaker) => return Err(WaitsFor::Breaker { template: name.clone() }),
        };
        self.count(Some(name), instance);
        Ok(instance.map(str::to_owned))
    }

    /// The least loaded instance that takes sessions; the first of several.
    fn instance(
        &mut self,
        entry: &Entry<'a>,
        template: &'a str,
        limits: &'a TemplateLimits,
    ) -> Result<Option<&'a str>, Closed> {
        // What it has begun is where it began it.
        let own = entry.instance;
        if limits.instances.is_empty()
            || own.is_some_and(|own| limits.instances.iter().all(|one| one.name != own))
        {
            return Ok(entry.instance);
        }
        let (mut best, mut full): (Option<(u32, &'a str)>, bool) = (None, false);
        for one in limits.instances.iter().filter(|one| own.is_none_or(|own| one.name == own)) {
            let load = self.instances.get(&(template, one.name.as_str())).copied().unwrap_or(0);
            if !self.lets_through(template, &one.name) {
                continue;
            }
            if is_full(one.max_concurrent, load) {
                full = true;
            } else if best.is_none_or(|(least, _)| load < least) {
                best = Some((load, &one.name));
            }
        }
        match best {
            Some((_, name)) => {
                if self.standing(template, name) == Standing::HalfOpen {
                    self.tried.push((template, name));
                }
                Ok(Some(name))
            }
            None if full => Err(Closed::Full),
            None => Err(Closed::Breaker),
        }
    }

    fn standing(&self, template: &str, instance: &str) -> Standing {
        let key = (template.to_owned(), instance.to_owned());
        self.breakers.get(&key).map_or(Standing::Closed, |breaker| breaker.standing(self.now))
    }

    fn lets_through(&mut self, template: &'a str, instance: &'a str) -> bool {
        match self.standing(template, instance) {
            Standing::Closed => true,
            Standing::HalfOpen => !self.tried.contains(&(template, instance)),
            Standing::Open(until) | Standing::Probing(until) => {
                self.again = Some(self.again.map_or(until, |again| again.min(until)));
                false
            }
        }
    }
}

fn is_full(limit: Option<u32>, taken: u32) -> bool {
    limit.is_some_and(|limit| taken >= limit)
}

#[cfg(test)]
mod tests;
