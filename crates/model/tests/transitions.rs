//! No sequence of events, however strange, takes a session out of the picture.

use proptest::prelude::*;
use wk_model::{
    Admitted, AttemptExited, AttemptStarted, BootId, Category, Change, Created, Ending, Event,
    HealthChanged, HolderUsage, Kind, Life, LimitKind, Moment, Outcome, Parked, ProcessId, Queued,
    Recovering, Requester, Restarted, Seq, Session, SessionId, Source, Status, Stopped, Time,
    Unreachable, WaitsFor,
};

/// From and to, as the table of the interfaces has them. A restart by hand leads from any end
/// into the recovery of our own hand.
fn is_in_the_picture(before: &Session, to: Option<Status>, change: &Change) -> bool {
    use Status::{Cancelled, Completed, Failed, Recovering, Running, Timeout};
    let restarted = matches!(change, Change::SessionRestarted(_));
    match (before.status(), to) {
        (from, to) if from == to => true,
        (None, Some(Running | Cancelled | Failed)) => true,
        // An attempt whose start was never told may have ended in any way.
        (None | Some(Recovering), Some(Completed | Timeout)) => {
            matches!(change, Change::AttemptExited(_))
        }
        (Some(Running), Some(Completed | Failed | Timeout | Cancelled)) => true,
        (Some(Failed | Timeout), Some(Recovering)) => true,
        // It ends because it is restarted: it goes on at once.
        (Some(Running), Some(Recovering)) => {
            matches!(change, Change::AttemptExited(_))
                && before.restart.as_ref().is_some_and(Restarted::is_by_hand)
        }
        (Some(Recovering), Some(Running | Failed | Cancelled)) => true,
        (Some(Completed | Cancelled), Some(Recovering)) => restarted,
        // It had been cancelled before its first attempt.
        (Some(Cancelled), None) => restarted,
        _ => false,
    }
}

fn event(change: Change) -> Event {
    Event {
        seq: Seq(1),
        at: Moment { time: Time::default(), boot: BootId::default(), boot_ns: 0 },
        recorded_at: Time::default(),
        session_id: Some(SessionId::from_number(1)),
        source: Source::daemon(),
        source_seq: 1,
        trace_parent: None,
        change,
    }
}

fn process() -> ProcessId {
    ProcessId { boot: BootId::default(), pid: 7, start_time: 1 }
}

fn requester() -> Requester {
    Requester { uid: 1, pid: None, client: None }
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        (0..4_i32).prop_map(|code| Ending::Exited { code }),
        Just(Ending::Signaled { signal: 9, core_dumped: false }),
        Just(Ending::ExecFailed { code: 127, error: "not found".into() }),
        Just(Ending::HolderLost),
        Just(Ending::Rebooted),
    ]
}

