//! The evidence of one end, put in order, and the questions that every rule asks of it.

use wk_model::{Delivery, Ending, Kind, ProcessId, SeenProcess, SignalSeen, Target};

use super::{Coverage, Evidence, Fact, LogNote, ScreenNote, TmuxSubject, What, blow::Blow};

/// What a process is given to end by itself once it was told to.
pub(super) const GRACE_MS: i64 = 10_000;
/// Clocks and the ways of news differ by less.
const SLACK_MS: i64 = 1_000;
/// Logs are read later, and their clocks are coarse.
const LOG_MS: i64 = 15_000;

/// Signals.
pub(super) const HUP: i32 = 1;
pub(super) const INT: i32 = 2;
pub(super) const QUIT: i32 = 3;
pub(super) const ABRT: i32 = 6;
pub(super) const KILL: i32 = 9;
pub(super) const PIPE: i32 = 13;
pub(super) const TERM: i32 = 15;
pub(super) const XCPU: i32 = 24;
pub(super) const XFSZ: i32 = 25;
pub(super) const SYS: i32 = 31;
/// ILL, TRAP, ABRT, BUS, FPE and SEGV.
pub(super) const FAULTS: [i32; 6] = [4, 5, ABRT, 7, 8, 11];
/// PIPE, ALRM, VTALRM and PROF: from the kernel they are a program's own doing.
pub(super) const OWN_DOING: [i32; 4] = [PIPE, 14, 26, 27];

/// `si_code` of a signal that the kernel sent on its own.
pub(super) const BY_THE_KERNEL: i32 = 0x80;

/// How a process ended, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Code(i32),
    Signal(i32),
    Unknown,
}

/// How an end answers to a signal that came before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It died of it.
    Died,
    /// It exited with 128 and the signal's number.
    Code,
    /// It caught it, and ended in good order.
    Caught,
}

/// A signal that was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shot<'a> {
    /// How long before the end, in nanoseconds; less than 0: after it.
    pub age: i128,
    pub signal: &'a SignalSeen,
}

/// One end, and all that is known of it.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub evidence: &'a Evidence,
    /// Oldest first.
    facts: Vec<(i128, &'a Fact)>,
    pub end: End,
    /// The signal that ended it, where it was seen.
    pub blow: Option<Blow<'a>>,
}

impl<'a> Case<'a> {
    pub(super) fn new(evidence: &'a Evidence) -> Self {
        let mut facts: Vec<_> =
            evidence.facts.iter().map(|fact| (age(evidence, fact), fact)).collect();
        // Facts of one moment are put in an order that does not depend on who gathered them.
        facts.sort_by(|(a, one), (b, other)| {
            b.cmp(a).then_with(|| format!("{one:?}").cmp(&format!("{other:?}")))
        });
        let mut case = Self { evidence, facts, end: End::Unknown, blow: None };
        case.end = case.own_end();
        case.blow = Blow::find(&case);
        case
    }

    fn own_end(&self) -> End {
        match &self.evidence.ending {
            Ending::Closed { .. } => End::Code(0),
            Ending::Exited { code } | Ending::ExecFailed { code, .. } => End::Code(*code),
            Ending::Signaled { signal, .. } => End::Signal(*signal),
            Ending::HolderLost | Ending::Gone | Ending::Rebooted | Ending::NeverRan { .. } => {
                let leader = self.evidence.subject.leader.as_ref();
                leader.map_or(End::Unknown, |leader| self.end_of(leader))
            }
        }
    }

    /// How a process ended, by what was seen of it.
    pub(super) fn end_of(&self, process: &ProcessId) -> End {
        self.facts().rev().find_map(|(_, fact)| seen_end(fact, process)).unwrap_or(End::Unknown)
    }

    /// When a process ended.
    pub(super) fn age_of_end(&self, process: &ProcessId) -> Option<i128> {
        self.facts().rev().find_map(|(age, fact)| seen_end(fact, process).map(|_| age))
    }

    /// Oldest first, with their ages.
    pub(super) fn facts(&self) -> impl DoubleEndedIterator<Item = (i128, &'a Fact)> + '_ {
        self.facts.iter().copied()
    }

    /// All signals that reached their target, oldest first.
    pub(super) fn shots(&self) -> impl DoubleEndedIterator<Item = Shot<'a>> + '_ {
        self.facts().filter_map(|(age, fact)| match &fact.what {
            What::Signal(signal) if signal.delivery == Delivery::Delivered => {
                Some(Shot { age, signal })
            }
            _ => None,
        })
    }

    /// The signal that ended another process than the session's own: its holder, its tmux
    /// server, its parent. `until`: the age of what followed from it.
    pub(super) fn shot_that_ended(&self, process: &ProcessId, until: i128) -> Option<Shot<'a>> {
        let end = self.end_of(process);
        let fits = |shot: &Shot| {
            shot.signal.target.process == *process
                && shot.age - until >= -millis(SLACK_MS)
                && shot.age - until <= millis(GRACE_MS)
                && (end == End::Unknown || answer(end, shot.signal.signal).is_some())
        };
        let kill = self.shots().find(|shot| fits(shot) && shot.signal.signal == KILL);
        kill.or_else(|| self.shots().rfind(fits))
    }

