//! A circuit breaker: keeps sessions away from an instance on which most of them fail.
//!
//! ```text
//! closed ──half of the last ten failed──▶ open ──a minute──▶ half-open
//!    ▲                                     ▲                     │ one session
//!    └──────────it ended well, or has run for a minute──── probing
//!                                          └────it failed───────┘
//! ```
//!
//! Pure: folded from what happened in the order in which it happened.

use std::collections::VecDeque;

use wk_model::{SessionId, Time};

/// Ends of attempts that are looked at.
const WINDOW: usize = 10;

/// Fewer of them say nothing.
const LEAST: usize = 5;

/// An open breaker lets nothing through for so long; a probe that runs for so long is well.
const OPEN_MS: u64 = 60_000;

/// One instance's breaker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    /// Newest last; true: it ended well.
    ends: VecDeque<bool>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Closed,
    Open {
        until: Time,
    },
    Probing {
        session: SessionId,
        until: Time,
    },
}

/// How a breaker stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Closed,
    /// Nothing gets through before this moment.
    Open(Time),
    /// One session may try.
    HalfOpen,
    /// One session tries; well by this moment if it still runs.
    Probing(Time),
}

/// What an end did to the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    Opened { until: Time },
    Closed,
}

impl Breaker {
    pub fn standing(&self, now: Time) -> Standing {
        match self.state {
            State::Open { until } if now < until => Standing::Open(until),
            State::Open { .. } => Standing::HalfOpen,
            State::Probing { until, .. } if now < until => Standing::Probing(until),
            State::Probing { .. } | State::Closed => Standing::Closed,
        }
    }

    /// Failures among the ends that are looked at, and how many those are.
    pub fn failures(&self) -> (usize, usize) {
        (self.ends.iter().filter(|well| !**well).count(), self.ends.len())
    }

    /// A session was let through: at a half-open breaker it is the one that tries.
    pub fn admit(&mut self, session: SessionId, at: Time) {
        if self.standing(at) == Standing::HalfOpen {
            self.state = State::Probing { session, until: at.plus_millis(OPEN_MS) };
        }
    }

    /// An attempt of a session ended.
    pub fn ended(&mut self, session: SessionId, well: bool, at: Time) -> Option<Turned> {
        match self.state {
            State::Open { .. } => None,
            State::Probing { until, .. } if at >= until => {
                // The probe was well: this is a closed breaker's end.
                self.close();
                self.count(well, at)
            }
            // Others began before it opened, and say nothing new.
            State::Probing { session: probe, .. } if probe != session => None,
            State::Probing { .. } if well => {
                self.close();
                Some(Turned::Closed)
            }
            State::Probing { .. } => Some(self.open(at)),
            State::Closed => self.count(well, at),
        }
    }

    /// A session that tries was stopped: the next one may.
    pub fn withdrawn(&mut self, session: SessionId, at: Time) {
        if matches!(self.state, State::Probing { session: probe, until } if probe == session && at < until)
        {
            self.state = State::Open { until: at };
        }
    }

    /// Somebody says that the instance works again.
    pub fn close(&mut self) {
        *self = Self::default();
    }

    fn count(&mut self, well: bool, at: Time) -> Option<Turned> {
        self.ends.push_back(well);
        if self.ends.len() > WINDOW {
            self.ends.pop_front();
        }
        let (failures, of) = self.failures();
        (!well && of >= LEAST && failures * 2 >= of).then(|| self.open(at))
    }

