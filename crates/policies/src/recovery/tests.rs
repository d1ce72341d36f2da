use proptest::prelude::*;
use wk_model::{
    BootId, Change, Ending, Event, FailurePattern, HolderUsage, LimitKind, Moment, ProcessId,
    RecoveryOptions, Requester, Seq, Source, Stopped,
};

use super::*;

const START: Time = Time::from_millis(1_795_176_000_000);

fn event(ms: u64, change: Change) -> Event {
    let at = Moment { time: START.plus_millis(ms), boot: BootId::default(), boot_ns: ms };
    Event {
        seq: Seq(1),
        at,
        recorded_at: at.time,
        session_id: Some(SessionId::from_number(7)),
        source: Source::daemon(),
        source_seq: 1,
        trace_parent: None,
        change,
    }
}

fn created(recovery: RecoveryOptions) -> Session {
    let created = wk_model::Created { recovery, ..wk_model::Created::default() };
    Session::create(&event(0, Change::SessionCreated(Box::new(created)))).unwrap()
}

fn started(attempt: u32) -> Change {
    let holder = ProcessId { boot: BootId::default(), pid: 6, start_time: 1 };
    Change::AttemptStarted(wk_model::AttemptStarted {
        attempt,
        process: Some(holder),
        holder: Some(holder),
        cgroup: None,
        cols: 80,
        rows: 24,
        limits: Vec::new(),
    })
}

fn exited(attempt: u32, ending: Ending, limit: Option<LimitKind>) -> Change {
    let usage = HolderUsage::default();
    Change::AttemptExited(wk_model::AttemptExited {
        attempt,
        ending,
        limit,
        usage,
        last_lines: None,
    })
}

/// A session whose next attempt starts at `start` and ends at `end`.
fn run(session: &mut Session, start: u64, end: u64, ending: Ending) {
    let attempt = session.attempt + 1;
    session.apply(&event(start, started(attempt))).unwrap();
    session.apply(&event(end, exited(attempt, ending, None))).unwrap();
}

fn failed(recovery: RecoveryOptions, ending: Ending) -> Session {
    let mut session = created(recovery);
    run(&mut session, 1, 2, ending);
    session
}

fn retries(retries: u32) -> RecoveryOptions {
    RecoveryOptions { retries, ..RecoveryOptions::default() }
}

const THREE: Ending = Ending::Exited { code: 3 };
const SEGV: Ending = Ending::Signaled { signal: 11, core_dumped: false };

fn category(plan: &Plan) -> Option<Category> {
    match plan {
        Plan::Close => None,
        Plan::Retry(retry) => Some(retry.category),
        Plan::Park(parked) => Some(parked.category),
    }
}

#[test]
fn the_category_decides() {
    let not_found = Ending::ExecFailed { code: 127, error: "no such file".into() };
    let restore = RecoveryOptions { restore: true, ..retries(0) };
    for (case, options, ending, want) in [
        ("an exit code is retried", retries(1), THREE, Some(Category::ExitCode)),
        ("a crash is retried", retries(1), SEGV, Some(Category::Crash)),
        ("no retries, no recovery", retries(0), THREE, None),
        ("a good end is an end", retries(1), Ending::Exited { code: 0 }, None),
        ("what is not there stays away", retries(1), not_found, None),
        ("a shell says it by code", retries(1), Ending::Exited { code: 127 }, None),
        ("a lost holder is a failure", retries(1), Ending::HolderLost, Some(Category::HolderLost)),
        ("a reboot ends it", retries(1), Ending::Rebooted, None),
        (
            "unless it is to be restored",
            restore.clone(),
            Ending::Rebooted,
            Some(Category::Rebooted),
        ),
        ("restoring is for nothing else", restore, THREE, None),
        ("off is off", RecoveryOptions { enabled: false, ..retries(9) }, SEGV, None),
    ] {
        let session = failed(options, ending);
        assert_eq!(category(&plan(&session, None, START, 0)), want, "{case}");
    }
}

#[test]
fn limits_are_retried_where_that_can_help() {
    let memory = RecoveryOptions { retry_memory: true, ..retries(1) };
    for (case, options, limit, want) in [
        ("time", retries(1), LimitKind::Time, Some(Category::Timeout)),
        ("idle", retries(1), LimitKind::Idle, Some(Category::Timeout)),
        ("memory", retries(1), LimitKind::Memory, None),
        ("memory, if so wished", memory, LimitKind::Memory, Some(Category::MemoryLimit)),
        ("output", retries(1), LimitKind::Output, None),
    ] {
        let mut session = created(options);
        session.apply(&event(1, started(1))).unwrap();
        session.apply(&event(2, exited(1, SEGV, Some(limit)))).unwrap();
        assert_eq!(category(&plan(&session, None, START, 0)), want, "{case}");
    }
}