    pub(super) fn logs(&self) -> impl Iterator<Item = &'a LogNote> + '_ {
        self.facts().filter(|(age, _)| age.abs() <= millis(LOG_MS)).filter_map(|(_, fact)| {
            match &fact.what {
                What::Log(note) => Some(note),
                _ => None,
            }
        })
    }

    pub(super) fn screens(&self) -> impl Iterator<Item = &'a ScreenNote> + '_ {
        self.facts().filter_map(|(_, fact)| match &fact.what {
            What::Screen(note) => Some(note),
            _ => None,
        })
    }

    /// A shell or a tmux session: its last command's code says nothing of it.
    pub(super) fn is_shell(&self) -> bool {
        matches!(self.evidence.subject.kind, Kind::Shell | Kind::Tmux)
    }

    pub(super) fn tmux(&self) -> Option<&'a TmuxSubject> {
        self.evidence.subject.tmux.as_ref()
    }

    pub(super) fn is_leader(&self, process: &ProcessId) -> bool {
        self.evidence.subject.leader.as_ref() == Some(process)
    }

    pub(super) fn is_holder(&self, process: &ProcessId) -> bool {
        self.evidence.subject.holder.as_ref() == Some(process)
    }

    pub(super) fn is_server(&self, process: &ProcessId) -> bool {
        self.tmux().is_some_and(|tmux| tmux.server == *process)
    }

    /// The leader, or one that is known to have been the session's.
    pub(super) fn is_own(&self, process: &ProcessId) -> bool {
        let infrastructure = self.is_holder(process) || self.is_server(process);
        let known = self.is_leader(process) || self.evidence.subject.processes.contains(process);
        known && !infrastructure
    }

    /// One of the session's, or below one of them.
    pub(super) fn descends(&self, seen: &SeenProcess) -> bool {
        self.is_own(&seen.process)
            || seen.ancestry.iter().any(|ancestor| {
                let process = ProcessId {
                    boot: seen.process.boot,
                    pid: ancestor.pid,
                    start_time: ancestor.start_time,
                };
                self.is_own(&process)
            })
    }

    /// One of ours: the holder, or a process that calls itself ours. Only of use where it is
    /// known that we were to end the session.
    pub(super) fn is_ours(&self, seen: &SeenProcess) -> bool {
        self.is_holder(&seen.process) || matches!(seen.comm.as_str(), "wk" | "wk-holder")
    }

    /// The session's own processes, and the one that leads it.
    pub(super) fn concerns(&self, target: &Target) -> bool {
        let below = self.is_leader(&target.root) || self.is_holder(&target.root);
        self.is_own(&target.process) || (below && !self.is_holder(&target.process))
    }

    /// Whether what was not seen did not happen.
    pub(super) fn is_covered(&self) -> bool {
        self.evidence.coverage == Coverage::Full
    }

    /// Whether another boot has begun, and nobody had written the end down.
    pub(super) fn is_other_boot(&self) -> bool {
        let other = self.facts().any(|(_, fact)| fact.what == What::OtherBoot);
        match &self.evidence.ending {
            Ending::Rebooted => true,
            Ending::Gone | Ending::HolderLost => other,
            _ => false,
        }
    }
}

/// How an end fits a signal that came before it.
pub(super) fn answer(end: End, signal: i32) -> Option<Answer> {
    match end {
        End::Signal(number) if number == signal => Some(Answer::Died),
        // What is killed so does not choose its code.
        End::Code(_) if signal == KILL => None,
        End::Code(code) if code == 128 + signal => Some(Answer::Code),
        End::Code(0) if matches!(signal, TERM | INT | HUP) => Some(Answer::Caught),
        _ => None,
    }
}

/// Whether a signal so long before the end can have been its reason.
pub(super) fn is_near(age: i128) -> bool {
    (-millis(SLACK_MS)..=millis(GRACE_MS)).contains(&age)
}

/// Whether it is not after the end.
pub(super) fn is_before(age: i128) -> bool {
    age >= -millis(SLACK_MS)
}

/// Nanoseconds.
pub(super) fn millis(ms: i64) -> i128 {
    i128::from(ms) * 1_000_000
}

fn age(evidence: &Evidence, fact: &Fact) -> i128 {
    let (end, at) = (&evidence.ended_at, &fact.at);
    if end.boot == at.boot {
        i128::from(end.boot_ns) - i128::from(at.boot_ns)
    } else {
        millis(end.time.as_millis()) - millis(at.time.as_millis())
    }
}

fn seen_end(fact: &Fact, process: &ProcessId) -> Option<End> {
    let (code, signal) = match &fact.what {
        What::Exit(exit) if exit.target.process == *process => (exit.code, exit.signal),
        What::Waited { process: waited, code, signal } if waited == process => (*code, *signal),
        _ => return None,
    };
    signal.map(End::Signal).or(code.map(End::Code))
}
