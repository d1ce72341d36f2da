//! Gathers what is known of an end: from the journal, the witness, and the system.

use std::{sync::Arc, time::Duration};

use wk_holder::host;
use wk_journal::EventQuery;
use wk_judges::autopsy::{Coverage, Evidence, Fact, Subject, What};
use wk_model::{
    AttemptStarted, Change, CommandSeen, Event, Kind, LimitReached, Moment, ProcessId, Restarted,
    Seq, Session, SignalSeen, Stopped, Target,
};

use wk_sources::system::About;

use super::{Ended, tmux};
use crate::daemon::{core::Core, world};

/// What tells of an end, and is journalled with its session.
const OWN: [&str; 9] = [
    "attempt_started",
    "session_stopped",
    "session_restarted",
    "limit_exceeded",
    "signal_seen",
    "exit_seen",
    "oom_victim_seen",
    "command_seen",
    "orphan_ended",
];

/// What may tell of it, and is of no session.
const COMMON: [&str; 4] = ["signal_seen", "exit_seen", "oom_victim_seen", "command_seen"];

/// Events in which those of no session are looked for.
const RECENT: usize = 4096;

/// So long before an end, and after it, something may have to do with it.
const BEFORE_NS: u64 = 30_000_000_000;
const AFTER_NS: u64 = 5_000_000_000;

/// Facts of one verdict.
const MAX_FACTS: usize = 512;

/// None: the journal does not know the session (any more).
///
/// `patience`: what the machine cannot tell within this time is left out.
pub(super) async fn gather(
    core: &Arc<Core>,
    ended: &Ended,
    patience: Duration,
) -> Option<Evidence> {
    let session = core.journal.session(ended.session_id).ok().flatten()?;
    let told = core.witness.sync().await;
    let own = own(core, ended);
    let started = own.iter().find_map(|event| match &event.change {
        Change::AttemptStarted(started) => Some((event.at, started.clone())),
        _ => None,
    });
    let mut facts: Vec<Fact> = own.iter().filter_map(fact).collect();
    if is_of_tmux(&session) {
        facts.extend(common(core, ended, &session).iter().filter_map(fact));
    }
    let tmux = tmux::of(core, &session);
    facts.extend(tmux.iter().flat_map(|tmux| tmux::messages(tmux, ended.at)));
    let mut subject = subject(&session, started.as_ref().map(|(_, started)| started), &facts);
    if let Some(tmux) = &tmux {
        tmux::describe(tmux, &mut subject);
    }
    let since = started.as_ref().map_or(ended.at, |(at, _)| *at);
    facts.extend(core.scene.facts(about(core, &session, &subject, ended, since, patience)).await);
    facts.sort_by_key(|fact| (fact.at.time, fact.at.boot_ns));
    if facts.len() > MAX_FACTS {
        // The latest are nearest to the end.
        facts.drain(..facts.len() - MAX_FACTS);
    }
    Some(Evidence {
        subject,
        ended_at: ended.at,
        ending: ended.exited.ending.clone(),
        last_lines: ended.exited.last_lines.clone(),
        limit: limit(&own, ended),
        stopped: stopped(&own, ended),
        coverage: coverage(core, told, started.map(|(at, _)| at), ended.at),
        unread: core.scene.unread().await,
        facts,
    })
}

/// The session's events of the attempt that has ended.
fn own(core: &Core, ended: &Ended) -> Vec<Event> {
    let kinds = OWN.iter().map(ToString::to_string).collect();
    let session = Some(ended.session_id);
    let query = EventQuery { session, kinds, ..EventQuery::default() };
    let mut events = core.journal.events(&query).unwrap_or_default();
    let attempt = ended.exited.attempt;
    let is_start = |event: &Event, wanted: u32| match &event.change {
        Change::AttemptStarted(started) => started.attempt == wanted,
        _ => false,
    };
    // What came before its start belongs to an earlier attempt; what comes after the next one's
    // start to that.
    if let Some(begin) = events.iter().position(|event| is_start(event, attempt)) {
        events.drain(..begin);
    }
    if let Some(end) = events.iter().position(|event| is_start(event, attempt + 1)) {
        events.truncate(end);
    }
    events
}

/// Whether facts of no session may tell of its end: they are about tmux servers and who asks
/// them. What happens to the processes that we hold is journalled with their session.
fn is_of_tmux(session: &Session) -> bool {
    session.created.watched || session.created.session_kind == Kind::Tmux
}

/// Events of no session, near the end. What happens to a process that a client told of is
/// journalled with the session in which it runs.
fn common(core: &Core, ended: &Ended, session: &Session) -> Vec<Event> {
    let around = session.created.reported.as_ref().and(session.created.parent_id);
    let after = Seq(core.journal.last().0.saturating_sub(RECENT as u64));
    let kinds = COMMON.iter().map(ToString::to_string).collect();
    let query = EventQuery { after, kinds, ..EventQuery::default() };
    let mut events = core.journal.events(&query).unwrap_or_default();
    events.retain(|event| {
        (event.session_id.is_none() || event.session_id == around)
            && event.at.boot == ended.at.boot
            && event.at.boot_ns.saturating_add(BEFORE_NS) >= ended.at.boot_ns
            && event.at.boot_ns <= ended.at.boot_ns.saturating_add(AFTER_NS)
    });
    events
}