#[test]
fn a_stopped_session_stays_stopped() {
    let mut session = created(retries(3));
    session.apply(&event(1, started(1))).unwrap();
    let by = Requester { uid: 0, pid: None, client: None };
    session.apply(&event(2, Change::SessionStopped(Stopped { by, grace_ms: 0 }))).unwrap();
    session.apply(&event(3, exited(1, SEGV, None))).unwrap();
    assert_eq!(plan(&session, None, START, 0), Plan::Close);
}

#[test]
fn a_rate_limit_parks_and_spends_nothing() {
    let patterns = vec![
        FailurePattern {
            category: Category::RateLimit,
            exit_code: None,
            screen: Some("rate limit".into()),
        },
        FailurePattern {
            category: Category::Authentication,
            exit_code: None,
            screen: Some("please log in".into()),
        },
    ];
    let session = failed(RecoveryOptions { patterns, ..retries(0) }, THREE);
    let Plan::Park(parked) = plan(&session, Some("rate limit: try again in 10m"), START, 0) else {
        panic!("not parked");
    };
    let wait = parked.until.millis_since(START);
    assert!((600_000..=661_000).contains(&wait), "{wait}");
    assert_eq!(parked.reason, "rate limit: try again in 10m");
    assert_eq!(plan(&session, Some("Please log in."), START, 0), Plan::Close);
    assert_eq!(plan(&session, None, START, 0), Plan::Close, "no budget for other failures");

    let mut parking = session;
    parking.apply(&event(3, Change::SessionParked(parked))).unwrap();
    assert_eq!((parking.recovery.spent, parking.recovery.total), (0, 1));
}

fn pattern(category: Category, screen: &str) -> FailurePattern {
    FailurePattern { category, exit_code: None, screen: Some(screen.to_owned()) }
}

/// The plan for an attempt that was ended so, and showed this.
fn ended_at(screen: &str, ending: Ending, limit: Option<LimitKind>) -> Option<Category> {
    let patterns = vec![
        pattern(Category::RateLimit, "rate limit"),
        pattern(Category::Quota, "usage limit"),
        pattern(Category::Authentication, "please log in"),
        pattern(Category::ExitCode, "panicked"),
        FailurePattern { category: Category::RateLimit, exit_code: Some(75), screen: None },
    ];
    let mut session = created(RecoveryOptions { patterns, ..retries(1) });
    session.apply(&event(1, started(1))).unwrap();
    session.apply(&event(2, exited(1, ending, limit))).unwrap();
    category(&plan(&session, Some(screen), START, 0))
}

#[test]
fn who_waits_at_a_limit_screen_is_parked_whoever_ended_it() {
    let term = Ending::Signaled { signal: 15, core_dumped: false };
    let code = |code| Ending::Exited { code };
    for (case, screen, ending, limit, want) in [
        ("by its code", "rate limit", THREE, None, Some(Category::RateLimit)),
        ("by a signal", "rate limit", term.clone(), None, Some(Category::RateLimit)),
        (
            "by the idle limit",
            "usage limit",
            term.clone(),
            Some(LimitKind::Idle),
            Some(Category::Quota),
        ),
        (
            "by the time limit, which it obeys",
            "usage limit",
            code(0),
            Some(LimitKind::Time),
            Some(Category::Quota),
        ),
        (
            "who must log in is not retried",
            "Please log in",
            term.clone(),
            Some(LimitKind::Idle),
            None,
        ),
        ("but not by its memory", "rate limit", term.clone(), Some(LimitKind::Memory), None),
        (
            "nor by the CPU it used",
            "rate limit",
            term.clone(),
            Some(LimitKind::CpuTime),
            Some(Category::Timeout),
        ),
        (
            "nothing of the sort",
            "hello",
            term.clone(),
            Some(LimitKind::Idle),
            Some(Category::Timeout),
        ),
        ("a crash is no wait", "panicked", SEGV, None, Some(Category::Crash)),
        (
            "the code that a limit left behind says nothing",
            "hello",
            code(75),
            Some(LimitKind::Time),
            Some(Category::Timeout),
        ),
        ("its own code does", "hello", code(75), None, Some(Category::RateLimit)),
        (
            "a lost holder shows nothing",
            "rate limit",
            Ending::HolderLost,
            None,
            Some(Category::HolderLost),
        ),
    ] {
        assert_eq!(ended_at(screen, ending, limit), want, "{case}");
    }
}

