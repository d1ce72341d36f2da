//! What Watchkeeper knows of itself.

use wk_model::{
    Cause::*, Confidence::*, Ending, LimitKind, LimitReached, Mechanism, Outcome, Requester,
    SignalSeen, Stopped,
};

use super::make::*;
use crate::autopsy::{Evidence, What, examine};

fn holder() -> wk_model::SeenProcess {
    below(HOLDER, "wk-holder", &[(1, "init")])
}

fn limited(limit: LimitKind, evidence: Evidence) -> Evidence {
    let reached = LimitReached {
        attempt: 1,
        limit,
        max: 1 << 20,
        value: 2 << 20,
        mechanism: Mechanism::CgroupV2,
        largest: Vec::new(),
    };
    Evidence { limit: Some(reached), ..evidence }
}

fn stopped(evidence: Evidence) -> Evidence {
    let by = Requester { uid: 1001, pid: Some(77), client: Some("wk".into()) };
    Evidence { stopped: Some((Stopped { by, grace_ms: 10_000 }, Some("eve".into()))), ..evidence }
}

#[test]
fn a_record_that_somebody_closed_says_so_and_no_more() {
    let by = Requester { uid: 1001, pid: Some(77), client: Some("wk".into()) };
    let mut closed = evidence(Ending::Closed { by: Some(by) }, vec![]);
    (closed.subject.kind, closed.subject.watched) = (wk_model::Kind::Shell, true);
    let opinion = examine(&closed);
    assert_eq!((opinion.cause, opinion.confidence), (Completed, Possible));
    assert_eq!(opinion.summary, "its record was closed by uid 1001, with wk (77)");
    assert_eq!(opinion.evidence.last().unwrap().text, opinion.summary);
    assert!(opinion.missing.iter().any(|why| why.contains("nobody has said")), "{opinion:?}");
    // Its client's own word is another thing.
    let told = examine(&Evidence { ending: Ending::Closed { by: None }, ..closed.clone() });
    assert_eq!(told.evidence.last().unwrap().text, "its client said that it is over");
    assert_eq!((told.cause, told.confidence), (Completed, Certain));
    // Nobody holds it: no holder has seen its code.
    let exited = examine(&Evidence { ending: by_code(3), ..closed });
    assert!(exited.evidence.iter().all(|line| line.source != "holder"), "{exited:?}");
}

#[test]
fn our_own_knowledge_comes_first() {
    let ours = || sent(20, 9, LEADER, holder());
    let foreign = |ms| sent(ms, 9, LEADER, outsider(4711, "kill -9 100"));
    let boot = || fact(0, What::OtherBoot);
    check(vec![
        (
            "no such program",
            evidence(Ending::ExecFailed { code: 127, error: "not found".into() }, vec![]),
            ExecFailed,
            Certain,
            None,
        ),
        ("rebooted", evidence(Ending::Rebooted, vec![]), Rebooted, Certain, None),
        ("of another boot", evidence(Ending::Gone, vec![boot()]), Rebooted, Certain, None),
        (
            "the end was written down before the reboot",
            evidence(by_code(0), vec![boot()]),
            Completed,
            Certain,
            None,
        ),
        (
            "a limit",
            limited(LimitKind::Memory, evidence(by_signal(9), vec![ours()])),
            LimitMemory,
            Certain,
            None,
        ),
        (
            "a limit, and somebody who came first",
            limited(LimitKind::Time, evidence(by_signal(9), vec![foreign(40)])),
            Killed,
            Certain,
            Some(4711),
        ),
        (
            "a limit, and somebody who came late",
            limited(LimitKind::Time, evidence(by_signal(9), vec![ours(), foreign(3)])),
            LimitTime,
            Certain,
            None,
        ),
        ("a stop", stopped(evidence(by_signal(9), vec![ours()])), Stopped, Certain, None),
        ("a stop, obeyed", stopped(evidence(by_code(0), vec![])), Stopped, Certain, None),
        (
            "a stop, and somebody who came first",
            stopped(evidence(by_signal(9), vec![foreign(40)])),
            Killed,
            Certain,
            Some(4711),
        ),
        (
            "a stop in its grace, and somebody who lost patience",
            stopped(evidence(by_signal(9), vec![sent(500, 15, LEADER, holder()), foreign(40)])),
            Stopped,
            Certain,
            None,
        ),
        ("our holder, for nobody", evidence(by_signal(9), vec![ours()]), Stopped, Likely, None),
    ]);
}

#[test]
fn limits_lead_to_their_statuses_and_stops_name_who_asked() {
    for (limit, cause, outcome) in [
        (LimitKind::Memory, LimitMemory, Outcome::Failed),
        (LimitKind::CpuTime, LimitCpu, Outcome::Timeout),
        (LimitKind::Time, LimitTime, Outcome::Timeout),
        (LimitKind::Idle, LimitIdle, Outcome::Timeout),
        (LimitKind::Processes, LimitProcesses, Outcome::Failed),
        (LimitKind::Output, LimitOutput, Outcome::Failed),
    ] {
        let opinion = examine(&limited(limit, evidence(by_signal(9), vec![])));
        let got = (opinion.cause, opinion.outcome, opinion.unexpected);
        assert_eq!(got, (cause, outcome, false), "{limit:?}");
    }
    let opinion = examine(&stopped(evidence(by_signal(15), vec![])));
    assert_eq!(opinion.summary, "stopped by eve, with wk (77)");
    assert_eq!((opinion.outcome, opinion.unexpected), (Outcome::Cancelled, false));
}

#[test]
fn a_killed_holder_takes_its_session_along() {
    let orphaned = || seen(2, SignalSeen { sender_exits: true, ..shot(9, LEADER, holder()) });
    let killer = || outsider(4711, "kill -9 90");
    let pattern = || outsider(4711, "pkill -9 -f work");
    let fault = SignalSeen { code: 1, ..shot(11, HOLDER, holder()) };
    check(vec![
        (
            "killed by hand",
            evidence(
                Ending::HolderLost,
                vec![sent(10, 9, HOLDER, killer()), exited(9, HOLDER, None, Some(9)), orphaned()],
            ),
            HolderKilled,
            Certain,
            Some(4711),
        ),
        (
            "only the holder was watched",
            evidence(Ending::HolderLost, vec![sent(10, 9, HOLDER, killer())]),
            HolderKilled,
            Certain,
            Some(4711),
        ),
        (
            "nobody saw who",
            evidence(Ending::HolderLost, vec![orphaned()]),
            HolderKilled,
            Likely,
            None,
        ),
        ("nobody looked on", unseen(Ending::HolderLost, vec![]), HolderKilled, Likely, None),
        (
            "the session was hit before its holder",
            evidence(
                Ending::HolderLost,
                vec![sent(10, 9, LEADER, pattern()), sent(9, 9, HOLDER, pattern())],
            ),
            Killed,
            Certain,
            Some(4711),
        ),
        (
            "the holder crashed",
            evidence(Ending::HolderLost, vec![seen(10, fault), orphaned()]),
            HolderKilled,
            Certain,
            None,
        ),
        (
            "the holder was chosen by the OOM killer",
            evidence(Ending::HolderLost, vec![victim(10, HOLDER), orphaned()]),
            OomSystem,
            Likely,
            None,
        ),
    ]);
}