    fn open(&mut self, at: Time) -> Turned {
        let until = at.plus_millis(OPEN_MS);
        self.ends.clear();
        self.state = State::Open { until };
        Turned::Opened { until }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: i64 = 1_762_838_400_000;

    fn at(ms: i64) -> Time {
        Time::from_millis(START + ms)
    }

    fn id(number: u64) -> SessionId {
        SessionId::from_number(number)
    }

    /// The breaker after sessions 1, 2, … ended so, all at the start.
    fn after(ends: &[bool]) -> Breaker {
        let mut breaker = Breaker::default();
        for (number, well) in (1..).zip(ends) {
            breaker.ended(id(number), *well, at(0));
        }
        breaker
    }

    #[test]
    fn it_opens_when_half_of_the_last_ends_were_failures_and_not_on_a_few() {
        let (good, bad) = (true, false);
        for (case, ends, open) in [
            ("nothing", &[][..], false),
            ("four failures are few", &[bad; 4], false),
            ("five are not", &[bad; 5], true),
            ("two of five are less than half", &[bad, bad, good, good, bad], true),
            ("one in three", &[bad, good, good, bad, good, good], false),
            ("a success opens nothing", &[bad, bad, good, good, good, good], false),
        ] {
            let standing = after(ends).standing(at(0));
            let want = if open { Standing::Open(at(60_000)) } else { Standing::Closed };
            assert_eq!(standing, want, "{case}");
        }
    }

    #[test]
    fn old_ends_are_forgotten() {
        let ends: Vec<bool> = [vec![false; 4], vec![true; 30], vec![false; 4]].concat();
        assert_eq!(after(&ends).standing(at(0)), Standing::Closed);
        assert_eq!(after(&ends).failures(), (4, 10));
    }

    #[test]
    fn after_a_minute_one_session_tries_and_decides() {
        let open = after(&[false; 5]);
        assert_eq!(open.standing(at(59_999)), Standing::Open(at(60_000)));
        assert_eq!(open.standing(at(60_000)), Standing::HalfOpen);
        let mut probing = open;
        probing.admit(id(9), at(60_000));
        assert_eq!(probing.standing(at(60_001)), Standing::Probing(at(120_000)));
        let turned = |session, well| {
            let mut breaker = probing.clone();
            let turned = breaker.ended(id(session), well, at(70_000));
            (turned, breaker.standing(at(70_000)))
        };
        assert_eq!(turned(9, true), (Some(Turned::Closed), Standing::Closed));
        let again = at(130_000);
        assert_eq!(
            turned(9, false),
            (Some(Turned::Opened { until: again }), Standing::Open(again))
        );
        let unmoved = (None, Standing::Probing(at(120_000)));
        assert_eq!((turned(3, false), turned(3, true)), (unmoved, unmoved));
        assert_eq!(probing.standing(at(120_000)), Standing::Closed, "it has run for a minute");
    }

    #[test]
    fn a_session_that_was_stopped_while_it_tried_makes_room_for_the_next() {
        let mut breaker = after(&[false; 5]);
        breaker.admit(id(9), at(60_000));
        breaker.withdrawn(id(8), at(61_000));
        assert_eq!(breaker.standing(at(61_000)), Standing::Probing(at(120_000)));
        breaker.withdrawn(id(9), at(61_000));
        assert_eq!(breaker.standing(at(61_000)), Standing::HalfOpen);
    }

    #[test]
    fn a_reset_forgets_all() {
        let mut breaker = after(&[false; 5]);
        breaker.close();
        assert_eq!(breaker, Breaker::default());
    }

    proptest! {
        #[test]
        fn no_breaker_stays_open_for_longer_than_a_minute_and_none_opens_on_successes(
            ends in prop::collection::vec((0_u64..4, any::<bool>(), any::<bool>(), 0_i64..90_000), 0..60),
            all_well in any::<bool>(),
        ) {
            let (mut breaker, mut now) = (Breaker::default(), 0);
            for (session, well, admit, pause) in ends {
                now += pause;
                if admit {
                    breaker.admit(id(session), at(now));
                }
                breaker.ended(id(session), well || all_well, at(now));
                if let Standing::Open(until) = breaker.standing(at(now)) {
                    prop_assert!(!all_well && until <= at(now + 60_000));
                }
                prop_assert!(breaker.ends.len() <= WINDOW);
            }
            let later = breaker.standing(at(now + 60_000));
            prop_assert!(matches!(later, Standing::Closed | Standing::HalfOpen));
        }
    }
}
