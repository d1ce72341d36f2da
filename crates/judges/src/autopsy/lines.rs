//! The evidence of a verdict, for people: what was seen, in order of time.

use wk_model::{Delivery, Ending, EvidenceLine, ExitSeen, ProcessId, SignalSeen, signal_name};

use super::{
    Fact, LogNote, ScreenNote, What,
    case::{BY_THE_KERNEL, Case, End, millis},
    hangup,
    own::requester,
    tmux, tmux_command,
    words::{ended, line, plain, who},
};
use crate::amount::bytes;

/// Lines of one verdict, the nearest to the end.
const MOST: usize = 40;
/// Nothing before has to do with the end.
const BEFORE_MS: i64 = 30_000;

pub(super) fn of(case: &Case) -> Vec<EvidenceLine> {
    let concerned = concerned(case);
    let told = case.facts().filter_map(|(age, fact)| {
        let near = age <= millis(BEFORE_MS) || matches!(fact.what, What::OomCounter { .. });
        let text = text(case, &concerned, fact).filter(|_| near)?;
        let at = Some(fact.at.time);
        Some((age, EvidenceLine { at, source: fact.source.clone(), text }))
    });
    let mut lines: Vec<(i128, EvidenceLine)> = told.collect();
    lines.dedup_by(|one, other| one.1 == other.1);
    lines.drain(..lines.len().saturating_sub(MOST));
    let own = own(case).into_iter().map(|line| (0, line));
    lines.extend(own);
    lines.sort_by_key(|(age, _)| -age);
    lines.into_iter().map(|(_, line)| line).collect()
}

/// What the journal itself holds.
fn own(case: &Case) -> Vec<EvidenceLine> {
    let evidence = case.evidence;
    let at = Some(evidence.ended_at.time);
    let own = |source: &str, text: String| EvidenceLine { at, source: source.to_owned(), text };
    let mut lines = Vec::new();
    if let Some(reached) = &evidence.limit {
        let text = format!("a limit was enforced, as {} told", reached.mechanism.as_str());
        lines.push(own("journal", text));
    }
    if let Some((stopped, _)) = &evidence.stopped {
        lines.push(own("journal", format!("its end was asked for by uid {}", stopped.by.uid)));
    }
    // Nobody holds what was only found, or told of.
    let waiting = if evidence.subject.watched { "journal" } else { "holder" };
    lines.push(match &evidence.ending {
        Ending::Exited { .. } | Ending::Signaled { .. } => own(waiting, ended(case.end)),
        Ending::ExecFailed { error, .. } => own("holder", format!("exec: {}", plain(error))),
        Ending::HolderLost => own("journal", "its holder is gone".to_owned()),
        Ending::Gone if case.end == End::Unknown => own("journal", ended(case.end)),
        Ending::Gone => own("journal", format!("it {}", ended(case.end))),
        Ending::Closed { by: None } => own("journal", "its client said that it is over".to_owned()),
        Ending::Closed { by: Some(by) } => {
            own("journal", format!("its record was closed by {}", requester(by, None)))
        }
        Ending::Rebooted => own("journal", "the machine was started anew".to_owned()),
        Ending::NeverRan { why } => own("journal", plain(why)),
    });
    lines
}

/// The processes whose fate has to do with the session's.
fn concerned(case: &Case) -> Vec<ProcessId> {
    let subject = &case.evidence.subject;
    let mut all: Vec<ProcessId> = subject.processes.clone();
    all.extend(subject.leader);
    all.extend(subject.holder);
    all.extend(case.tmux().map(|tmux| tmux.server));
    let blow = case.blow.map(|blow| blow.shot);
    all.extend(blow.iter().chain(&hangup::trail(case)).map(|shot| shot.signal.sender.process));
    all
}