fn fact(event: &Event) -> Option<Fact> {
    let what = match &event.change {
        Change::SignalSeen(seen) => What::Signal(SignalSeen::clone(seen)),
        Change::ExitSeen(seen) => What::Exit(seen.clone()),
        Change::OomVictimSeen(seen) => What::OomVictim(seen.clone()),
        Change::CommandSeen(seen) => What::Command(CommandSeen::clone(seen)),
        Change::OrphanEnded(orphan) => {
            What::LeftoverEnded { process: orphan.process, comm: orphan.comm.clone() }
        }
        _ => return None,
    };
    let source = match what {
        What::LeftoverEnded { .. } => "journal",
        _ => "witness",
    };
    Some(Fact { at: event.at, source: source.to_owned(), what })
}

fn subject(session: &Session, started: Option<&AttemptStarted>, facts: &[Fact]) -> Subject {
    let leader = started.and_then(|started| started.process);
    let holder = started.and_then(|started| started.holder);
    let mut processes: Vec<ProcessId> = leader.into_iter().collect();
    for fact in facts {
        let target = match &fact.what {
            What::Signal(seen) => &seen.target,
            What::Exit(seen) => &seen.target,
            What::OomVictim(seen) => &seen.target,
            _ => continue,
        };
        if is_below(target, leader, holder) && !processes.contains(&target.process) {
            processes.push(target.process);
        }
    }
    let created = &session.created;
    // A folder of another machine says nothing of the disks of this one.
    let is_here = created.reported.as_ref().is_none_or(|reported| !reported.remote);
    Subject {
        session_id: session.id,
        kind: created.session_kind,
        name: session.name().map(str::to_owned),
        watched: created.watched,
        uid: created.uid,
        leader,
        holder,
        tmux: None,
        processes,
        working_directory: created.working_directory.clone().filter(|_| is_here),
        cgroup: session.cgroup.clone(),
    }
}

/// Whether a process belongs to the session of this leader; its holder does not.
fn is_below(target: &Target, leader: Option<ProcessId>, holder: Option<ProcessId>) -> bool {
    let root = Some(target.root);
    (root == leader || root == holder) && Some(target.process) != holder
}

fn limit(own: &[Event], ended: &Ended) -> Option<LimitReached> {
    let limit = ended.exited.limit?;
    own.iter().rev().find_map(|event| match &event.change {
        Change::LimitExceeded(reached) if reached.limit == limit => Some(reached.clone()),
        _ => None,
    })
}

fn stopped(own: &[Event], ended: &Ended) -> Option<(Stopped, Option<String>)> {
    let stopped = own.iter().find_map(|event| match &event.change {
        Change::SessionStopped(stopped) => Some(stopped.clone()),
        // One that is asked for after the end has nothing to do with it.
        Change::SessionRestarted(Restarted { by, grace_ms: Some(grace_ms), .. })
            if event.at.boot == ended.at.boot && event.at.boot_ns <= ended.at.boot_ns =>
        {
            Some(Stopped { by: by.clone(), grace_ms: *grace_ms })
        }
        _ => None,
    })?;
    let username = world::user_name(stopped.by.uid);
    Some((stopped, username))
}

/// What the machine is asked.
fn about(
    core: &Core,
    session: &Session,
    subject: &Subject,
    ended: &Ended,
    since: Moment,
    patience: Duration,
) -> About {
    let baseline = core.scene.baseline(session.id, ended.exited.attempt);
    About {
        processes: subject.processes.clone(),
        baselines: baseline.into_iter().collect(),
        cgroup: subject.cgroup.clone(),
        since,
        until: ended.at,
        uid: subject.uid,
        working_directory: subject.working_directory.clone(),
        last_lines: ended.exited.last_lines.clone(),
        ending: ended.exited.ending.clone(),
        patience,
    }
}

/// Whether the kernel's witness looked on from the start of an attempt to its end.
fn coverage(core: &Core, told: bool, started: Option<Moment>, ended: Moment) -> Coverage {
    if ended.boot != host::boot_id() {
        return Coverage::None { why: "the machine was started anew since".to_owned() };
    }
    let looking = match core.witness.coverage() {
        Ok(looking) => looking,
        Err(why) => return Coverage::None { why },
    };
    if looking.since.boot_ns > ended.boot_ns {
        return Coverage::None { why: "the kernel's witness was started later".to_owned() };
    }
    if started.is_none_or(|started| looking.since.boot_ns > started.boot_ns) {
        let why = "the kernel's witness was started after the session".to_owned();
        return Coverage::Partial { why };
    }
    let from = started.map_or(0, |started| started.boot_ns);
    if core.witness.lost_since(from) {
        return Coverage::Partial { why: "the kernel's witness has lost records".to_owned() };
    }
    match told {
        true => Coverage::Full,
        false => {
            Coverage::Partial { why: "the kernel's witness did not answer in time".to_owned() }
        }
    }
}
