//! No sequence of events, however strange, takes a session out of the picture.

use proptest::prelude::*;
use wk_model::{
    Admitted, AttemptExited, AttemptStarted, BootId, Category, Change, Created, Ending, Event,
    HealthChanged, HolderUsage, Kind, LimitKind, Moment, Outcome, Parked, ProcessId, Queued,
    Recovering, Requester, Restarted, Seq, Session, SessionId, Source, Status, Stopped, Time,
    Unreachable, WaitsFor,
};

/// From and to, as the table of the interfaces has them. A restart by hand leads from any end
/// into the recovery of our own hand.
fn is_in_the_picture(from: Option<Status>, to: Option<Status>, change: &Change) -> bool {
    use Status::{Cancelled, Completed, Failed, Recovering, Running, Timeout};
    let restarted = matches!(change, Change::SessionRestarted(_));
    match (from, to) {
        (from, to) if from == to => true,
        (None, Some(Running | Cancelled | Failed)) => true,
        // An attempt whose start was never told may have ended in any way.
        (None | Some(Recovering), Some(Completed | Timeout)) => {
            matches!(change, Change::AttemptExited(_))
        }
        (Some(Running), Some(Completed | Failed | Timeout | Cancelled)) => true,
        (Some(Failed | Timeout), Some(Recovering)) => true,
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
        attempt
            .prop_map(|attempt| Change::SessionRestarted(Restarted { by: requester(), attempt })),
        Just(Change::SessionStopped(Stopped { by: requester(), grace_ms: 0 })),
        Just(Change::SessionClosed { outcome: Outcome::Failed }),
        Just(Change::SessionUnreachable(Unreachable { why: String::new() })),
        Just(Change::SessionRepaired),
        Just(Change::SessionAdopted { holder: process() }),
        Just(Change::HealthChanged(HealthChanged::default())),
        Just(Change::SessionRemoved { by: requester() }),
    ]
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
                    let fits = is_in_the_picture(from, to, &change);
                    prop_assert!(fits, "{:?} → {:?} by {:?}", from, to, change);
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