fn text(case: &Case, concerned: &[ProcessId], fact: &Fact) -> Option<String> {
    let is_concerned =
        |target: &wk_model::Target| concerned.contains(&target.process) || case.concerns(target);
    Some(match &fact.what {
        What::Signal(signal) if is_concerned(&signal.target) => of_signal(signal),
        What::Exit(exit) if is_concerned(&exit.target) => of_exit(exit),
        What::OomVictim(seen) if is_concerned(&seen.target) => {
            let (comm, pid) = (plain(&seen.target.comm), seen.target.process.pid);
            format!("the OOM killer chose {comm} ({pid})")
        }
        What::Command(seen) if tmux::is_asked(case, &seen.process) => {
            format!("{} was started", who(&seen.process))
        }
        What::TmuxMessage { client, command, .. } if case.tmux().is_some() => {
            tmux_command::read_line(command)?;
            format!("client {} ran {}", plain(client), line(command))
        }
        What::OomCounter { cgroup, kills } => {
            format!("{kills} OOM kills in {} since it began", plain(cgroup))
        }
        What::Log(note) => of_log(case, note)?,
        What::Screen(note) => of_screen(note),
        What::Waited { process, code, signal } if concerned.contains(process) => {
            let end = signal.map(End::Signal).or(code.map(End::Code)).unwrap_or(End::Unknown);
            format!("process {} {}", process.pid, ended(end))
        }
        What::Typed { signal } => format!("{} was typed", super::terminal::key(*signal)),
        What::OtherBoot => "this is another boot".to_owned(),
        What::LeftoverEnded { process, comm } => {
            format!("{} ({}) was left behind, and ended by us", plain(comm), process.pid)
        }
        _ => return None,
    })
}

fn of_signal(signal: &SignalSeen) -> String {
    let name = signal_name(signal.signal);
    let (comm, pid) = (plain(&signal.target.comm), signal.target.process.pid);
    let target = format!("{comm} ({pid})");
    let what = if signal.code == BY_THE_KERNEL || signal.sender_is_kernel {
        let while_ran = match signal.sender_is_kernel {
            true => String::new(),
            false if signal.sender_exits => format!(", while {} ended", who(&signal.sender)),
            false => format!(", while {} ran", who(&signal.sender)),
        };
        format!("{name} by the kernel to {target}{while_ran}")
    } else if signal.code > 0 {
        format!("{name} raised by a fault of {target}")
    } else {
        let group = match signal.kill_argument {
            Some(-1) => ", sent to all processes".to_owned(),
            Some(group) if group < 0 => format!(", sent to the group {}", group.unsigned_abs()),
            _ => String::new(),
        };
        let leaving = if signal.sender_exits { ", as it ended" } else { "" };
        format!("{name} to {target} from {}{leaving}{group}", who(&signal.sender))
    };
    match signal.delivery {
        Delivery::Delivered => what,
        Delivery::Ignored => format!("{what}: ignored"),
        Delivery::AlreadyPending => format!("{what}: it waited already"),
        Delivery::Lost => format!("{what}: lost"),
    }
}

fn of_exit(exit: &ExitSeen) -> String {
    let end = exit.signal.map(End::Signal).or(exit.code.map(End::Code)).unwrap_or(End::Unknown);
    let core = if exit.core_dumped { ", core dumped" } else { "" };
    let (comm, pid) = (plain(&exit.target.comm), exit.target.process.pid);
    format!("{comm} ({pid}) {}{core}", ended(end))
}

fn of_log(case: &Case, note: &LogNote) -> Option<String> {
    let subject = &case.evidence.subject;
    let known = |pid: u32| {
        let own = subject.processes.iter().chain(&subject.leader).chain(&subject.holder);
        own.chain(case.tmux().map(|tmux| &tmux.server)).any(|process| process.pid == pid)
    };
    Some(match note {
        LogNote::KernelOom { pid, comm, memcg } if known(*pid) => {
            let place = memcg.as_deref().map(|memcg| format!(" in {}", plain(memcg)));
            format!("out of memory: killed {} ({pid}){}", plain(comm), place.unwrap_or_default())
        }
        LogNote::KernelFault { pid, text, .. } if known(*pid) => line(text),
        LogNote::OomDaemon { daemon, text, .. } => format!("{}: {}", plain(daemon), line(text)),
        LogNote::UnitStopped { unit, text } => format!("{}: {}", plain(unit), line(text)),
        LogNote::LoggedOut { uid, text } if uid.is_none() || *uid == subject.uid => line(text),
        LogNote::Seccomp { pid, comm, syscall } if known(*pid) => {
            format!("{} ({pid}) made the forbidden call {}", plain(comm), plain(syscall))
        }
        _ => return None,
    })
}

fn of_screen(note: &ScreenNote) -> String {
    match note {
        ScreenNote::HeapExhausted(text) | ScreenNote::NoSpace(text) => line(text),
        ScreenNote::DiskFree { path, bytes: free } => {
            format!("{} is left on {}", bytes(*free), plain(path))
        }
    }
}
