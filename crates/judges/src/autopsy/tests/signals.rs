//! Signals that were seen.

use wk_model::{Cause::*, Confidence::*, Delivery, SeenProcess, SignalSeen};

use super::make::*;
use crate::autopsy::{Coverage, Evidence, examine};

fn pkill() -> SeenProcess {
    outsider(4711, "pkill -9 -f claude")
}

#[test]
fn a_kill_is_laid_at_the_senders_door() {
    let wrapper = below(80, "sh -c node", &[(70, "sshd")]);
    let mut to_child_of_wrapper = shot(9, LEADER, wrapper);
    to_child_of_wrapper.target.parent = 80;
    check(vec![
        (
            "kill -9 from another shell",
            evidence(by_signal(9), vec![sent(5, 9, LEADER, pkill())]),
            Killed,
            Certain,
            Some(4711),
        ),
        (
            "TERM, by default",
            evidence(by_signal(15), vec![sent(5, 15, LEADER, pkill())]),
            Killed,
            Certain,
            Some(4711),
        ),
        (
            "TERM, and its code says so",
            evidence(by_code(143), vec![sent(900, 15, LEADER, pkill())]),
            Killed,
            Certain,
            Some(4711),
        ),
        (
            "TERM, caught, and a clean end within the grace",
            evidence(by_code(0), vec![sent(9_000, 15, LEADER, pkill())]),
            Killed,
            Likely,
            Some(4711),
        ),
        (
            "TERM, caught long ago",
            evidence(by_code(0), vec![sent(11_000, 15, LEADER, pkill())]),
            Completed,
            Certain,
            None,
        ),
        (
            "cgroup.kill",
            evidence(
                by_signal(9),
                vec![seen(1, SignalSeen { kill_argument: None, ..shot(9, LEADER, pkill()) })],
            ),
            Killed,
            Certain,
            Some(4711),
        ),
        (
            "sigqueue",
            evidence(
                by_signal(15),
                vec![seen(1, SignalSeen { code: -1, ..shot(15, LEADER, pkill()) })],
            ),
            Killed,
            Certain,
            Some(4711),
        ),
        (
            "by its wrapper, which is its parent",
            evidence(by_signal(9), vec![seen(1, to_child_of_wrapper)]),
            Killed,
            Certain,
            Some(80),
        ),
        (
            "by hand, with a fault's number",
            evidence(by_signal(11), vec![sent(1, 11, LEADER, pkill())]),
            Killed,
            Certain,
            Some(4711),
        ),
        (
            "a SIGPIPE that somebody sent",
            evidence(by_signal(13), vec![sent(1, 13, LEADER, pkill())]),
            Killed,
            Certain,
            Some(4711),
        ),
    ]);
}

#[test]
fn signals_that_ended_nothing_have_no_culprit() {
    let not = |delivery| seen(5, SignalSeen { delivery, ..shot(15, LEADER, pkill()) });
    let mut later = shot(9, LEADER, pkill());
    later.target.process.start_time += 1;
    for (case, ending, facts) in [
        ("ignored", by_code(0), vec![not(Delivery::Ignored)]),
        ("waiting already", by_code(0), vec![not(Delivery::AlreadyPending)]),
        ("to another session", by_code(0), vec![sent(5, 15, 999, pkill())]),
        ("another number", by_signal(9), vec![sent(5, 15, LEADER, pkill())]),
        ("another process with its pid", by_signal(9), vec![seen(5, later)]),
        ("after the end", by_signal(9), vec![sent(-5_000, 9, LEADER, pkill())]),
        ("a code of its own", by_code(3), vec![sent(5, 15, LEADER, pkill())]),
        ("to a child, whose end it survived", by_code(3), vec![sent(5, 9, CHILD, pkill())]),
    ] {
        let opinion = examine(&evidence(ending, facts));
        assert_eq!(culprit_of(&opinion), None, "{case}: {opinion:#?}");
        assert_ne!(opinion.cause, Killed, "{case}");
    }
}

