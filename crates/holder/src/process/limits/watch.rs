//! One limit: what was found so far, and when to look again.

use std::time::{Duration, Instant};

use wk_model::{Ending, LimitKind, ProcessUse};

use super::{
    margin,
    meter::{Facts, Meter},
    pace,
};

/// Between looks at what is over its limit and asked to end.
const OVER: Duration = Duration::from_millis(20);

/// A limit of the attempt.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) limit: LimitKind,
    pub(super) max: u64,
    pub(super) meter: Meter,
    /// As last told.
    pub(super) largest: Vec<ProcessUse>,
    state: State,
    last: u64,
    /// The dead of one moment, where they were so many that it was a bomb.
    crowd: Option<u64>,
    /// None: when the kernel says so, or when something happens anyway.
    look_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Under,
    Warned,
    Over,
    /// Patience is over, too.
    Beyond,
}

/// What a look has found that was not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// 80 %.
    Near(u64),
    /// `beyond`: by so much that there is no time for asking.
    Over { value: u64, beyond: bool },
    /// It was asked to end, and grew on.
    Beyond,
}

impl Watch {
    pub(super) fn new(limit: LimitKind, max: u64, meter: Meter) -> Self {
        // The first look is taken soon: the tree has only begun.
        let look_at = meter.needs_looks().then(Instant::now);
        let (largest, state) = (Vec::new(), State::Under);
        Self { limit, max, meter, largest, state, last: 0, crowd: None, look_at }
    }

    /// A bomb that meets a bound of the machine's may be dead before anybody looks. The kernel
    /// counts the dead among the processes until they are taken, and so they are here where they
    /// are far more than the living may be.
    pub(super) fn note_dead(&mut self, dead: u64) {
        let crowd = self.max.saturating_add(margin::tasks(self.max) / 2);
        if self.limit == LimitKind::Processes && dead > crowd {
            self.crowd = self.crowd.max(Some(dead));
            self.look_now();
        }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Over | State::Beyond)
    }

    pub(super) fn look_now(&mut self) {
        self.look_at = Some(Instant::now());
    }

    /// When there is something to find even if nothing happens.
    pub(super) fn deadline(&self, started: Instant, active_at: Instant) -> Option<Instant> {
        let since = match self.limit {
            LimitKind::Time => started,
            LimitKind::Idle => active_at,
            LimitKind::Output => return None,
            LimitKind::Memory | LimitKind::CpuTime | LimitKind::Processes => return self.look_at,
        };
        let wait = match self.state {
            State::Under => near(self.max),
            State::Warned => self.max,
            State::Over | State::Beyond => return None,
        };
        Some(since.checked_add(Duration::from_millis(wait)).unwrap_or(since + FAR))
    }

    /// Measures, if it is time to.
    pub(super) fn look(&mut self, facts: &Facts<'_>) -> Option<Finding> {
        let due = match self.limit {
            LimitKind::Time | LimitKind::Idle | LimitKind::Output => !self.is_over(),
            _ => self.look_at.is_some_and(|at| at <= facts.now) && self.state != State::Beyond,
        };
        if !due {
            return None;
        }
        let begun = Instant::now();
        let value = self.meter.read(self.limit, facts, self.max);
        let value = value.max(self.crowd.take().unwrap_or(0));
        let finding = self.judge(value);
        // Growth that is no more than noise hurries nobody.
        let growing = value > self.last.saturating_add(self.max / 256);
        self.last = value;
        self.look_at = self.pause(value, growing, begun.elapsed()).map(|pause| facts.now + pause);
        finding
    }

    /// The value by which a limit was met that ended the attempt before a look could.
    pub(super) fn met_its_end(&self, ending: &Ending, cpu_ms: u64) -> Option<u64> {
        match self.limit {
            LimitKind::Memory => self.meter.killed_at(self.max).map(|peak| peak.max(self.max)),
            // Who cannot fork any more may end by itself before anybody has looked.
            LimitKind::Processes if *ending != Ending::Exited { code: 0 } => {
                self.meter.killed_at(self.max).max(self.crowd)
            }
            // The kernel's bound of each process.
            LimitKind::CpuTime => {
                let by_kernel = [libc::SIGXCPU, libc::SIGKILL].map(Some).contains(&ending.signal());
                (by_kernel && cpu_ms >= self.max).then_some(cpu_ms)
            }
            _ => None,
        }
    }

    fn judge(&mut self, value: u64) -> Option<Finding> {
        let over = match self.limit {
            LimitKind::Time | LimitKind::Idle | LimitKind::CpuTime => value >= self.max,
            LimitKind::Memory | LimitKind::Processes | LimitKind::Output => value > self.max,
        };
        let beyond = match self.limit {
            LimitKind::Memory => value > self.max.saturating_add(margin::memory(self.max) / 2),
            LimitKind::Processes => value > self.max.saturating_add(margin::processes(self.max)),
            _ => false,
        };
        // Few processes are near their limit from the beginning.
        let near = value >= near(self.max) && (self.limit != LimitKind::Processes || self.max > 4);
        match self.state {
            State::Under | State::Warned if over => {
                self.state = if beyond { State::Beyond } else { State::Over };
                Some(Finding::Over { value, beyond })
            }
            State::Under if near => {
                self.state = State::Warned;
                Some(Finding::Near(value))
            }
            State::Over if beyond => {
                self.state = State::Beyond;
                Some(Finding::Beyond)
            }
            _ => None,
        }
    }

    fn pause(&self, value: u64, growing: bool, cost: Duration) -> Option<Duration> {
        if self.state == State::Over {
            return matches!(self.limit, LimitKind::Memory | LimitKind::Processes).then_some(OVER);
        }
        let room = self.max.saturating_sub(value);
        let pause = match self.limit {
            // Below, the kernel tells.
            LimitKind::Memory if self.meter.tells() && !self.meter.is_near(self.max) => {
                return None;
            }
            LimitKind::Memory => pace::memory(room, growing),
            LimitKind::CpuTime => {
                // Both the warning and the end want to be on time.
                let room = match self.state {
                    State::Under => near(self.max).saturating_sub(value),
                    _ => room,
                };
                let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
                pace::cpu_time(room, cores, growing)
            }
            LimitKind::Processes => pace::processes(room, growing, self.meter.tells()),
            LimitKind::Time | LimitKind::Idle | LimitKind::Output => return None,
        };
        // A look that is dear is taken less often, as far as that goes.
        Some(pause.max((cost * 10).min(Duration::from_millis(100))))
    }
}

