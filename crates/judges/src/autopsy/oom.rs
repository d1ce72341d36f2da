//! The kernel's OOM killer: in a cgroup, or for the whole machine.
//!
//! Who ran when it struck is nobody who did it.

use wk_model::{Cause, Confidence, ProcessId};

use super::{
    LogNote, Shared, What,
    blow::Blow,
    case::{Case, End, KILL, is_near},
    finding::Finding,
    words::plain,
};

/// Which of the session's processes the kernel chose.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Victim {
    Leader,
    /// One below it, whose death the leader passed on.
    Below,
    Holder,
    Server,
}

pub(super) fn by_the_kernel(case: &Case) -> Option<Finding> {
    // What somebody sent did not come from the kernel.
    let sent = |blow: Blow| blow.is_sent() && !blow.signal().sender_exits;
    if case.blow.is_some_and(|blow| sent(blow) && blow.signal().signal == KILL) {
        return None;
    }
    let (named, memcg, certain) = seen(case).or_else(|| logged(case)).or_else(|| counted(case))?;
    let (victim, comm) = named;
    let confidence = if certain { Confidence::Certain } else { Confidence::Likely };
    Some(finding(case, victim, &comm, memcg.as_deref(), confidence))
}

/// Who was chosen, the cgroup whose limit was the reason, and whether the kernel itself named it.
type Found = ((Victim, String), Option<String>, bool);

/// The witness saw the kernel choose.
fn seen(case: &Case) -> Option<Found> {
    let (victim, target) = case.facts().rev().find_map(|(age, fact)| match &fact.what {
        What::OomVictim(seen) if is_near(age) => {
            Some((victim_of(case, &seen.target.process)?, &seen.target))
        }
        _ => None,
    })?;
    let pid = target.process.pid;
    let memcg = match note_of(case, |noted| noted == pid) {
        Some((_, _, memcg)) => memcg,
        None => risen(case),
    };
    Some(((victim, target.comm.clone()), memcg, true))
}

/// The kernel's log names one of ours.
fn logged(case: &Case) -> Option<Found> {
    let subject = &case.evidence.subject;
    let own = |pid: u32| {
        let processes = subject.processes.iter().chain(&subject.leader).chain(&subject.holder);
        processes.chain(case.tmux().map(|tmux| &tmux.server)).find(|process| process.pid == pid)
    };
    let (pid, comm, memcg) =
        note_of(case, |pid| own(pid).is_some_and(|process| victim_of(case, process).is_some()))?;
    let victim = victim_of(case, own(pid)?)?;
    Some(((victim, comm), memcg, true))
}

/// Only the counter of its cgroup tells.
fn counted(case: &Case) -> Option<Found> {
    // A witness that saw all would have seen the kernel choose.
    if case.is_covered() {
        return None;
    }
    let memcg = risen(case)?;
    let victim = match case.end {
        End::Signal(KILL) => Victim::Leader,
        End::Code(137) => Victim::Below,
        _ => return None,
    };
    Some(((victim, String::new()), Some(memcg), false))
}

/// Which of the session's processes this is, where its end explains the session's.
fn victim_of(case: &Case, process: &ProcessId) -> Option<Victim> {
    if case.is_leader(process) {
        let fits = matches!(case.end, End::Signal(KILL) | End::Unknown);
        return fits.then_some(Victim::Leader);
    }
    if case.is_holder(process) {
        return matches!(case.evidence.ending, wk_model::Ending::HolderLost)
            .then_some(Victim::Holder);
    }
    if case.is_server(process) {
        return Some(Victim::Server);
    }
    let passed_on = case.end == End::Code(137) && !case.is_shell();
    (passed_on && case.is_own(process)).then_some(Victim::Below)
}

fn note_of(case: &Case, fits: impl Fn(u32) -> bool) -> Option<(u32, String, Option<String>)> {
    case.logs().find_map(|note| match note {
        LogNote::KernelOom { pid, comm, memcg } if fits(*pid) => {
            Some((*pid, comm.clone(), memcg.clone()))
        }
        _ => None,
    })
}

/// A cgroup that the session lived in, whose counter of OOM kills has risen.
fn risen(case: &Case) -> Option<String> {
    let own = case.evidence.subject.cgroup.as_deref();
    case.facts().rev().find_map(|(_, fact)| match &fact.what {
        What::OomCounter { cgroup, kills } if *kills > 0 => {
            own.is_none_or(|own| is_at_or_above(cgroup, own)).then(|| cgroup.clone())
        }
        _ => None,
    })
}

fn is_at_or_above(cgroup: &str, own: &str) -> bool {
    let (above, own) = (below_mount(cgroup), below_mount(own));
    own.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The same folder may be told with its mount, or below it.
fn below_mount(cgroup: &str) -> &str {
    let path = cgroup.strip_prefix("/sys/fs/cgroup").unwrap_or(cgroup);
    path.trim_end_matches('/')
}

fn finding(
    case: &Case,
    victim: Victim,
    comm: &str,
    memcg: Option<&str>,
    confidence: Confidence,
) -> Finding {
    let what = match (victim, comm) {
        (Victim::Leader, _) => "killed".to_owned(),
        (Victim::Below, "") => "a process of it was killed".to_owned(),
        (Victim::Below, comm) => format!("its process {} was killed", plain(comm)),
        (Victim::Holder, _) => "its holder was killed".to_owned(),
        (Victim::Server, _) => "its tmux server was killed".to_owned(),
    };
    let finding = match memcg {
        Some(cgroup) => Finding::new(
            Cause::OomCgroup,
            confidence,
            format!("{what} by the kernel: cgroup {} was out of memory", plain(cgroup)),
        )
        .shares(Shared::Cgroup(cgroup.to_owned())),
        None => {
            let summary = format!("{what} by the kernel: the machine was out of memory");
            let finding = Finding::new(Cause::OomSystem, confidence, summary)
                .shares(Shared::Cgroup("/".to_owned()));
            if note_of(case, |_| true).is_some() {
                finding
            } else {
                Finding { confidence: confidence.min(Confidence::Likely), ..finding }
                    .or(Cause::OomCgroup, Confidence::Possible, "the limit of a cgroup")
                    .misses("the kernel log would say whether a cgroup's limit was the reason")
            }
        }
    };
    finding.signal(KILL)
}
