use proptest::prelude::*;
use wk_model::{Condition::*, Time};

use super::*;

const MINUTE: u64 = 60_000;
const THRESHOLDS: Thresholds =
    Thresholds { stale_after_ms: Some(5 * MINUTE), hung_after_ms: MINUTE };

fn quiet(ms: u64) -> Evidence {
    Evidence {
        no_output_ms: ms,
        no_input_ms: ms,
        no_cpu_ms: ms,
        was_active: true,
        ..Evidence::default()
    }
}

fn used(limit: LimitKind, value: u64, max: u64) -> Evidence {
    Evidence { limits: vec![LimitUse { limit, max, value }], ..quiet(0) }
}

fn blocked(ms: u64) -> Evidence {
    let process = Blocked { pid: 7, start_time: 9, comm: "dd".into(), cpu_ms: 3 };
    Evidence { blocked: Some((process, ms)), ..quiet(9 * MINUTE) }
}

fn conditions(findings: &[Finding]) -> Vec<Condition> {
    findings.iter().map(|finding| finding.condition).collect()
}

#[test]
fn each_condition_has_its_evidence() {
    let typed = Evidence { no_input_ms: MINUTE, ..quiet(9 * MINUTE) };
    let works = Evidence { no_cpu_ms: 0, ..quiet(9 * MINUTE) };
    let prints = Evidence { no_output_ms: 0, ..quiet(9 * MINUTE) };
    let unseen = Evidence { no_cpu_ms: 0, was_active: false, ..quiet(9 * MINUTE) };
    let stopped = Evidence { stopped_ms: Some(0), ..quiet(9 * MINUTE) };
    for (case, evidence, before, want) in [
        ("quiet for a moment", quiet(MINUTE), &[][..], &[][..]),
        ("quiet for long", quiet(5 * MINUTE), &[], &[Stale]),
        ("just not", quiet(5 * MINUTE - 1), &[Stale], &[]),
        ("somebody types", typed, &[Stale], &[]),
        ("it works without a word", works, &[Stale], &[]),
        ("it prints", prints, &[Stale], &[]),
        ("a new daemon has seen nothing that says otherwise", unseen.clone(), &[Stale], &[Stale]),
        ("nor that says so", unseen, &[], &[]),
        ("stopped, however short", stopped.clone(), &[], &[Hung]),
        ("a stopped one is not stale", stopped, &[Stale], &[Hung]),
        ("in an uninterruptible sleep", blocked(MINUTE - 1), &[], &[Stale]),
        ("for long", blocked(MINUTE), &[], &[Hung]),
        ("far from its limit", used(LimitKind::Memory, 79, 100), &[], &[]),
        ("near it", used(LimitKind::Memory, 80, 100), &[], &[OverLimit]),
        ("hovering", used(LimitKind::Memory, 75, 100), &[OverLimit], &[OverLimit]),
        ("back", used(LimitKind::Memory, 69, 100), &[OverLimit], &[]),
        ("a limit of nothing", used(LimitKind::Processes, 0, 0), &[], &[]),
    ] {
        assert_eq!(conditions(&examine(&evidence, &THRESHOLDS, before)), want, "{case}");
    }
}

#[test]
fn nothing_is_stale_where_nobody_wants_to_know() {
    let never = Thresholds { stale_after_ms: None, ..THRESHOLDS };
    assert_eq!(examine(&quiet(u64::MAX), &never, &[Stale]), []);
}