#[test]
fn of_several_senders_the_decisive_one_is_named() {
    let other = || outsider(5000, "kill 100");
    let rows = vec![
        (
            "TERM was caught, KILL was not",
            evidence(
                by_signal(9),
                vec![sent(3_000, 15, LEADER, other()), sent(2, 9, LEADER, pkill())],
            ),
            Killed,
            Certain,
            Some(4711),
        ),
        (
            "two told it to end, and it did",
            evidence(
                by_code(143),
                vec![sent(3_000, 15, LEADER, other()), sent(2, 15, LEADER, pkill())],
            ),
            Killed,
            Certain,
            Some(4711),
        ),
        (
            "two told it to end, and it ended well",
            evidence(
                by_code(0),
                vec![sent(3_000, 15, LEADER, other()), sent(2, 15, LEADER, pkill())],
            ),
            Killed,
            Likely,
            Some(4711),
        ),
    ];
    for row in &rows {
        let opinion = examine(&row.1);
        assert!(opinion.alternatives.iter().any(|it| it.text.contains("5000")), "{}", row.0);
    }
    check(rows);
}

#[test]
fn whoever_cleans_up_and_sends_itself_the_signal_did_not_start_it() {
    let agent = || below(4711, "pkill -f node", &[(120, "bash"), (LEADER, "node")]);
    check(vec![
        (
            "a handler sends the signal again",
            evidence(
                by_signal(15),
                vec![sent(500, 15, LEADER, pkill()), sent(2, 15, LEADER, itself(LEADER))],
            ),
            Killed,
            Certain,
            Some(4711),
        ),
        (
            "a wrapper sends itself what its child died of",
            evidence(
                by_signal(15),
                vec![
                    sent(500, 15, CHILD, pkill()),
                    exited(400, CHILD, None, Some(15)),
                    sent(2, 15, LEADER, itself(LEADER)),
                ],
            ),
            Killed,
            Certain,
            Some(4711),
        ),
        (
            "Ctrl-C, and a shell that ends itself for it",
            evidence(
                by_signal(2),
                vec![seen(500, worker(2, LEADER)), sent(2, 2, LEADER, itself(LEADER))],
            ),
            Interrupted,
            Certain,
            None,
        ),
        (
            "an agent that hits itself by a pattern",
            evidence(by_signal(15), vec![sent(2, 15, LEADER, agent())]),
            SelfKilled,
            Certain,
            Some(4711),
        ),
        (
            "kill of the parent",
            evidence(
                by_signal(9),
                vec![sent(2, 9, LEADER, below(CHILD, "sh", &[(LEADER, "node")]))],
            ),
            SelfKilled,
            Certain,
            Some(CHILD),
        ),
        (
            "by one that is known as its own, whatever stands above it now",
            evidence(by_signal(9), vec![sent(2, 9, LEADER, below(CHILD, "sh", &[(1, "init")]))]),
            SelfKilled,
            Certain,
            Some(CHILD),
        ),
        (
            "of its own will",
            evidence(by_signal(9), vec![sent(2, 9, LEADER, itself(LEADER))]),
            SelfKilled,
            Certain,
            Some(LEADER),
        ),
    ]);
}

#[test]
fn a_wrapper_passes_on_what_its_child_died_of() {
    let died = |signal| exited(40, CHILD, None, Some(signal));
    let fault = SignalSeen { code: 1, ..shot(11, CHILD, itself(CHILD)) };
    let by_leader = below(LEADER, "node", &[(HOLDER, "wk-holder")]);
    check(vec![
        (
            "137 of a killed child",
            evidence(by_code(137), vec![sent(50, 9, CHILD, pkill()), died(9)]),
            Killed,
            Certain,
            Some(4711),
        ),
        (
            "139 of a crashed child",
            evidence(by_code(139), vec![seen(50, fault), died(11)]),
            Crashed,
            Certain,
            None,
        ),
        (
            "killed by the wrapper itself",
            evidence(by_code(137), vec![sent(50, 9, CHILD, by_leader), died(9)]),
            Killed,
            Certain,
            Some(LEADER),
        ),
        (
            "the code says one thing, the child died of another",
            evidence(by_code(143), vec![sent(50, 9, CHILD, pkill()), died(9)]),
            Failed,
            Likely,
            None,
        ),
        (
            "137, and no signal: its own choice",
            evidence(by_code(137), vec![]),
            Failed,
            Certain,
            None,
        ),
    ]);
}