/// Parks a session again and again, each attempt running for `ran` milliseconds.
fn parks(screen: &str, ran: u64, at_most: usize) -> Vec<u64> {
    let patterns = vec![pattern(Category::RateLimit, "429")];
    let mut session = created(RecoveryOptions { patterns, ..retries(0) });
    let (mut now, mut all) = (1, Vec::new());
    loop {
        run(&mut session, now, now + ran, THREE);
        now += ran;
        match plan(&session, Some(screen), START.plus_millis(now), 0) {
            Plan::Park(parked) if all.len() < at_most => {
                let waits = parked.until.millis_since(START.plus_millis(now));
                all.push(waits);
                now += waits;
                session.apply(&event(now, Change::SessionParked(parked))).unwrap();
            }
            _ => return all,
        }
    }
}

#[test]
fn silence_at_a_limit_screen_is_no_healthy_run_and_its_times_are_those_of_the_screen() {
    const MINUTE: u64 = 60_000;
    let patterns = vec![pattern(Category::RateLimit, "usage limit")];
    let limits = wk_model::Limits { idle_ms: Some(10 * MINUTE), ..Default::default() };
    let mut session = created(RecoveryOptions { patterns, ..retries(0) });
    session.created.limits = limits;
    let idle = |attempt, end| {
        let ending = Ending::Signaled { signal: 15, core_dumped: false };
        event(end, exited(attempt, ending, Some(LimitKind::Idle)))
    };
    let (mut now, mut count) = (1, 0);
    // It shows its screen after a second, and sits at it until the limit ends it.
    let (shown, sat) = (1000, 10 * MINUTE + 1000);
    while count < 100 {
        let attempt = session.attempt + 1;
        session.apply(&event(now, started(attempt))).unwrap();
        session.apply(&idle(attempt, now + sat)).unwrap();
        let told_at = now + shown;
        now += sat;
        let screen = Some("usage limit: try again in 30 minutes");
        let Plan::Park(parked) = plan(&session, screen, START.plus_millis(now), 0) else { break };
        let wait = parked.until.millis_since(START.plus_millis(told_at));
        assert!((30 * MINUTE..=31 * MINUTE).contains(&wait), "{wait}");
        now = told_at + wait;
        session.apply(&event(now, Change::SessionParked(parked))).unwrap();
        count += 1;
    }
    assert_eq!(count, 20);
}

#[test]
fn nothing_is_parked_for_ever() {
    const MINUTE: u64 = 60_000;
    let waits = parks("429", 10, 1000);
    assert_eq!(waits.len(), 20);
    for (wait, minutes) in waits.iter().zip([5, 10, 20, 40, 60, 60, 60]) {
        assert!((minutes * MINUTE..=(minutes + 1) * MINUTE).contains(wait), "{waits:?}");
    }
    assert_eq!(parks("429: try again in 10s", 10, 1000).len(), 20);
    assert_eq!(parks("429", MINUTE, 50).len(), 50, "healthy runs between");
}

#[test]
fn a_long_wait_is_hardly_longer_than_it_has_to_be() {
    let waits = parks("429: try again in 5 days", 10, 1);
    assert!((432_000_000..=432_060_000).contains(&waits[0]), "{waits:?}");
    // A narrow terminal breaks the line.
    let broken = parks("429: usage limit. Upgrade or try\n  again in 2 hours.", 10, 1);
    assert!((7_200_000..=7_260_000).contains(&broken[0]), "{broken:?}");
}

#[test]
fn what_cannot_be_resumed_is_begun_anew() {
    let patterns = vec![pattern(Category::NotResumable, "no conversation found")];
    let mut session = created(RecoveryOptions { patterns, ..retries(5) });
    let told = |session: &Session| plan(session, Some("No conversation found"), START, 0);
    run(&mut session, 1, 2, THREE);
    assert_eq!(category(&told(&session)), Some(Category::ExitCode), "the first resumes nothing");
    let Plan::Retry(retry) = told(&session) else { panic!("no retry") };
    session.apply(&event(3, Change::SessionRecovering(retry))).unwrap();
    let mut long = session.clone();
    run(&mut session, 4, 5, THREE);
    assert_eq!(category(&told(&session)), Some(Category::NotResumable));
    run(&mut long, 4, 90_000, THREE);
    assert_eq!(category(&told(&long)), Some(Category::ExitCode), "it ran on something");
}