#[test]
fn reasons_name_what_was_seen_and_for_how_long() {
    let stale = Evidence { no_output_ms: 303_000, no_input_ms: 7_500_000, ..quiet(360_000) };
    for (evidence, want) in [
        (stale, "no output for 5m 3s, no input for 2h 5m, no CPU for 6m"),
        (Evidence { stopped_ms: Some(450), ..quiet(0) }, "its command is stopped for 450ms"),
        (blocked(61_000), "dd (7) is in an uninterruptible sleep for 1m 1s"),
        (used(LimitKind::Memory, 460 << 20, 512 << 20), "memory at 460.0 MiB of 512.0 MiB (89 %)"),
        (used(LimitKind::CpuTime, 9_000, 10_000), "CPU time at 9s of 10s (90 %)"),
        (used(LimitKind::Processes, 30, 10), "processes at 30 of 10 (300 %)"),
    ] {
        let found = examine(&evidence, &THRESHOLDS, &[]);
        assert_eq!(found.iter().map(|found| found.reason.as_str()).collect::<Vec<_>>(), [want]);
    }
}

/// Looks at a tree, and says what is wrong with it each time.
struct Watcher {
    course: Course,
    before: Vec<Condition>,
}

impl Watcher {
    fn new() -> Self {
        Self { course: Course::default(), before: Vec::new() }
    }

    fn look(&mut self, at_ms: u64, look: &Look, activity: &Activity) -> Vec<Condition> {
        let now = Time::from_millis(1_000_000_000 + at_ms as i64);
        let (evidence, _) = self.course.take(at_ms, now, look, activity);
        self.before = conditions(&examine(&evidence, &THRESHOLDS, &self.before));
        self.before.clone()
    }
}

fn idle() -> Look {
    Look { alive: Liveness::Alive, cpu_ms: 10, processes: 1, ..Look::default() }
}

#[test]
fn silence_is_counted_from_the_last_of_the_three() {
    let (mut watcher, none) = (Watcher::new(), Activity::default());
    assert_eq!(watcher.look(0, &idle(), &none), []);
    assert_eq!(watcher.look(5 * MINUTE, &idle(), &none), [Stale]);
    let printed = Activity { output_bytes: 1, ..none };
    assert_eq!(watcher.look(6 * MINUTE, &idle(), &printed), []);
    assert_eq!(watcher.look(10 * MINUTE, &idle(), &printed), []);
    assert_eq!(watcher.look(11 * MINUTE, &idle(), &printed), [Stale]);
    let typed = Activity { last_input: Some(Time::from_millis(1)), ..printed };
    assert_eq!(watcher.look(12 * MINUTE, &idle(), &typed), []);
    let worked = Look { cpu_ms: 20, ..idle() };
    assert_eq!(watcher.look(16 * MINUTE, &worked, &typed), []);
    assert_eq!(watcher.look(17 * MINUTE, &worked, &typed), []);
    assert_eq!(watcher.look(21 * MINUTE, &worked, &typed), [Stale]);
}

#[test]
fn the_silence_before_the_first_look_counts_where_it_is_known() {
    let long_ago = Some(Time::from_millis(1_000_000_000 - 10 * MINUTE as i64));
    let activity = Activity { output_bytes: 5, last_output: long_ago, last_input: long_ago };
    let mut course = Course::default();
    let (evidence, _) = course.take(500, Time::from_millis(1_000_000_000), &idle(), &activity);
    assert_eq!((evidence.no_output_ms, evidence.no_input_ms), (10 * MINUTE, 10 * MINUTE));
    assert_eq!((evidence.no_cpu_ms, evidence.was_active), (0, false));
}

#[test]
fn what_goes_on_after_a_stop_is_not_stale_for_the_time_it_stood_still() {
    let (mut watcher, none) = (Watcher::new(), Activity::default());
    let stopped = Look { stopped: true, ..idle() };
    assert_eq!(watcher.look(0, &stopped, &none), [Hung]);
    assert_eq!(watcher.look(60 * MINUTE, &stopped, &none), [Hung]);
    assert_eq!(watcher.look(61 * MINUTE, &idle(), &none), []);
    assert_eq!(watcher.look(65 * MINUTE, &idle(), &none), [Stale]);
}

