//! Which files of ended sessions go: by age, count and size, the oldest first.
//!
//! What is in use stays, and counts all the same. History is the journal's; this is about
//! files only.
//!
//! Invariants: nothing of a session that ended just now goes, whatever the limits say; of two
//! recordings, the older one goes first.

use std::{cmp::Reverse, time::Duration};

use wk_model::{SessionId, Time};

/// The last of a recording comes to the disk after the end is told, and a failed session may
/// recover at once.
pub const SETTLED: Duration = Duration::from_secs(3);

/// What is kept, and for how long; none is without bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub live_state_after: Option<Duration>,
    pub recordings_after: Option<Duration>,
    /// Bytes of all recordings together.
    pub recordings_max: Option<u64>,
    /// Recordings of ended sessions.
    pub recordings_count: Option<u64>,
}

/// What an ended session still has on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub session_id: SessionId,
    pub ended_at: Time,
    /// Bytes of what is not needed after the end; none where there is nothing of it.
    pub live_state: Option<u64>,
    pub recording: Option<u64>,
    /// Somebody reads it, or its holder still tidies up.
    pub in_use: bool,
}

/// A part of a session's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    LiveState,
    Recording,
}

/// Why something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Age,
    Count,
    Size,
}

/// One thing to remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removal {
    pub session_id: SessionId,
    pub part: Part,
    pub bytes: u64,
    pub reason: Reason,
}

/// What goes now, the oldest first.
pub fn plan(kept: &[Kept], limits: &Limits, now: Time) -> Vec<Removal> {
    let mut newest_first: Vec<&Kept> = kept.iter().collect();
    newest_first.sort_by_key(|kept| Reverse((kept.ended_at, kept.session_id)));
    let mut removals = Vec::new();
    let (mut bytes, mut count) = (0_u64, 0_u64);
    for kept in newest_first {
        let aged = |after: Option<Duration>| after.is_some_and(|after| is_over(kept, after, now));
        let removable = !kept.in_use && is_over(kept, SETTLED, now);
        let removal =
            |part, bytes, reason| Removal { session_id: kept.session_id, part, bytes, reason };
        if let Some(size) = kept.recording {
            let old = aged(limits.recordings_after);
            if !(old && removable) {
                (bytes, count) = (bytes.saturating_add(size), count + 1);
            }
            let reason = match limits {
                _ if old => Some(Reason::Age),
                Limits { recordings_count: Some(most), .. } if count > *most => Some(Reason::Count),
                Limits { recordings_max: Some(most), .. } if bytes > *most => Some(Reason::Size),
                _ => None,
            };
            if let Some(reason) = reason.filter(|_| removable) {
                removals.push(removal(Part::Recording, size, reason));
            }
        }
        if let Some(size) = kept.live_state
            && removable
            && aged(limits.live_state_after)
        {
            removals.push(removal(Part::LiveState, size, Reason::Age));
        }
    }
    removals.reverse();
    removals
}

