//! The system's own keepers: systemd-oomd and earlyoom, units that are stopped, users that are
//! logged out.

use wk_model::{Cause, Confidence, Ending, ProcessId, SeenProcess};

use super::{
    LogNote, Shared,
    blow::{Blow, is_sent},
    case::{Case, End, HUP, KILL, Shot, TERM},
    finding::Finding,
    words::{line, plain, who},
};

const OOM_DAEMONS: [&str; 5] = ["systemd-oomd", "earlyoom", "nohang", "oomd", "bustd"];

pub(super) fn oom_daemon(case: &Case) -> Option<Finding> {
    let sent = sent(case);
    let sender = sent.filter(|shot| is_oom_daemon(&shot.signal.sender));
    let noted = case.logs().find_map(|note| match note {
        LogNote::OomDaemon { daemon, pid, unit, text }
            if pid.is_some_and(|pid| is_own_pid(case, pid))
                || unit.as_deref().is_some_and(|unit| lives_in(case, unit)) =>
        {
            Some((daemon, unit, text))
        }
        _ => None,
    });
    if let Some(shot) = sender {
        let by = &shot.signal.sender;
        let summary = format!("killed for want of memory by {}", who(by));
        let finding = Finding::new(Cause::OomDaemon, Confidence::Certain, summary).by_seen(by);
        return Some(finding.signal(shot.signal.signal));
    }
    let (daemon, unit, text) = noted?;
    if sent.is_some_and(|shot| !is_systemd(&shot.signal.sender)) || !is_violent(case) {
        return None;
    }
    let summary = format!("killed for want of memory by {}: {}", plain(daemon), line(text));
    let finding = Finding::new(Cause::OomDaemon, sure(sent), summary);
    Some(match unit {
        Some(unit) => finding.shares(Shared::Cgroup(unit.clone())),
        None => finding,
    })
}

pub(super) fn unit_stopped(case: &Case) -> Option<Finding> {
    let sent = sent(case);
    let by_systemd = sent.filter(|shot| is_systemd(&shot.signal.sender));
    let noted = case.logs().find_map(|note| match note {
        LogNote::UnitStopped { unit, text } if lives_in(case, unit) => Some((unit, text)),
        _ => None,
    });
    if (sent.is_some() && by_systemd.is_none()) || !is_violent(case) {
        return None;
    }
    if let Some((unit, text)) = noted {
        let summary = format!("systemd stopped {}, which it lived in", plain(unit));
        let finding = Finding::new(Cause::ServiceStopped, sure(by_systemd), summary)
            .shares(Shared::Cgroup(unit.clone()));
        let oom = text.contains("oom");
        return Some(finding.advises(if oom {
            format!("`OOMPolicy=continue` in {} keeps the others of the unit alive", plain(unit))
        } else {
            format!("`KillMode=process` in {} leaves sessions alone", plain(unit))
        }));
    }
    // A log-out has a rule of its own.
    let shot = by_systemd.filter(|_| !is_logged_out(case))?;
    let ProcessId { pid, start_time, .. } = shot.signal.sender.process;
    let summary = format!("systemd ({pid}) stopped what it lived in");
    Some(
        Finding::new(Cause::ServiceStopped, Confidence::Likely, summary)
            .shares(Shared::Culprit { pid, start_time: Some(start_time) })
            .or(Cause::LoggedOut, Confidence::Possible, "the end of its user's login")
            .misses("systemd's journal would name the unit"),
    )
}

pub(super) fn logged_out(case: &Case) -> Option<Finding> {
    let sent = sent(case);
    let by_systemd = sent.filter(|shot| is_systemd(&shot.signal.sender));
    if !is_logged_out(case) || !is_violent(case) || (sent.is_some() && by_systemd.is_none()) {
        return None;
    }
    // A lost terminal is why its user was logged out, not the other way round.
    if by_systemd.is_none() && case.end == End::Signal(HUP) {
        return None;
    }
    let uid = case.evidence.subject.uid.unwrap_or_default();
    let summary = "logind ended its user's login, and all that belonged to it";
    Some(
        Finding::new(Cause::LoggedOut, sure(by_systemd), summary)
            .shares(Shared::Cgroup(format!("user-{uid}.slice")))
            .advises("`loginctl enable-linger` keeps a user's processes after the log-out"),
    )
}

fn is_logged_out(case: &Case) -> bool {
    let own = case.evidence.subject.uid;
    case.logs().any(|note| match note {
        LogNote::LoggedOut { uid, .. } => uid.is_some() && *uid == own,
        _ => false,
    })
}

/// What ended it, or its holder and thereby it.
fn sent<'a>(case: &Case<'a>) -> Option<Shot<'a>> {
    let holder = case.evidence.subject.holder.as_ref();
    let own = case.blow.filter(Blow::is_sent);
    let by_holder = own.is_some_and(|blow| blow.signal().sender_exits);
    match own.filter(|_| !by_holder) {
        Some(blow) => Some(blow.shot),
        None if by_holder || case.evidence.ending == Ending::HolderLost => {
            let until = own.map_or(0, |blow| blow.shot.age);
            let shot = case.shot_that_ended(holder?, until).filter(|shot| is_sent(shot.signal));
            shot.or(own.map(|blow| blow.shot))
        }
        None => None,
    }
}

fn sure(sender: Option<Shot>) -> Confidence {
    if sender.is_some() { Confidence::Certain } else { Confidence::Likely }
}

/// What a keeper does to a session.
fn is_violent(case: &Case) -> bool {
    match case.end {
        End::Signal(signal) => matches!(signal, TERM | KILL | HUP),
        End::Code(code) => {
            matches!(code, 129 | 137 | 143) || case.blow.is_some_and(|blow| blow.is_sent())
        }
        End::Unknown => true,
    }
}

fn is_oom_daemon(seen: &SeenProcess) -> bool {
    OOM_DAEMONS.contains(&seen.comm.as_str())
}

pub(super) fn is_systemd(seen: &SeenProcess) -> bool {
    let manages_users = seen.argv.iter().any(|word| word == "--user");
    seen.comm == "systemd" && (seen.process.pid == 1 || manages_users)
}

fn is_own_pid(case: &Case, pid: u32) -> bool {
    let subject = &case.evidence.subject;
    subject.leader.iter().chain(&subject.holder).any(|process| process.pid == pid)
}

/// Whether its cgroup is within the unit's.
fn lives_in(case: &Case, unit: &str) -> bool {
    let unit = unit.rsplit('/').next().unwrap_or(unit);
    let cgroup = case.evidence.subject.cgroup.as_deref().unwrap_or_default();
    !unit.is_empty() && cgroup.split('/').any(|part| part == unit)
}
