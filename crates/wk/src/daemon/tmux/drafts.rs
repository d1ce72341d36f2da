//! Events of tmux, as drafts.

use rustix::system::uname;
use wk_holder::host;
use wk_model::{
    AttemptExited, AttemptStarted, Change, Created, Draft, Ending, HolderUsage, Kind, Moment,
    ProcessId, RecoveryOptions, SessionId, Source, Time, TmuxPlace,
};
use wk_sources::tmux::{Agent, Exit, SessionSeen};

use super::super::{core::draft, world};

/// Once per server and number, however often it is told.
pub(super) fn of_server(server: &ProcessId, number: u64, at: Moment, change: Change) -> Draft {
    let ProcessId { boot, pid, start_time } = server;
    let source = Source(format!("daemon/tmux/{boot}/{pid}/{start_time}"));
    Draft { at, source, source_seq: Some(number), ..draft(None, change) }
}

/// The events that begin a session which was found.
pub(in crate::daemon) fn begin(
    session_id: SessionId,
    at: Moment,
    created: Created,
    (process, cgroup): (Option<ProcessId>, Option<String>),
    (cols, rows): (u16, u16),
) -> [Draft; 2] {
    let started = AttemptStarted { cgroup, cols, rows, ..AttemptStarted::found(process) };
    let change = Change::SessionCreated(Box::new(created));
    [
        Draft { at, ..draft(Some(session_id), change) },
        Draft { at, ..draft(Some(session_id), Change::AttemptStarted(started)) },
    ]
}

/// The event that ends it.
pub(in crate::daemon) fn end(
    session_id: SessionId,
    at: Moment,
    ending: Ending,
    last_lines: Option<String>,
) -> Draft {
    let usage = HolderUsage::default();
    let exited = AttemptExited { attempt: 1, ending, limit: None, usage, last_lines };
    // Once, whoever finds out first.
    let source = Source(format!("daemon/watched/{session_id}"));
    let change = Change::AttemptExited(exited);
    Draft { at, source, source_seq: Some(1), ..draft(Some(session_id), change) }
}

/// The moment, on all clocks, that is so many seconds after 1970, but not later than now.
pub(in crate::daemon) fn moment_of(seconds: u64) -> Moment {
    let now = host::now();
    let time = Time::from_millis(i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX));
    let ago = now.time.millis_since(time);
    if time > now.time || seconds == 0 {
        return now;
    }
    Moment { time, boot_ns: now.boot_ns.saturating_sub(ago.saturating_mul(1_000_000)), ..now }
}

/// What is known of a process's end.
pub(in crate::daemon) fn ending(exit: Option<Exit>) -> Ending {
    match exit {
        Some(Exit::Code(code)) => Ending::Exited { code },
        Some(Exit::Signal { signal, core_dumped }) => Ending::Signaled { signal, core_dumped },
        None => Ending::Gone,
    }
}

/// A tmux session, as it is journalled when it is first seen.
pub(super) fn created(
    place: TmuxPlace,
    seen: &SessionSeen,
    uid: u32,
    name: Option<String>,
) -> Created {
    let front = front(seen);
    let argv = front.map(|pane| pane.current_argv.clone()).unwrap_or_default();
    let comm = front.map(|pane| pane.current_command.clone()).filter(|comm| !comm.is_empty());
    let begun = front.map(|pane| pane.start_command.clone()).filter(|begun| !begun.is_empty());
    let directory = front.map(|pane| pane.working_directory.clone());
    Created {
        name,
        session_kind: Kind::Tmux,
        command: if argv.is_empty() { comm.or(begun).into_iter().collect() } else { argv },
        working_directory: directory.filter(|directory| !directory.is_empty()),
        external_id: Some(place.id.clone()),
        tmux: Some(place),
        ..found(uid)
    }
}

/// An agent that was found.
pub(in crate::daemon) fn agent(agent: &Agent, parent_id: SessionId, uid: u32) -> Created {
    let directory = Some(agent.working_directory.clone());
    Created {
        session_kind: Kind::Agent,
        command: if agent.argv.is_empty() {
            vec![agent.name.to_owned()]
        } else {
            agent.argv.clone()
        },
        working_directory: directory.filter(|directory| !directory.is_empty()),
        parent_id: Some(parent_id),
        agent_id: Some(agent.name.to_owned()),
        ..found(uid)
    }
}

/// What is known of everything that was found here.
pub(in crate::daemon) fn found(uid: u32) -> Created {
    let system = uname();
    let (name, machine) = (system.sysname(), system.machine());
    Created {
        uid: Some(uid),
        username: world::user_name(uid),
        hostname: Some(system.nodename().to_string_lossy().into_owned()),
        platform: Some(format!(
            "{}-{}",
            name.to_string_lossy().to_lowercase(),
            machine.to_string_lossy()
        )),
        terminal: true,
        recorded: false,
        keep_descendants: true,
        recovery: RecoveryOptions { enabled: false, ..RecoveryOptions::default() },
        watched: true,
        ..Created::default()
    }
}

/// The pane in front.
pub(super) fn front(seen: &SessionSeen) -> Option<&wk_model::TmuxPane> {
    let mut panes = seen.layout.panes();
    let front = panes.clone().find(|pane| Some(&pane.id) == seen.active_pane.as_ref());
    front.or_else(|| panes.next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_never_in_the_future() {
        let now = host::now();
        let before = moment_of(u64::try_from(now.time.as_millis()).unwrap() / 1000 - 10);
        assert!(before.time < now.time && before.boot_ns < now.boot_ns);
        assert!(moment_of(u64::MAX / 2000).time >= now.time);
    }

    #[test]
    fn what_the_kernel_tells_is_the_ending() {
        assert_eq!(ending(None), Ending::Gone);
        assert_eq!(ending(Some(Exit::Code(3))), Ending::Exited { code: 3 });
    }
}
