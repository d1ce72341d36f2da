//! What speaks against a finding: it is shown, and lowers how sure the verdict is.

use wk_model::{Cause, Confidence, Ending, signal_name};

use super::{
    LogNote, What,
    blow::{How, is_sent},
    case::{Case, End, HUP, INT, KILL, QUIT, TERM, is_near},
    finding::Finding,
    own, sent, unwitnessed,
    words::{ended, plain, whom},
};

/// Alternatives of one verdict.
const MOST: usize = 8;

pub(super) fn weigh(case: &Case, finding: Finding) -> Finding {
    let finding = [late, others, below, out_of_memory, contradiction, bystanders]
        .into_iter()
        .fold(finding, |finding, doubt| doubt(case, finding));
    let mut finding = misses(case, finding);
    finding.alternatives.truncate(MOST);
    finding
}

fn lower(finding: Finding) -> Finding {
    Finding { confidence: finding.confidence.min(Confidence::Likely), ..finding }
}

/// Our own knowledge is beyond doubt.
fn is_own_word(cause: Cause) -> bool {
    cause.is_limit() || matches!(cause, Cause::Stopped | Cause::ExecFailed | Cause::Rebooted)
}

fn is_oom(cause: Cause) -> bool {
    matches!(cause, Cause::OomCgroup | Cause::OomSystem | Cause::OomDaemon)
}

/// A limit or a stop of ours that somebody else came before.
fn late(case: &Case, finding: Finding) -> Finding {
    if is_own_word(finding.cause) {
        return finding;
    }
    match own::came_late(case) {
        Some((cause, text)) => finding.or(cause, Confidence::Possible, text),
        None => finding,
    }
}

/// Others who sent it a signal.
fn others(case: &Case, finding: Finding) -> Finding {
    if is_own_word(finding.cause) || finding.cause == Cause::Completed {
        return finding;
    }
    let mut finding = finding;
    for (culprit, signal) in sent::others(case) {
        let telling = matches!(signal, TERM | INT | HUP | QUIT | KILL);
        let unclear = match case.blow {
            Some(blow) => {
                signal == blow.signal().signal && matches!(blow.how, How::Caught | How::Presumed)
            }
            None => telling && finding.cause == Cause::Failed,
        };
        if unclear {
            finding = lower(finding);
        }
        let text = format!("{} sent it {}", whom(&culprit), signal_name(signal));
        finding = finding.or(Cause::Killed, Confidence::Possible, text);
    }
    finding
}

/// A failure right after one of its processes was killed.
fn below(case: &Case, finding: Finding) -> Finding {
    if finding.cause != Cause::Failed || case.blow.is_some() {
        return finding;
    }
    let struck = case.shots().rfind(|shot| {
        let target = &shot.signal.target;
        is_near(shot.age)
            && case.concerns(target)
            && !case.is_leader(&target.process)
            && is_sent(shot.signal)
            && !case.descends(&shot.signal.sender)
            && case.end_of(&target.process) == End::Signal(shot.signal.signal)
    });
    let Some(struck) = struck else { return finding };
    let target = &struck.signal.target;
    let by = super::words::who(&struck.signal.sender);
    let (comm, pid) = (plain(&target.comm), target.process.pid);
    let text = format!("its process {comm} ({pid}) had been killed by {by}");
    lower(finding).or(Cause::Killed, Confidence::Possible, text)
}

/// The kernel's OOM killer was near.
fn out_of_memory(case: &Case, finding: Finding) -> Finding {
    let cause = finding.cause;
    if is_oom(cause) || is_own_word(cause) || cause == Cause::Completed {
        return finding;
    }
    let victim = case.facts().rev().find_map(|(age, fact)| match &fact.what {
        What::OomVictim(seen) if is_near(age) && case.concerns(&seen.target) => {
            Some((seen.target.comm.clone(), seen.target.process.pid))
        }
        _ => None,
    });
    let subject = &case.evidence.subject;
    let logged = || {
        case.logs().find_map(|note| match note {
            LogNote::KernelOom { pid, comm, .. }
                if subject.processes.iter().chain(&subject.leader).any(|own| own.pid == *pid) =>
            {
                Some((comm.clone(), *pid))
            }
            _ => None,
        })
    };
    let Some((comm, pid)) = victim.or_else(logged) else { return finding };
    let text = format!("the kernel's OOM killer chose {} ({pid})", plain(&comm));
    lower(finding).or(Cause::OomSystem, Confidence::Possible, text)
}

/// Who waited for it and who watched it do not agree.
fn contradiction(case: &Case, finding: Finding) -> Finding {
    let waited = matches!(case.evidence.ending, Ending::Exited { .. } | Ending::Signaled { .. });
    let Some(leader) = case.evidence.subject.leader.filter(|_| waited) else { return finding };
    let seen = case.end_of(&leader);
    if seen == End::Unknown || seen == case.end || is_own_word(finding.cause) {
        return finding;
    }
    let text = format!("others saw that it {}", ended(seen));
    lower(finding).or(Cause::Unknown, Confidence::Possible, text)
}

/// Who was there, where nobody saw who did it.
fn bystanders(case: &Case, finding: Finding) -> Finding {
    let open = matches!(
        finding.cause,
        Cause::Killed
            | Cause::Unknown
            | Cause::TmuxKill
            | Cause::TmuxServerKilled
            | Cause::HolderKilled
    );
    if !open || finding.culprit.is_some() {
        return finding;
    }
    let cause = if finding.cause == Cause::Unknown { Cause::Killed } else { finding.cause };
    case.facts().fold(finding, |finding, (_, fact)| match &fact.what {
        What::Bystander(culprit) => {
            let text = format!("{} was there just before", whom(culprit));
            finding.or(cause, Confidence::Possible, text)
        }
        _ => finding,
    })
}

/// What would have made it certain.
fn misses(case: &Case, finding: Finding) -> Finding {
    let someone = matches!(
        finding.cause,
        Cause::Killed
            | Cause::TmuxKill
            | Cause::TmuxServerKilled
            | Cause::HolderKilled
            | Cause::Unknown
    );
    let open = finding.confidence < Confidence::Certain || (someone && finding.culprit.is_none());
    // Of what was only told nobody who looks on knows more.
    if !open || matches!(case.evidence.ending, Ending::Closed { .. }) {
        return finding;
    }
    let witness = unwitnessed::witness(&case.evidence.coverage);
    let unread = case.evidence.unread.iter().map(|text| plain(text));
    witness.into_iter().chain(unread).fold(finding, Finding::misses)
}
