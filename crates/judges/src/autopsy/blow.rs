//! The signal that ended a session: the last that reached it and that its end answers to.

use super::case::{Answer, Case, End, FAULTS, GRACE_MS, HUP, KILL, Shot, answer};
use super::case::{BY_THE_KERNEL, is_before, is_near, millis};
use wk_model::{ProcessId, SeenProcess, SignalSeen};

/// The signal that ended a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blow<'a> {
    pub shot: Shot<'a>,
    pub how: How,
}

/// How it led to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// The leader died of it.
    Died,
    /// The leader exited with 128 and its number.
    Code,
    /// The leader caught it, and exited soon after.
    Caught,
    /// A descendant died of it, and the leader passed that on.
    PassedOn,
    /// Nobody saw how the leader ended: it was the last that reached it.
    Presumed,
}

impl<'a> Blow<'a> {
    pub(super) fn find(case: &Case<'a>) -> Option<Self> {
        let blow = match case.end {
            End::Signal(signal) => died(case, signal),
            End::Code(code) => answered(case, code).or_else(|| passed_on(case, code)),
            End::Unknown => presumed(case),
        }?;
        Some(first_cause(case, blow))
    }

    pub(super) fn signal(&self) -> &'a SignalSeen {
        self.shot.signal
    }

    pub(super) fn sender(&self) -> &'a SeenProcess {
        &self.signal().sender
    }

    /// A process of a user sent it.
    pub(super) fn is_sent(&self) -> bool {
        is_sent(self.signal())
    }

    pub(super) fn is_kernels(&self) -> bool {
        self.signal().code == BY_THE_KERNEL
    }

    /// The process itself was running when it came.
    pub(super) fn is_by_itself(&self) -> bool {
        self.sender().process == self.signal().target.process
    }

    /// Its sender belongs to the session, and is not above its target.
    pub(super) fn is_from_within(&self, case: &Case) -> bool {
        let (sender, target) = (self.sender(), &self.signal().target);
        // A pid in the ancestry lived at that moment, as the target did: one pid, one process.
        let below = sender.ancestry.iter().any(|above| above.pid == target.process.pid);
        let wrapper = sender.process.pid == target.parent && !self.is_by_itself();
        self.is_by_itself() || below || (case.descends(sender) && !wrapper)
    }
}

/// A process of a user sent it, by `kill`, `tgkill`, `sigqueue` or a pidfd.
pub(super) fn is_sent(signal: &SignalSeen) -> bool {
    matches!(signal.code, 0 | -1 | -6) && !signal.sender_is_kernel
}

fn to_leader<'a>(case: &Case<'a>) -> impl DoubleEndedIterator<Item = Shot<'a>> {
    case.shots().filter(|shot| case.is_leader(&shot.signal.target.process) && is_before(shot.age))
}

fn died<'a>(case: &Case<'a>, signal: i32) -> Option<Blow<'a>> {
    let shot = to_leader(case).rfind(|shot| shot.signal.signal == signal)?;
    Some(Blow { shot, how: How::Died })
}

fn answered<'a>(case: &Case<'a>, code: i32) -> Option<Blow<'a>> {
    let end = End::Code(code);
    let near = || to_leader(case).filter(|shot| is_near(shot.age));
    let fits = |want: Answer| near().rfind(|shot| answer(end, shot.signal.signal) == Some(want));
    if let Some(shot) = fits(Answer::Code) {
        return Some(Blow { shot, how: How::Code });
    }
    // Whose terminal is gone does not end for another reason.
    let hangup = || near().rfind(|shot| shot.signal.signal == HUP && is_kernels(shot.signal));
    let shot = hangup().or_else(|| fits(Answer::Caught))?;
    Some(Blow { shot, how: How::Caught })
}

/// A wrapper returns 128 and the number of the signal that its child died of.
fn passed_on<'a>(case: &Case<'a>, code: i32) -> Option<Blow<'a>> {
    if case.is_shell() || !(129..=192).contains(&code) {
        return None;
    }
    let signal = code - 128;
    let shot = case.shots().rfind(|shot| {
        let target = &shot.signal.target;
        shot.signal.signal == signal
            && is_near(shot.age)
            && case.concerns(target)
            && !case.is_leader(&target.process)
            && died_of(case, &target.process, signal)
    })?;
    Some(Blow { shot, how: How::PassedOn })
}

fn died_of(case: &Case, process: &ProcessId, signal: i32) -> bool {
    match case.end_of(process) {
        End::Unknown => true,
        end => answer(end, signal).is_some(),
    }
}

/// Nobody saw the end itself: the KILL that reached it, else the last signal that did.
fn presumed<'a>(case: &Case<'a>) -> Option<Blow<'a>> {
    let near = || to_leader(case).filter(|shot| is_near(shot.age));
    let shot = near().find(|shot| shot.signal.signal == KILL).or_else(|| near().next_back())?;
    Some(Blow { shot, how: How::Presumed })
}

/// A program that has cleaned up sends itself the signal that it was sent; and a wrapper the one
/// that its child died of. Who sent the first of them did it.
fn first_cause<'a>(case: &Case<'a>, blow: Blow<'a>) -> Blow<'a> {
    let signal = blow.signal();
    if !blow.is_by_itself() || !is_sent(signal) || FAULTS.contains(&signal.signal) {
        return blow;
    }
    let earlier = |shot: &Shot| {
        let earlier = shot.age - blow.shot.age;
        shot.signal.signal == signal.signal
            && (1..=millis(GRACE_MS)).contains(&earlier)
            && shot.signal.sender.process != blow.sender().process
    };
    let own = || case.shots().filter(|shot| case.is_leader(&shot.signal.target.process));
    if let Some(shot) = own().rfind(earlier) {
        return Blow { shot, ..blow };
    }
    let below = case.shots().rfind(|shot| {
        let target = &shot.signal.target;
        earlier(shot) && case.concerns(target) && died_of(case, &target.process, signal.signal)
    });
    below.map_or(blow, |shot| Blow { shot, how: How::PassedOn })
}

fn is_kernels(signal: &SignalSeen) -> bool {
    signal.code == BY_THE_KERNEL
}
