//! When which session is looked at next.
//!
//! Looks are spread over the interval by the sessions' ids, since a thousand at once would be a
//! burst; and those that are due at nearly the same time are due at the same, since a thousand
//! wake-ups would be no better.

use std::collections::{BTreeSet, HashMap};

use wk_model::SessionId;

/// Due times are this part of the interval apart, or multiples of it.
const PARTS: u64 = 64;

#[derive(Debug, Default)]
pub(super) struct Schedule {
    due: BTreeSet<(u64, SessionId)>,
    places: HashMap<SessionId, Place>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    due: Option<u64>,
    looked: Option<u64>,
}

impl Schedule {
    /// The first time at which anybody is due.
    pub(super) fn first(&self) -> Option<u64> {
        self.due.first().map(|(due, _)| *due)
    }

    pub(super) fn set(&mut self, id: SessionId, due: u64) {
        let place = self.places.entry(id).or_default();
        if let Some(before) = place.due.replace(due) {
            self.due.remove(&(before, id));
        }
        self.due.insert((due, id));
    }

    /// Has a session looked at now, but not within `gap` of the last look.
    pub(super) fn hasten(&mut self, id: SessionId, now: u64, gap: u64) {
        let Some(place) = self.places.get(&id) else { return };
        let soonest = place.looked.map_or(now, |looked| now.max(looked.saturating_add(gap)));
        if place.due.is_some_and(|due| soonest < due) {
            self.set(id, soonest);
        }
    }

    /// Has a session looked at no later than at `due`.
    pub(super) fn advance(&mut self, id: SessionId, due: u64) {
        let planned = self.places.get(&id).and_then(|place| place.due);
        if planned.is_some_and(|planned| due < planned) {
            self.set(id, due);
        }
    }

    /// The session's next turn: the same place in each interval.
    pub(super) fn next(&mut self, id: SessionId, now: u64, interval: u64) {
        let interval = interval.max(1);
        let part = (interval / PARTS).max(1);
        let phase = id.number() % interval / part * part;
        let turn = now.saturating_sub(phase) / interval + 1;
        let due = turn.saturating_mul(interval).saturating_add(phase);
        // Before its first place in the very first interval, that place is next.
        self.set(id, if now < phase { phase } else { due });
    }

    pub(super) fn remove(&mut self, id: SessionId) {
        if let Some(due) = self.places.remove(&id).and_then(|place| place.due) {
            self.due.remove(&(due, id));
        }
    }

    /// Takes out all that are due.
    pub(super) fn take(&mut self, now: u64) -> Vec<SessionId> {
        let mut taken = Vec::new();
        while let Some((due, id)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            self.due.remove(&(due, id));
            self.places.insert(id, Place { due: None, looked: Some(now) });
            taken.push(id);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids(count: u64) -> impl Iterator<Item = SessionId> {
        (0..count).map(|number| SessionId::from_random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    #[test]
    fn a_thousand_are_spread_evenly_and_wake_few_times() {
        let mut schedule = Schedule::default();
        ids(1000).for_each(|id| schedule.next(id, 70_000, 30_000));
        let (mut wakes, mut most, mut all) = (0, 0, 0);
        while let Some(due) = schedule.first() {
            assert!(due > 70_000 && due <= 100_000);
            let taken = schedule.take(due).len();
            (wakes, most, all) = (wakes + 1, most.max(taken), all + taken);
        }
        assert_eq!(all, 1000);
        assert!(wakes <= 66 && most < 60, "{wakes} wake-ups, {most} at once");
    }

    #[test]
    fn what_is_told_of_a_session_brings_its_look_forward_once() {
        let mut schedule = Schedule::default();
        let id = ids(1).next().unwrap();
        schedule.hasten(id, 5, 1000);
        assert_eq!(schedule.first(), None);
        schedule.set(id, 30_000);
        schedule.hasten(id, 5, 1000);
        assert_eq!(schedule.first(), Some(5));
        assert_eq!(schedule.take(5), [id]);
        schedule.next(id, 5, 30_000);
        schedule.hasten(id, 6, 1000);
        assert_eq!(schedule.first(), Some(1005));
        schedule.advance(id, 2000);
        assert_eq!(schedule.first(), Some(1005), "it comes sooner already");
        schedule.advance(id, 900);
        assert_eq!(schedule.first(), Some(900));
        schedule.remove(id);
        assert_eq!((schedule.first(), schedule.take(u64::MAX)), (None, Vec::new()));
    }

    proptest! {
        #[test]
        fn turns_come_one_interval_after_another(
            number: u64, now in 0..1_000_000_000_u64, interval in 1..100_000_u64,
        ) {
            let (mut schedule, id) = (Schedule::default(), SessionId::from_random(number));
            schedule.next(id, now, interval);
            let due = schedule.first().unwrap();
            prop_assert!(due > now && due <= now + interval);
            prop_assert_eq!(schedule.take(due), [id]);
            schedule.next(id, due, interval);
            prop_assert_eq!(schedule.first(), Some(due + interval));
        }
    }
}
