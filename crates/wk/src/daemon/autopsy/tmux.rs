//! What is known of a tmux session that has ended, or of one that an agent lived in.

use jiff::{Timestamp, civil, tz::TimeZone};
use wk_judges::autopsy::{Fact, Subject, TmuxSubject, What};
use wk_model::{Before, Culprit, Kind, Moment, Session};

use crate::daemon::{core::Core, tmux::TmuxFacts};

/// A command of the server's log counts for an end so long after it, at most; its clock has
/// only seconds.
const NEAR_S: i64 = 10;

/// The tmux session itself, or the one that the session was found in.
pub(super) fn of(core: &Core, session: &Session) -> Option<TmuxFacts> {
    match session.created.session_kind {
        Kind::Tmux => core.tmux.facts(session.id),
        _ if session.created.watched => core.tmux.facts(session.created.parent_id?),
        _ => None,
    }
}

/// Adds what is known of the tmux session to who has died.
pub(super) fn describe(tmux: &TmuxFacts, subject: &mut Subject) {
    if subject.kind == Kind::Tmux {
        // Its first process may have been replaced since.
        if !subject.leader.is_some_and(|leader| tmux.panes.contains(&leader)) {
            subject.leader = tmux.panes.first().copied().or(subject.leader);
        }
        for pane in &tmux.panes {
            if !subject.processes.contains(pane) {
                subject.processes.push(*pane);
            }
        }
    }
    subject.tmux = Some(TmuxSubject {
        server: tmux.server,
        socket: tmux.socket.display().to_string(),
        id: tmux.id.clone(),
        name: tmux.name.clone(),
        server_alive: tmux.server_alive,
        options: tmux.options.clone(),
        pane_ttys: tmux.pane_ttys.clone(),
        parts: tmux.pane_ids.clone(),
        attached: tmux.attached,
    });
}

/// Adds what its panes had shown.
pub(super) fn add(tmux: TmuxFacts, before: Before) -> Before {
    Before {
        last_output: before.last_output.or(tmux.last_output),
        last_command: tmux.last_command.or(before.last_command),
        tmux_sessions: Some(tmux.tmux_sessions),
        tmux_processes: tmux.tmux_processes.or(before.tmux_processes),
        ..before
    }
}

/// What the server's own log says of the moment of an end.
pub(super) fn messages(tmux: &TmuxFacts, ended: Moment) -> Vec<Fact> {
    let zone = TimeZone::system();
    let near = tmux.messages.iter().filter_map(|message| {
        let before_s = seconds_before(&message.time, ended, &zone)?;
        if before_s.abs() > NEAR_S {
            return None;
        }
        let ms = u64::try_from(before_s).unwrap_or(0) * 1000;
        let time = wk_model::Time::from_millis(ended.time.as_millis() - before_s * 1000);
        let boot_ns = ended.boot_ns.saturating_sub(ms * 1_000_000);
        Some(Fact {
            at: Moment { time, boot_ns, ..ended },
            source: "tmux".to_owned(),
            what: What::TmuxMessage {
                client: message.client.clone(),
                client_process: message.pid.map(|pid| Culprit {
                    pid,
                    comm: "tmux".to_owned(),
                    ..Culprit::default()
                }),
                command: message.command.clone(),
            },
        })
    });
    near.collect()
}

/// From a time of day to an end that is less than half a day away.
fn seconds_before(time: &str, ended: Moment, zone: &TimeZone) -> Option<i64> {
    const DAY: i64 = 86_400;
    let said: civil::Time = time.parse().ok()?;
    let ended = Timestamp::from_millisecond(ended.time.as_millis()).ok()?;
    let local = ended.to_zoned(zone.clone()).time();
    let seconds = |time: civil::Time| {
        i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second())
    };
    let difference = (seconds(local) - seconds(said)).rem_euclid(DAY);
    Some(if difference > DAY / 2 { difference - DAY } else { difference })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_taken_for_the_nearest() {
        let at = |text: &str| Moment {
            time: wk_model::Time::parse(text).unwrap(),
            boot: Default::default(),
            boot_ns: 0,
        };
        for (said, ended, want) in [
            ("05:20:30", "2026-11-20T05:20:32.521Z", Some(2)),
            ("05:20:33", "2026-11-20T05:20:32.521Z", Some(-1)),
            ("23:59:59", "2026-11-20T00:00:01.000Z", Some(2)),
            ("00:00:01", "2026-11-20T23:59:59.000Z", Some(-2)),
            ("noon", "2026-11-20T23:59:59.000Z", None),
        ] {
            assert_eq!(seconds_before(said, at(ended), &TimeZone::UTC), want, "{said} {ended}");
        }
    }
}