/// Longer waits are as good as for ever.
const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Where a warning is due: 80 %, rounded up.
pub(super) fn near(max: u64) -> u64 {
    max - max / 5
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(limit: LimitKind, max: u64) -> Watch {
        Watch::new(limit, max, Meter::Looking)
    }

    #[test]
    fn each_limit_warns_once_and_is_exceeded_once() {
        let mut memory = watch(LimitKind::Memory, 1 << 30);
        let over = |value| Some(Finding::Over { value, beyond: false });
        for (value, want) in [
            (800 << 20, None),
            (900 << 20, Some(Finding::Near(900 << 20))),
            (100 << 20, None),
            (1000 << 20, None),
            (1 << 30, None),
            ((1 << 30) + 1, over((1 << 30) + 1)),
            ((1 << 30) + 2, None),
            (2 << 30, Some(Finding::Beyond)),
            (3 << 30, None),
        ] {
            assert_eq!(memory.judge(value), want, "{value}");
        }
    }

    #[test]
    fn what_jumps_far_over_its_limit_is_not_asked() {
        let found = watch(LimitKind::Processes, 10).judge(100);
        assert_eq!(found, Some(Finding::Over { value: 100, beyond: true }));
    }

    #[test]
    fn limits_are_what_may_be_had_and_times_what_may_not_be_reached() {
        for (limit, max, value, over) in [
            (LimitKind::Time, 100, 100, true),
            (LimitKind::Time, 100, 99, false),
            (LimitKind::Idle, 100, 100, true),
            (LimitKind::CpuTime, 100, 100, true),
            (LimitKind::Processes, 3, 3, false),
            (LimitKind::Processes, 3, 4, true),
            (LimitKind::Output, 100, 100, false),
            (LimitKind::Output, 100, 101, true),
        ] {
            let found = watch(limit, max).judge(value);
            assert_eq!(matches!(found, Some(Finding::Over { .. })), over, "{limit:?} {value}");
        }
        assert_eq!(watch(LimitKind::Processes, 1).judge(1), None);
    }
}