/// Lets a session fail again and again, each attempt running for `ran` milliseconds.
fn exhaust(options: RecoveryOptions, ran: u64, at_most: usize) -> Vec<Recovering> {
    let mut session = created(options);
    let (mut now, mut all) = (1, Vec::new());
    loop {
        run(&mut session, now, now + ran, THREE);
        now += ran;
        match plan(&session, None, START.plus_millis(now), 0) {
            Plan::Retry(retry) if all.len() < at_most => {
                now = retry.not_before.millis_since(START);
                session.apply(&event(now, Change::SessionRecovering(retry.clone()))).unwrap();
                all.push(retry);
            }
            _ => return all,
        }
    }
}

#[test]
fn delays_double_up_to_the_longest() {
    let options = RecoveryOptions { delay_ms: 1_000, max_delay_ms: 5_000, ..retries(6) };
    let delays = exhaust(options, 10, 100);
    assert_eq!(delays.len(), 6);
    for (retry, least) in delays.iter().zip([1_000, 2_000, 4_000, 5_000, 5_000, 5_000]) {
        assert!((least..=least * 3 / 2).contains(&retry.delay_ms), "{retry:?}");
    }
}

#[test]
fn a_healthy_run_refills_the_budget() {
    assert_eq!(exhaust(retries(2), 59_999, 10).len(), 2);
    assert_eq!(exhaust(retries(2), 60_000, 10).len(), 10);
}

/// A session that was active for `active` ms, and was ended when it had been silent for 5 min.
fn stale(recovery: RecoveryOptions, active: u64) -> Session {
    let mut session = created(recovery);
    session.apply(&event(1, started(1))).unwrap();
    let by = Requester { uid: 1, pid: None, client: None };
    let since = START.plus_millis(1 + active);
    let restarted =
        wk_model::Restarted { by, attempt: 2, grace_ms: Some(10_000), stale_since: Some(since) };
    session.apply(&event(active + 300_001, Change::SessionRestarted(restarted))).unwrap();
    session.apply(&event(active + 300_002, exited(1, Ending::Exited { code: 0 }, None))).unwrap();
    session
}

#[test]
fn the_stale_are_retried_within_their_budget() {
    let session = stale(retries(1), 10);
    assert_eq!(category(&plan(&session, None, START, 0)), Some(Category::Stale));
    assert_eq!(plan(&stale(retries(0), 10), None, START, 0), Plan::Close);
    let off = RecoveryOptions { enabled: false, ..retries(1) };
    assert_eq!(plan(&stale(off, 10), None, START, 0), Plan::Close);
}

#[test]
fn silence_is_no_healthy_run() {
    let now = START.plus_millis(400_000);
    for (case, active, refills) in [("silent at once", 10, false), ("silent later", 60_000, true)] {
        let mut session = stale(retries(2), active);
        session.recovery.spent = 1;
        session.recovery.since = Some(START);
        let Plan::Retry(retry) = plan(&session, None, now, 0) else { panic!("no retry") };
        let want = if refills { (1, now) } else { (2, START) };
        assert_eq!((retry.retry, retry.since), want, "{case}");
    }
}

#[test]
fn nothing_recovers_beyond_the_deadline() {
    let options = RecoveryOptions { deadline_ms: Some(60_000), delay_ms: 10_000, ..retries(1000) };
    let delays = exhaust(options, 10, 1000);
    assert!((2..=3).contains(&delays.len()), "{delays:?}");

    let mut session = failed(retries(1), THREE);
    let Plan::Retry(retry) = plan(&session, None, START, 0) else { panic!("no retry") };
    session.apply(&event(3, Change::SessionRecovering(retry))).unwrap();
    assert!(is_worth_while(&session, START.plus_millis(30 * 60_000)));
    assert!(!is_worth_while(&session, START.plus_millis(30 * 60_000 + 1)));
}

proptest! {
    #[test]
    fn a_budget_is_never_overspent_and_no_delay_is_shortened(
        retries in 0..20_u32,
        delay_ms in 0..100_000_u64,
        max_delay_ms in 0..1_000_000_u64,
        ran in 0..50_000_u64,
    ) {
        let options = RecoveryOptions {
            retries, delay_ms, max_delay_ms, deadline_ms: None, ..RecoveryOptions::default()
        };
        let all = exhaust(options, ran, 1000);
        prop_assert_eq!(all.len() as u32, retries);
        for retry in all {
            prop_assert!(retry.delay_ms >= delay_ms);
            prop_assert!(retry.delay_ms <= delay_ms.max(max_delay_ms) * 3 / 2);
        }
    }
}
