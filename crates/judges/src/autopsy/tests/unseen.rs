//! Nobody looked on: the number of the signal alone. Never a culprit.

use wk_model::{Cause::*, Confidence::*, Culprit};

use super::make::*;
use crate::autopsy::{Fact, LogNote, What, examine};

#[test]
fn numbers_alone_say_little_and_name_nobody() {
    let typed = |signal| fact(9, What::Typed { signal });
    let bystander = || {
        let culprit = Culprit { pid: 4711, comm: "pkill".into(), ..Culprit::default() };
        fact(9, What::Bystander(culprit))
    };
    let faulted = LogNote::KernelFault {
        pid: LEADER,
        comm: "node".into(),
        text: "node[100]: segfault at 0".into(),
    };
    check(vec![
        ("KILL", unseen(by_signal(9), vec![]), Killed, Likely, None),
        ("KILL, and somebody near", unseen(by_signal(9), vec![bystander()]), Killed, Likely, None),
        ("TERM", unseen(by_signal(15), vec![]), Killed, Likely, None),
        ("HUP", unseen(by_signal(1), vec![]), Hangup, Likely, None),
        ("INT", unseen(by_signal(2), vec![]), Interrupted, Possible, None),
        ("INT, typed", unseen(by_signal(2), vec![typed(2)]), Interrupted, Likely, None),
        ("SEGV", unseen(by_signal(11), vec![]), Crashed, Likely, None),
        (
            "SEGV, and the kernel's log",
            unseen(by_signal(11), vec![fact(2, What::Log(faulted))]),
            Crashed,
            Certain,
            None,
        ),
        ("XCPU", unseen(by_signal(24), vec![]), Rlimit, Likely, None),
        ("XFSZ", unseen(by_signal(25), vec![]), Rlimit, Likely, None),
        ("SYS", unseen(by_signal(31), vec![]), Seccomp, Likely, None),
        ("PIPE", unseen(by_signal(13), vec![]), Failed, Likely, None),
        ("137", unseen(by_code(137), vec![]), Killed, Likely, None),
        ("139", unseen(by_code(139), vec![]), Crashed, Likely, None),
        ("130", unseen(by_code(130), vec![]), Interrupted, Possible, None),
        ("200", unseen(by_code(200), vec![]), Failed, Certain, None),
        ("exit 0", unseen(by_code(0), vec![]), Completed, Certain, None),
        ("gone", unseen(wk_model::Ending::Gone, vec![]), Unknown, Possible, None),
    ]);
}

#[test]
fn what_would_have_made_it_certain_is_told() {
    let opinion = examine(&unseen(by_signal(9), vec![]));
    assert!(opinion.missing.iter().any(|it| it.contains("sudo wk witness install")));
    assert!(opinion.alternatives.iter().any(|it| it.cause == OomSystem));
}

#[test]
fn what_nobody_waited_for_is_read_from_the_kernels_record() {
    let waited = |code, signal| -> Vec<Fact> {
        vec![fact(0, What::Waited { process: process(LEADER), code, signal })]
    };
    let gone = || wk_model::Ending::Gone;
    check(vec![
        ("code 0", unseen(gone(), waited(Some(0), None)), Completed, Certain, None),
        ("code 2", unseen(gone(), waited(Some(2), None)), Failed, Certain, None),
        ("killed", unseen(gone(), waited(None, Some(9))), Killed, Likely, None),
        (
            "not seen to end, but hit",
            evidence(gone(), vec![sent(5, 9, LEADER, outsider(4711, "kill -9 100"))]),
            Killed,
            Certain,
            Some(4711),
        ),
        (
            "not seen to end, but told to",
            evidence(gone(), vec![sent(5, 15, LEADER, outsider(4711, "kill 100"))]),
            Killed,
            Likely,
            Some(4711),
        ),
    ]);
}