#[test]
fn a_parent_that_ends_takes_it_along() {
    let parent = || below(80, "supervisor", &[(1, "init")]);
    let mut orphaned = SignalSeen { sender_exits: true, ..shot(9, LEADER, parent()) };
    orphaned.target.parent = 80;
    let zapped = SignalSeen { sender_exits: true, ..kernel(9, LEADER, parent()) };
    check(vec![
        (
            "the parent ended",
            evidence(by_signal(9), vec![seen(2, orphaned.clone())]),
            ParentDied,
            Certain,
            Some(80),
        ),
        (
            "the parent was killed",
            evidence(by_signal(9), vec![sent(5, 9, 80, pkill()), seen(2, orphaned)]),
            ParentDied,
            Certain,
            Some(4711),
        ),
        (
            "the init of its namespace ended",
            evidence(by_signal(9), vec![seen(2, zapped)]),
            ParentDied,
            Certain,
            Some(80),
        ),
    ]);
}

#[test]
fn terminals_speak_through_the_kernel() {
    let shell = || below(95, "bash", &[(60, "xterm")]);
    let xterm = || outsider(60, "xterm");
    let gone = |sender| SignalSeen { sender_exits: true, ..kernel(1, LEADER, sender) };
    let shell_hung_up = |exits| {
        let signal = SignalSeen { sender_exits: exits, ..kernel(1, 95, xterm()) };
        seen(20, signal)
    };
    check(vec![
        (
            "Ctrl-C",
            evidence(by_signal(2), vec![seen(2, worker(2, LEADER))]),
            Interrupted,
            Certain,
            None,
        ),
        (
            "Ctrl-\\",
            evidence(by_signal(3), vec![seen(2, worker(3, LEADER))]),
            Interrupted,
            Certain,
            None,
        ),
        (
            "Ctrl-C, caught",
            evidence(by_code(130), vec![seen(2, worker(2, LEADER))]),
            Interrupted,
            Certain,
            None,
        ),
        (
            "the terminal was closed",
            evidence(by_signal(1), vec![seen(2, kernel(1, LEADER, xterm()))]),
            Hangup,
            Certain,
            None,
        ),
        (
            "caught, and ended with a code of its own",
            evidence(by_code(1), vec![seen(200, kernel(1, LEADER, xterm()))]),
            Hangup,
            Certain,
            None,
        ),
        (
            "the shell above was killed",
            evidence(by_signal(1), vec![sent(30, 9, 95, pkill()), seen(2, gone(shell()))]),
            Hangup,
            Certain,
            Some(4711),
        ),
        (
            "the terminal's program was killed, its shell hung up, and told its job",
            evidence(
                by_signal(1),
                vec![sent(30, 9, 60, pkill()), shell_hung_up(true), sent(2, 1, LEADER, shell())],
            ),
            Hangup,
            Certain,
            Some(4711),
        ),
        (
            "a window closed: its shell hung up, ended, and took it along",
            evidence(by_signal(1), vec![shell_hung_up(false), seen(2, gone(shell()))]),
            Hangup,
            Certain,
            None,
        ),
        (
            "a HUP that somebody sent is no lost terminal",
            evidence(by_signal(1), vec![sent(2, 1, LEADER, pkill())]),
            Killed,
            Certain,
            Some(4711),
        ),
    ]);
}

