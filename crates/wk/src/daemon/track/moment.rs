//! The times that clients tell, by clocks that are not ours.

use wk_model::{Moment, Reported, Time};

/// A clock that is further ahead of ours than this is wrong.
const AHEAD_MS: u64 = 24 * 3600 * 1000;

/// 2020: whoever tells of an earlier moment has a clock that was never set.
const EARLIEST: Time = Time::from_millis(1_577_836_800_000);

/// When a session began, and what its client said where that cannot be.
pub(super) fn start(told: Time, now: Moment) -> (Moment, Option<Time>) {
    if told < EARLIEST || told > now.time.plus_millis(AHEAD_MS) {
        return (now, Some(told));
    }
    (Moment { time: told, ..now }, None)
}

/// Why an end cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EndsBeforeStart {
    pub(super) began: Time,
}

/// When a session ended. Its client's own clock says how long it lasted; a clock that has run
/// away since says nothing, and what is heard now has ended by now.
pub(super) fn end(
    told: Time,
    start_time: Time,
    reported: &Reported,
    now: Moment,
) -> Result<Moment, EndsBeforeStart> {
    let began = reported.client_time.unwrap_or(start_time);
    if told < began {
        return Err(EndsBeforeStart { began });
    }
    let time = start_time.plus_millis(told.millis_since(began));
    if time > now.time.plus_millis(AHEAD_MS) {
        return Ok(Moment { time: now.time.max(start_time), ..now });
    }
    Ok(Moment { time, ..now })
}

#[cfg(test)]
mod tests {
    use wk_model::BootId;

    use super::*;

    const HOUR: i64 = 3_600_000;

    fn now() -> Moment {
        let time = Time::parse("2026-11-20T12:00:00Z").unwrap();
        Moment { time, boot: BootId::default(), boot_ns: 7 }
    }

    fn ago(hours: i64) -> Time {
        Time::from_millis(now().time.as_millis() - hours * HOUR)
    }

    #[test]
    fn a_client_says_when_it_began_unless_that_cannot_be() {
        for (case, told, at, kept) in [
            ("just now", ago(0), ago(0), None),
            ("told late", ago(1000), ago(1000), None),
            ("a clock that is a little ahead", ago(-1), ago(-1), None),
            ("a clock that is a year ahead", ago(-9000), ago(0), Some(ago(-9000))),
            (
                "a clock that was never set",
                Time::from_millis(5),
                ago(0),
                Some(Time::from_millis(5)),
            ),
            (
                "the end of time",
                Time::from_millis(i64::MAX),
                ago(0),
                Some(Time::from_millis(i64::MAX)),
            ),
        ] {
            let (moment, client_time) = start(told, now());
            assert_eq!((moment.time, client_time), (at, kept), "{case}");
            assert_eq!(moment.boot_ns, 7, "{case}: the order is that of the telling");
        }
    }

    #[test]
    fn it_lasted_from_the_start_to_the_end_by_the_clock_of_its_client() {
        let honest = Reported::default();
        let ended = |told| end(told, ago(5), &honest, now()).map(|moment| moment.time);
        assert_eq!(ended(ago(2)), Ok(ago(2)));
        assert_eq!(ended(ago(5)), Ok(ago(5)), "no time at all is a time");
        assert_eq!(ended(ago(-3)), Ok(ago(-3)), "a clock that is ahead");
        assert_eq!(ended(ago(6)), Err(EndsBeforeStart { began: ago(5) }));
        assert_eq!(ended(ago(-9000)), Ok(ago(0)), "a clock that has run away");
        let wrong = Reported { client_time: Some(ago(-9000)), ..Reported::default() };
        let lasted = end(ago(-9002), ago(5), &wrong, now()).unwrap().time;
        assert_eq!(lasted, ago(3), "two hours by a wrong clock are two hours");
        assert!(end(ago(-8999), ago(5), &wrong, now()).is_err());
    }
}
