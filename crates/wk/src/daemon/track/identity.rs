//! Which process a client speaks of, and whose it is.

use rustix::system::uname;
use wk_api::TrackStart;
use wk_holder::host::{self, ProcessStat};
use wk_model::{Life, ProcessId, Session, SessionId, Time};

use crate::daemon::core::Core;

/// A shell tells of itself when it has begun; its clock and ours differ by no more than this.
const SLACK_MS: u64 = 2000;

/// Ancestors that are looked at.
const DEPTH: usize = 64;

/// The process, if it is one of this host that can be it; none for a shell that runs elsewhere,
/// be it in a container of this host.
pub(super) fn process(start: &TrackStart) -> Option<ProcessId> {
    let own = uname();
    if !is_same_host(&start.hostname, &own.nodename().to_string_lossy()) {
        return None;
    }
    let process = host::identify(start.pid).ok()??;
    fits(start, &process, began(&process)).then_some(process)
}

/// Clients name the host with or without its domain.
fn is_same_host(told: &str, own: &str) -> bool {
    let first = |name: &str| name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    told.eq_ignore_ascii_case(own) || first(told) == first(own)
}

/// Whether the process was there when the client said so; a later one only has its number.
fn fits(start: &TrackStart, process: &ProcessId, began: Time) -> bool {
    match start.process_start_time {
        Some(ticks) => ticks == process.start_time,
        None => began <= start.timestamp.plus_millis(SLACK_MS),
    }
}

/// When a process of this boot began, by the clock as it is now.
fn began(process: &ProcessId) -> Time {
    let ticks = rustix::param::clock_ticks_per_second().max(1);
    let now = host::now();
    let age_ms =
        (now.boot_ns / 1_000_000).saturating_sub(process.start_time.saturating_mul(1000) / ticks);
    Time::from_millis(now.time.as_millis().saturating_sub_unsigned(age_ms))
}

/// The session in which a process runs, the nearest first: what the kernel says, not the client.
pub(super) fn parent(core: &Core, process: &ProcessId) -> Option<SessionId> {
    let live = core.journal.live();
    let mut next = Some(*process);
    for _ in 0..DEPTH {
        let process = next?;
        let runs_in = |session: &&std::sync::Arc<Session>| {
            session.created.reported.is_none() && begins(core, session, &process)
        };
        if let Some(session) = live.iter().find(runs_in) {
            return Some(session.id);
        }
        let stat = ProcessStat::read(process.pid).ok()??;
        next = host::identify(stat.parent).ok()?;
    }
    None
}

fn begins(core: &Core, session: &Session, process: &ProcessId) -> bool {
    let Life::Running { process: leader, holder, .. } = &session.life else { return false };
    [leader, holder].into_iter().flatten().any(|own| own == process)
        || session.created.tmux.is_some() && core.tmux.panes(session.id).contains(process)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> TrackStart {
        let hostname = uname().nodename().to_string_lossy().into_owned();
        TrackStart {
            hostname,
            pid: std::process::id(),
            timestamp: host::now().time,
            ..TrackStart::default()
        }
    }

    #[test]
    fn a_process_of_this_host_that_fits_is_found() {
        let me = host::identify(std::process::id()).unwrap().unwrap();
        assert_eq!(process(&start()), Some(me));
        let exact = TrackStart { process_start_time: Some(me.start_time), ..start() };
        assert_eq!(process(&exact), Some(me));
        let domain = TrackStart { hostname: format!("{}.example", start().hostname), ..start() };
        assert_eq!(process(&domain), Some(me));
    }

    #[test]
    fn a_namesake_a_later_process_and_one_elsewhere_are_not_it() {
        let me = host::identify(std::process::id()).unwrap().unwrap();
        let namesake = TrackStart { process_start_time: Some(me.start_time + 1), ..start() };
        assert_eq!(process(&namesake), None);
        let before = Time::from_millis(began(&me).as_millis() - 60_000);
        assert_eq!(process(&TrackStart { timestamp: before, ..start() }), None);
        assert_eq!(process(&TrackStart { hostname: "elsewhere".into(), ..start() }), None);
        assert_eq!(process(&TrackStart { pid: 4_194_304, ..start() }), None);
    }
}