#[test]
fn faults_are_its_own() {
    let fault =
        |signal: i32| seen(2, SignalSeen { code: 1, ..shot(signal, LEADER, itself(LEADER)) });
    let abort = || seen(2, SignalSeen { code: -6, ..shot(6, LEADER, itself(LEADER)) });
    let full = |facts| Evidence {
        last_lines: Some(
            "<--- JS stacktrace --->\nFATAL ERROR: JavaScript heap out of memory".into(),
        ),
        ..evidence(by_signal(6), facts)
    };
    let mut strict = evidence(by_signal(9), vec![]);
    strict.facts = vec![fact_of_seccomp(LEADER)];
    check(vec![
        ("null dereference", evidence(by_signal(11), vec![fault(11)]), Crashed, Certain, None),
        (
            "the kernel says so without an address",
            evidence(by_signal(11), vec![seen(2, kernel(11, LEADER, itself(LEADER)))]),
            Crashed,
            Certain,
            None,
        ),
        ("abort", evidence(by_signal(6), vec![abort()]), Crashed, Certain, None),
        ("abort for a full heap", full(vec![abort()]), HeapExhausted, Certain, None),
        (
            "over its CPU time, warned before",
            evidence(
                by_signal(9),
                vec![
                    seen(900, kernel(24, LEADER, itself(LEADER))),
                    seen(2, kernel(9, LEADER, itself(LEADER))),
                ],
            ),
            Rlimit,
            Certain,
            None,
        ),
        (
            "over its CPU time, not warned",
            evidence(by_signal(9), vec![seen(2, kernel(9, LEADER, itself(LEADER)))]),
            Rlimit,
            Likely,
            None,
        ),
        (
            "not warned, and the witness missed something: perhaps its memory",
            Evidence {
                coverage: Coverage::Partial { why: "records were lost".into() },
                ..evidence(by_signal(9), vec![seen(2, kernel(9, LEADER, itself(LEADER)))])
            },
            Unknown,
            Possible,
            None,
        ),
        (
            "the kernel's KILL while another ran",
            evidence(by_signal(9), vec![seen(2, kernel(9, LEADER, outsider(4711, "make all")))]),
            Unknown,
            Possible,
            None,
        ),
        (
            "a file too large",
            evidence(by_signal(25), vec![sent(2, 25, LEADER, itself(LEADER))]),
            Rlimit,
            Certain,
            None,
        ),
        ("SIGSYS", evidence(by_signal(31), vec![fault(31)]), Seccomp, Certain, None),
        ("a strict filter kills unseen", strict, Seccomp, Certain, None),
        ("unseen, and no log", evidence(by_signal(9), vec![]), Unknown, Possible, None),
        (
            "SIGPIPE",
            evidence(by_signal(13), vec![sent(2, 13, LEADER, itself(LEADER))]),
            Failed,
            Certain,
            None,
        ),
        (
            "SIGALRM",
            evidence(by_signal(14), vec![seen(2, worker(14, LEADER))]),
            Failed,
            Certain,
            None,
        ),
    ]);
}

fn fact_of_seccomp(pid: u32) -> crate::autopsy::Fact {
    let note =
        crate::autopsy::LogNote::Seccomp { pid, comm: "node".into(), syscall: "ptrace".into() };
    fact(5, crate::autopsy::What::Log(note))
}

#[test]
fn a_lost_record_does_not_weaken_what_was_seen() {
    let mut evidence = evidence(by_signal(9), vec![sent(5, 9, LEADER, pkill())]);
    evidence.coverage = Coverage::Partial { why: "12 records were lost".into() };
    check(vec![("partial", evidence, Killed, Certain, Some(4711))]);
}

#[test]
fn sentences_name_who_ran_the_killer() {
    let opinion = examine(&evidence(by_signal(9), vec![sent(5, 9, LEADER, pkill())]));
    assert_eq!(opinion.summary, "killed by `pkill -9 -f claude` (4711), run by cron (812)");
    let root = SeenProcess { uid: 0, ..outsider(7, "bash -c kill\u{1b}[2J") };
    let opinion = examine(&evidence(by_signal(15), vec![sent(5, 15, LEADER, root)]));
    assert!(opinion.summary.ends_with("as uid 0"), "{}", opinion.summary);
    assert!(!opinion.summary.contains('\u{1b}'), "{}", opinion.summary);
}
