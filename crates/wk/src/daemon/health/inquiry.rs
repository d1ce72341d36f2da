//! What is to be found out about one session, and by which measure.

use std::{path::PathBuf, sync::Arc, time::Duration};

use wk_judges::health::{Activity, Evidence, LimitUse, Reading, Thresholds};
use wk_model::{Life, LimitKind, ProcessId, Session, Time};

use super::Target;
use crate::{config::Settings, daemon::core::Core, text::span::millis};

/// All kinds of limits.
const LIMITS: [LimitKind; 6] = [
    LimitKind::Memory,
    LimitKind::CpuTime,
    LimitKind::Time,
    LimitKind::Idle,
    LimitKind::Processes,
    LimitKind::Output,
];

/// A session to look at.
pub(super) struct Inquiry {
    pub(super) session: Arc<Session>,
    pub(super) target: Whom,
    pub(super) folder: PathBuf,
}

/// Whose processes are looked at.
pub(super) enum Whom {
    /// A tree below a holder.
    Held(Target),
    /// What was found: these and all below them, the one in front first.
    Watched(Vec<ProcessId>),
}

impl Inquiry {
    /// None where nothing runs that could be looked at.
    pub(super) fn of(session: Arc<Session>, core: &Core) -> Option<Self> {
        let (leader, holder) = match session.life {
            Life::Running { process: Some(leader), holder: Some(holder), .. } => (leader, holder),
            Life::Running { process, .. } if session.created.watched => {
                let panes = core.tmux.panes(session.id);
                let roots = if panes.is_empty() { process.into_iter().collect() } else { panes };
                let folder = core.folder(session.id);
                return Some(Self { session, target: Whom::Watched(roots), folder });
            }
            _ => return None,
        };
        let leaf = core.cgroups.as_ref().zip(session.cgroup.as_deref());
        let leaf = leaf.and_then(|(cgroups, place)| {
            cgroups.recorded_leaf(place, session.id.as_str(), session.attempt)
        });
        let folder = core.folder(session.id);
        Some(Self { session, target: Whom::Held(Target { holder, leader, leaf }), folder })
    }
}

/// The time between two looks; none: nobody is to look.
pub(super) fn interval_ms(session: &Session, settings: &Settings) -> Option<u64> {
    if session.created.reported.as_ref().is_some_and(|reported| reported.remote) {
        return None;
    }
    own_or(session.created.health.interval_ms, settings.health.interval)
}

/// What the session says, 0 for none, and else the settings.
fn own_or(own: Option<u64>, common: Option<Duration>) -> Option<u64> {
    own.or(common.map(millis)).filter(|ms| *ms > 0)
}

/// What the session says, and else the settings.
pub(super) fn thresholds(session: &Session, settings: &Settings) -> Thresholds {
    let (own, common) = (&session.created.health, &settings.health);
    // A terminal of somebody's that is idle is none the worse for it.
    let stale = common.stale_after.filter(|_| !session.created.watched);
    Thresholds {
        stale_after_ms: own_or(own.stale_after_ms, stale),
        hung_after_ms: own.hung_after_ms.unwrap_or(millis(common.hung_after)),
    }
}

/// How much of each of its limits the attempt uses.
pub(super) fn limits(
    session: &Session,
    evidence: &Evidence,
    reading: &Reading,
    activity: &Activity,
    now: Time,
) -> Vec<LimitUse> {
    let value = |limit| {
        Some(match limit {
            LimitKind::Memory => reading.memory_bytes,
            LimitKind::CpuTime => reading.cpu_ms,
            LimitKind::Time => now.millis_since(session.attempt_time?),
            LimitKind::Idle => evidence.no_output_ms.min(evidence.no_input_ms),
            LimitKind::Processes => u64::from(reading.processes),
            // The page counts over all attempts, and a limit is for one.
            LimitKind::Output => (session.attempt == 1).then_some(activity.output_bytes)?,
        })
    };
    let used = LIMITS.into_iter().filter_map(|limit| {
        let max = session.created.limits.get(limit)?;
        Some(LimitUse { limit, max, value: value(limit)? })
    });
    used.collect()
}
