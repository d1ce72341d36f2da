//! Makes verdicts of opinions, and journals them: each once, however often it is tried.

use wk_holder::host;
use wk_journal::JournalError;
use wk_judges::autopsy::{Death, Group, Opinion};
use wk_model::{
    Cause, Change, Culprit, DeathDetected, Draft, Ended as SessionEnded, Kind, Life, MassDeath,
    Outcome, ProcessId, Scope, ScopeKind, Session, SessionId, Source, Verdict,
};

use super::Ended;
use crate::daemon::{
    core::{AGAIN, Core, draft},
    world,
};

/// The scope of one that is not known to have died with others.
pub(super) fn alone(session_id: SessionId) -> Scope {
    Scope { kind: ScopeKind::Targeted, deaths: vec![session_id], within_ms: 0, shared: None }
}

/// The verdict on an end, and word of a death where it is one.
pub(super) fn drafts(
    core: &Core,
    ended: &Ended,
    opinion: &Opinion,
    scope: Scope,
    settled: bool,
) -> Vec<Draft> {
    let (session_id, attempt) = (ended.session_id, ended.exited.attempt);
    let known = core.journal.verdict(session_id, Some(attempt)).ok().flatten();
    let before = known.as_ref().and_then(|known| known.before.clone());
    let revision = known.map_or(0, |known| known.revision) + 1;
    let session = core.journal.session(session_id).ok().flatten();
    let outcome = outcome(session.as_deref(), opinion);
    let verdict = Verdict {
        attempt,
        end_time: opinion.end_time,
        revision,
        settled,
        cause: opinion.cause,
        signal: opinion.signal,
        exit_code: opinion.exit_code,
        culprit: opinion.culprit.clone().map(|culprit| known_by_name(core, culprit)),
        scope,
        confidence: opinion.confidence,
        summary: opinion.summary.clone(),
        outcome,
        unexpected: opinion.unexpected,
        evidence: opinion.evidence.clone(),
        alternatives: opinion.alternatives.clone(),
        missing: opinion.missing.clone(),
        before: before.or_else(|| opinion.unexpected.then(|| super::before(core, ended))),
        advice: opinion.advice.clone(),
    };
    let detected = opinion.unexpected.then(|| Draft {
        source: Source(format!("daemon/death/{session_id}")),
        source_seq: Some(u64::from(attempt)),
        ..draft(
            Some(session_id),
            Change::SessionDeathDetected(DeathDetected {
                attempt,
                cause: verdict.cause,
                summary: verdict.summary.clone(),
            }),
        )
    });
    let reached = Draft {
        source: Source(format!("daemon/verdict/{session_id}/{attempt}")),
        source_seq: Some(u64::from(revision)),
        ..draft(Some(session_id), Change::VerdictReached(Box::new(verdict)))
    };
    // The verdict first: who hears of a death finds out why.
    std::iter::once(reached).chain(detected).collect()
}

/// Word of several that died together; none where they did not, or share nothing.
pub(super) fn mass_death(core: &Core, group: &Group, deaths: &[Death]) -> Option<Draft> {
    if group.scope.kind != ScopeKind::Systemic {
        return None;
    }
    let members: Vec<_> = group.members.iter().filter_map(|member| deaths.get(*member)).collect();
    let first = members.iter().min_by_key(|death| (death.opinion.end_time, death.session_id))?;
    let opinion = &first.opinion;
    let count = members.len();
    let mass = MassDeath {
        cause: opinion.cause,
        culprit: opinion.culprit.clone().map(|culprit| known_by_name(core, culprit)),
        summary: format!("{count} sessions died together: {}", opinion.summary),
        scope: group.scope.clone(),
    };
    Some(Draft {
        source: Source(format!("daemon/mass/{}", first.session_id)),
        source_seq: Some(u64::try_from(opinion.end_time.as_millis()).unwrap_or(1).max(1)),
        ..draft(None, Change::MassDeath(Box::new(mass)))
    })
}

/// Journals verdicts, if need be once there is room.
pub(super) async fn journal(core: &Core, drafts: Vec<Draft>) {
    if drafts.is_empty() {
        return;
    }
    while let Err(error) = core.journal.append(drafts.clone()).await {
        if matches!(error, JournalError::Closed) {
            return;
        }
        tracing::error!(%error, "could not journal a verdict");
        tokio::time::sleep(AGAIN).await;
    }
}

/// How the session is to be counted. The end itself says so, but for those that we only watch,
/// and for a user who ended it at its terminal.
fn outcome(session: Option<&Session>, opinion: &Opinion) -> Outcome {
    let judged = opinion.outcome;
    let Some(session) = session else { return judged };
    let watched = session.created.watched || session.created.session_kind == Kind::Tmux;
    if watched || opinion.cause == Cause::Interrupted {
        return judged;
    }
    match &session.life {
        Life::Ended(SessionEnded { outcome, .. }) => *outcome,
        Life::Recovering { last, .. } => last.outcome,
        _ => judged,
    }
}

/// Adds what only we can know of a culprit: its user's name, and its session.
fn known_by_name(core: &Core, culprit: Culprit) -> Culprit {
    let username = culprit.username.or_else(|| culprit.uid.and_then(world::user_name));
    let session_id = culprit.session_id.or_else(|| {
        let own = culprit.start_time.map(|start_time| (culprit.pid, start_time));
        let above = culprit.ancestry.iter().map(|ancestor| (ancestor.pid, ancestor.start_time));
        session_of(core, &own.into_iter().chain(above).collect::<Vec<_>>())
    });
    Culprit { username, session_id, ..culprit }
}

/// The session that one of these processes is the beginning of, the nearest first.
fn session_of(core: &Core, processes: &[(u32, u64)]) -> Option<SessionId> {
    let (live, boot) = (core.journal.live(), host::boot_id());
    processes.iter().find_map(|(pid, start_time)| {
        let process = ProcessId { boot, pid: *pid, start_time: *start_time };
        let begins = |session: &&std::sync::Arc<Session>| match &session.life {
            Life::Running { process: leader, holder, .. } => {
                [*leader, *holder].contains(&Some(process))
            }
            _ => false,
        };
        live.iter().find(begins).map(|session| session.id)
    })
}