fn is_over(kept: &Kept, after: Duration, now: Time) -> bool {
    u128::from(now.millis_since(kept.ended_at)) >= after.as_millis()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn id(number: u64) -> SessionId {
        SessionId::from_number(number)
    }

    /// Ended so many seconds before [`now`].
    fn kept(number: u64, ago: i64, live_state: Option<u64>, recording: Option<u64>) -> Kept {
        let ended_at = Time::from_millis(now().as_millis() - ago * 1000);
        Kept { session_id: id(number), ended_at, live_state, recording, in_use: false }
    }

    fn now() -> Time {
        Time::from_millis(1_762_838_432_521)
    }

    fn unbounded() -> Limits {
        Limits {
            live_state_after: None,
            recordings_after: None,
            recordings_max: None,
            recordings_count: None,
        }
    }

    fn planned(kept: &[Kept], limits: Limits) -> Vec<(u64, Part, Reason)> {
        let shown = |removal: Removal| (removal.session_id.number(), removal.part, removal.reason);
        plan(kept, &limits, now()).into_iter().map(shown).collect()
    }

    #[test]
    fn each_limit_takes_the_oldest_first() {
        let three = [
            kept(1, 100, Some(1), Some(10)),
            kept(2, 7200, Some(1), Some(10)),
            kept(3, 9000, None, Some(10)),
        ];
        let recording = |number, reason| (number, Part::Recording, reason);
        for (case, limits, want) in [
            ("no limits", unbounded(), vec![]),
            (
                "live state by age",
                Limits { live_state_after: Some(HOUR), ..unbounded() },
                vec![(2, Part::LiveState, Reason::Age)],
            ),
            (
                "recordings by age",
                Limits { recordings_after: Some(HOUR), ..unbounded() },
                vec![recording(3, Reason::Age), recording(2, Reason::Age)],
            ),
            (
                "by size",
                Limits { recordings_max: Some(20), ..unbounded() },
                vec![recording(3, Reason::Size)],
            ),
            (
                "by count",
                Limits { recordings_count: Some(1), ..unbounded() },
                vec![recording(3, Reason::Count), recording(2, Reason::Count)],
            ),
            (
                "what goes by age leaves its room to others",
                Limits {
                    recordings_after: Some(HOUR * 2 + HOUR / 4),
                    recordings_max: Some(20),
                    ..unbounded()
                },
                vec![recording(3, Reason::Age)],
            ),
        ] {
            assert_eq!(planned(&three, limits), want, "{case}");
        }
    }

    #[test]
    fn what_is_in_use_stays_and_counts() {
        let used = Kept { in_use: true, ..kept(1, 9000, Some(1), Some(10)) };
        let both = [used, kept(2, 9999, None, Some(10))];
        let limits = Limits { recordings_max: Some(10), ..unbounded() };
        assert_eq!(planned(&both, limits), [(2, Part::Recording, Reason::Size)]);
        let limits = Limits { recordings_after: Some(HOUR), ..limits };
        assert_eq!(planned(&both[..1], limits), []);
    }

    #[test]
    fn an_end_of_just_now_is_left_alone() {
        let zero = Some(Duration::ZERO);
        let limits = Limits {
            live_state_after: zero,
            recordings_after: zero,
            recordings_max: Some(0),
            recordings_count: Some(0),
        };
        assert_eq!(planned(&[kept(1, 2, Some(1), Some(10))], limits), []);
        assert_eq!(planned(&[kept(1, -50, Some(1), Some(10))], limits), [], "a clock set back");
        assert_eq!(planned(&[kept(1, 3, Some(1), Some(10))], limits).len(), 2);
    }

    prop_compose! {
        fn arbitrary_kept()(
            number in 0..50_u64,
            ago in 0..200_i64,
            live_state in prop::option::of(0..100_u64),
            recording in prop::option::of(0..100_u64),
            in_use in prop::bool::weighted(0.2),
        ) -> Kept {
            Kept { in_use, ..kept(number, ago, live_state, recording) }
        }
    }

    proptest! {
        #[test]
        fn what_stays_fits_and_nothing_goes_that_need_not(
            all in prop::collection::vec(arbitrary_kept(), 0..30),
            after in prop::option::of(0..200_u64),
            max in prop::option::of(0..500_u64),
            count in prop::option::of(0..20_u64),
        ) {
            // One folder per session.
            let mut all = all;
            all.sort_by_key(|kept| kept.session_id);
            all.dedup_by_key(|kept| kept.session_id);
            let limits = Limits {
                live_state_after: after.map(Duration::from_secs),
                recordings_after: after.map(Duration::from_secs),
                recordings_max: max,
                recordings_count: count,
            };
            let removals = plan(&all, &limits, now());
            let goes = |kept: &Kept, part| removals.iter().any(|removal| {
                removal.session_id == kept.session_id && removal.part == part
            });
            let stay: Vec<&Kept> = all
                .iter()
                .filter(|kept| kept.recording.is_some() && !goes(kept, Part::Recording))
                .collect();
            let free = |kept: &&&Kept| !kept.in_use && is_over(kept, SETTLED, now());
            for kept in all.iter().filter(|kept| kept.in_use) {
                prop_assert!(!goes(kept, Part::Recording) && !goes(kept, Part::LiveState));
            }
            // Each that stays, and need not, fits together with all that are newer.
            let place = |kept: &Kept| (kept.ended_at, kept.session_id);
            for kept in stay.iter().filter(free) {
                let newer = || stay.iter().filter(|other| place(other) >= place(kept));
                let bytes: u64 = newer().filter_map(|kept| kept.recording).sum();
                prop_assert!(max.is_none_or(|max| bytes <= max));
                prop_assert!(count.is_none_or(|count| newer().count() as u64 <= count));
            }
            for removal in &removals {
                let gone = all.iter().find(|kept| kept.session_id == removal.session_id).unwrap();
                match removal.reason {
                    Reason::Age => prop_assert!(is_over(gone, Duration::from_secs(after.unwrap()), now())),
                    Reason::Count | Reason::Size => {
                        // Every free one that is older goes as well.
                        let older = stay.iter().filter(free)
                            .any(|kept| kept.ended_at < gone.ended_at);
                        prop_assert!(!older, "{gone:?} went before an older one");
                    }
                }
            }
            let ended_at = |removal: &Removal| {
                all.iter().find(|kept| kept.session_id == removal.session_id).map(|kept| kept.ended_at)
            };
            prop_assert!(removals.is_sorted_by_key(ended_at));
        }
    }
}