#[test]
fn only_one_sleep_of_one_process_is_long() {
    let (mut watcher, none) = (Watcher::new(), Activity::default());
    let process = Blocked { pid: 7, start_time: 9, comm: "dd".into(), cpu_ms: 3 };
    let look = |blocked: &[&Blocked]| Look {
        blocked: blocked.iter().copied().cloned().collect(),
        ..idle()
    };
    let (other, later) =
        (Blocked { pid: 8, ..process.clone() }, Blocked { cpu_ms: 4, ..process.clone() });
    assert_eq!(watcher.look(0, &look(&[&process]), &none), []);
    assert_eq!(watcher.look(MINUTE - 1, &look(&[&other, &process]), &none), []);
    assert_eq!(watcher.look(MINUTE, &look(&[&other, &process]), &none), [Hung]);
    // It has worked meanwhile: this is another sleep.
    assert_eq!(watcher.look(2 * MINUTE, &look(&[&later]), &none), []);
    assert_eq!(watcher.look(3 * MINUTE, &look(&[&later]), &none), [Hung]);
    assert_eq!(watcher.look(4 * MINUTE, &look(&[]), &none), []);
}

#[test]
fn a_reading_keeps_the_sums_of_what_has_ended() {
    let mut course = Course::default();
    let mut take = |cpu_ms, read_bytes| {
        let look = Look { cpu_ms, read_bytes, ..idle() };
        let (_, reading) = course.take(0, Time::default(), &look, &Activity::default());
        (reading.cpu_ms, reading.read_bytes)
    };
    assert_eq!(take(100, Some(50)), (100, Some(50)));
    assert_eq!(take(20, None), (100, None));
    assert_eq!(take(25, Some(10)), (105, Some(50)));
    assert_eq!(take(30, Some(12)), (110, Some(52)));
}

fn any_look() -> impl Strategy<Value = (u64, Look, Activity)> {
    let blocked = proptest::collection::vec((0_u32..3, 0_u64..2), 0..3);
    (0..20 * MINUTE, any::<bool>(), blocked, 0_u64..3, 0_u64..3).prop_map(
        |(step, stopped, blocked, cpu_ms, output_bytes)| {
            let blocked = blocked.into_iter().map(|(pid, cpu_ms)| Blocked {
                pid,
                start_time: 1,
                comm: "x".into(),
                cpu_ms,
            });
            let look = Look { stopped, blocked: blocked.collect(), cpu_ms, ..idle() };
            (step, look, Activity { output_bytes, ..Activity::default() })
        },
    )
}

proptest! {
    #[test]
    fn conditions_are_in_order_and_each_there_once(
        looks in proptest::collection::vec(any_look(), 0..40)
    ) {
        let (mut watcher, mut at_ms) = (Watcher::new(), 0);
        for (step, look, activity) in looks {
            at_ms += step;
            let found = watcher.look(at_ms, &look, &activity);
            prop_assert!(found.is_sorted());
            prop_assert!(!(found.contains(&Stale) && found.contains(&Hung)));
            prop_assert!(!look.stopped || found.contains(&Hung));
        }
    }

    #[test]
    fn the_same_look_again_changes_nothing_within_the_thresholds(
        looks in proptest::collection::vec(any_look(), 1..20)
    ) {
        let (mut watcher, mut at_ms) = (Watcher::new(), 0);
        for (step, look, activity) in looks {
            at_ms += step;
            let found = watcher.look(at_ms, &look, &activity);
            prop_assert_eq!(watcher.look(at_ms, &look, &activity), found);
        }
    }

    #[test]
    fn nobody_is_stale_before_its_time(
        looks in proptest::collection::vec(any_look(), 1..40)
    ) {
        let (mut watcher, mut at_ms, mut active) = (Watcher::new(), 0, 0);
        let mut last: Option<(u64, u64)> = None;
        for (step, look, activity) in looks {
            at_ms += step;
            let now = (look.cpu_ms, activity.output_bytes);
            if last.replace(now) != Some(now) || look.stopped {
                active = at_ms;
            }
            let found = watcher.look(at_ms, &look, &activity);
            prop_assert!(!found.contains(&Stale) || at_ms - active >= 5 * MINUTE);
        }
    }
}