fn limit() -> impl Strategy<Value = Option<LimitKind>> {
    prop_oneof![
        4 => Just(None),
        1 => Just(Some(LimitKind::Time)),
        1 => Just(Some(LimitKind::Memory)),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let attempt = 1..4_u32;
    prop_oneof![
        Just(Change::SessionQueued(Queued {
            waits_for: WaitsFor::Slot { scope: "overall".into() }
        })),
        attempt
            .clone()
            .prop_map(|attempt| Change::SessionAdmitted(Admitted { attempt, instance: None })),
        attempt.clone().prop_map(|attempt| Change::AttemptStarted(AttemptStarted {
            attempt,
            process: Some(process()),
            holder: Some(process()),
            cgroup: None,
            cols: 80,
            rows: 24,
            limits: Vec::new(),
        })),
        (attempt.clone(), ending(), limit()).prop_map(|(attempt, ending, limit)| {
            let usage = HolderUsage::default();
            Change::AttemptExited(AttemptExited { attempt, ending, limit, usage, last_lines: None })
        }),
        attempt.clone().prop_map(|attempt| Change::SessionRecovering(Recovering {
            attempt,
            category: Category::Crash,
            retry: 1,
            max_retries: 3,
            delay_ms: 0,
            not_before: Time::default(),
            since: Time::default(),
        })),
        attempt.clone().prop_map(|attempt| Change::SessionParked(Parked {
            attempt,
            category: Category::RateLimit,
            until: Time::default(),
            reason: String::new(),
        })),
        (attempt, any::<bool>(), any::<bool>()).prop_map(|(attempt, runs, stale)| {
            let grace_ms = runs.then_some(10);
            let stale_since = stale.then(Time::default);
            let restarted = Restarted { by: requester(), attempt, grace_ms, stale_since };
            Change::SessionRestarted(restarted)
        }),
        Just(Change::SessionStopped(Stopped { by: requester(), grace_ms: 0 })),
        Just(Change::SessionClosed { outcome: Outcome::Failed }),
        Just(Change::SessionUnreachable(Unreachable { why: String::new() })),
        Just(Change::SessionRepaired),
        Just(Change::SessionAdopted { holder: process() }),
        Just(Change::HealthChanged(HealthChanged::default())),
        Just(Change::SessionRemoved { by: requester() }),
    ]
}

fn runs(session: &Session) -> bool {
    matches!(session.life, Life::Running { .. })
}

fn is_reboot(change: &Change) -> bool {
    matches!(change, Change::AttemptExited(exited) if exited.ending == Ending::Rebooted)
}

/// A session whose first attempt runs, after these changes.
fn after(changes: impl IntoIterator<Item = Change>) -> Session {
    let mut session =
        Session::create(&event(Change::SessionCreated(Box::default()))).expect("it begins one");
    for change in [started(1)].into_iter().chain(changes) {
        session.apply(&event(change)).expect("it fits");
    }
    session
}

fn started(attempt: u32) -> Change {
    let found = AttemptStarted::found(Some(process()));
    Change::AttemptStarted(AttemptStarted { attempt, ..found })
}

fn exited(attempt: u32, ending: Ending) -> Change {
    let usage = HolderUsage::default();
    Change::AttemptExited(AttemptExited { attempt, ending, limit: None, usage, last_lines: None })
}

fn restarted(attempt: u32, stale_since: Option<Time>) -> Change {
    let by = requester();
    Change::SessionRestarted(Restarted { by, attempt, grace_ms: Some(10), stale_since })
}

fn stopped() -> Change {
    Change::SessionStopped(Stopped { by: requester(), grace_ms: 0 })
}

const TERM: Ending = Ending::Signaled { signal: 15, core_dumped: false };
const CLEAN: Ending = Ending::Exited { code: 0 };

#[test]
fn a_restart_leads_from_the_end_of_an_attempt_to_the_next() {
    let stale = Some(Time::default());
    for (case, changes, want) in [
        ("by hand", vec![restarted(2, None), exited(1, TERM)], Status::Recovering),
        (
            "by hand, and complied with",
            vec![restarted(2, None), exited(1, CLEAN)],
            Status::Recovering,
        ),
        (
            "but not beyond a reboot",
            vec![restarted(2, None), exited(1, Ending::Rebooted)],
            Status::Failed,
        ),
        (
            "a stop came later",
            vec![restarted(2, None), stopped(), exited(1, TERM)],
            Status::Cancelled,
        ),
        (
            "a stop came first",
            vec![stopped(), restarted(2, None), exited(1, TERM)],
            Status::Recovering,
        ),
        ("what is stale has failed", vec![restarted(2, stale), exited(1, CLEAN)], Status::Failed),
        (
            "a hand is above a watch",
            vec![restarted(2, stale), restarted(2, None), exited(1, TERM)],
            Status::Recovering,
        ),
        ("of one that has ended", vec![exited(1, CLEAN), restarted(2, None)], Status::Recovering),
        ("it goes on", vec![restarted(2, None), exited(1, TERM), started(2)], Status::Running),
        (
            "a stop in between",
            vec![restarted(2, None), exited(1, TERM), stopped()],
            Status::Cancelled,
        ),
    ] {
        assert_eq!(after(changes).status(), Some(want), "{case}");
    }
    let session = after([restarted(2, None), exited(1, TERM), started(2)]);
    assert_eq!((session.attempt, session.restarts, session.restart), (2, 1, None));
}

#[test]
fn a_watch_takes_back_nothing_that_somebody_asked_for() {
    for asked in [stopped(), restarted(2, None), exited(1, TERM)] {
        let mut session = after([asked]);
        let before = session.clone();
        assert!(session.apply(&event(restarted(2, Some(Time::default())))).is_err());
        assert_eq!(session, before);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_events_leaves_the_picture(
        kind in prop_oneof![Just(Kind::Command), Just(Kind::Shell), Just(Kind::Agent)],
        changes in prop::collection::vec(change(), 1..60),
    ) {
        let created = Created { session_kind: kind, ..Created::default() };
        let mut session =
            Session::create(&event(Change::SessionCreated(Box::new(created)))).unwrap();
        let mut started = 0;
        for change in changes {
            let before = session.clone();
            match session.apply(&event(change.clone())) {
                Err(_) => prop_assert_eq!(&session, &before, "a refusal changes nothing"),
                Ok(()) => {
                    let (from, to) = (before.status(), session.status());
                    let fits = is_in_the_picture(&before, to, &change);
                    prop_assert!(fits, "{:?} → {:?} by {:?}", from, to, change);
                    if before.restart.as_ref().is_some_and(Restarted::is_by_hand) && runs(&before) {
                        let over = session.is_ended() && !is_reboot(&change);
                        prop_assert!(!over, "over, while it was restarted, by {:?}", change);
                    }
                }
            }
            prop_assert!(session.attempt >= before.attempt, "attempts only go on");
            prop_assert!(session.attempt <= before.attempt + 1, "and none is left out");
            if session != before && matches!(change, Change::AttemptStarted(_)) {
                prop_assert!(session.attempt > started, "no attempt starts twice");
                started = session.attempt;
            }
        }
    }
}
