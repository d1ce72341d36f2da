//! Ends by itself.

use wk_model::{Cause::*, Confidence::*, Kind, Outcome};

use super::make::*;
use crate::autopsy::{Evidence, Fact, ScreenNote, What, examine};

fn of_kind(kind: Kind, evidence: Evidence) -> Evidence {
    let subject = crate::autopsy::Subject { kind, ..evidence.subject };
    Evidence { subject, ..evidence }
}

fn says(text: &str, code: i32, facts: Vec<Fact>) -> Evidence {
    Evidence { last_lines: Some(text.into()), ..evidence(by_code(code), facts) }
}

fn free(bytes: u64) -> Fact {
    fact(0, What::Screen(ScreenNote::DiskFree { path: "/work".into(), bytes }))
}

#[test]
fn codes_say_how_it_went() {
    let space = "cp: error writing 'x': No space left on device";
    let note = || fact(1, What::Screen(ScreenNote::NoSpace(space.into())));
    check(vec![
        ("exit 0", evidence(by_code(0), vec![]), Completed, Certain, None),
        ("exit 3", evidence(by_code(3), vec![]), Failed, Certain, None),
        ("a shell found no command", evidence(by_code(127), vec![]), Failed, Certain, None),
        ("a full disk", says(space, 1, vec![free(0)]), DiskFull, Certain, None),
        ("told by a note", evidence(by_code(1), vec![note(), free(4096)]), DiskFull, Certain, None),
        ("a disk with little left", says(space, 1, vec![free(1 << 20)]), DiskFull, Likely, None),
        ("a disk that nobody looked at", says(space, 1, vec![]), DiskFull, Likely, None),
        ("a disk with room", says(space, 1, vec![free(1 << 40)]), Failed, Certain, None),
        ("full, but nothing says so", evidence(by_code(1), vec![free(0)]), Failed, Certain, None),
        ("full, but it ended well", says(space, 0, vec![free(0)]), Completed, Certain, None),
        (
            "a runtime that ends for its heap",
            says("java.lang.OutOfMemoryError: Java heap space", 1, vec![]),
            HeapExhausted,
            Likely,
            None,
        ),
    ]);
}

#[test]
fn a_shells_code_says_nothing_of_the_shell() {
    for kind in [Kind::Shell, Kind::Tmux] {
        for code in [0, 1, 130, 137] {
            let opinion = examine(&of_kind(kind, evidence(by_code(code), vec![])));
            let got = (opinion.cause, opinion.outcome, opinion.unexpected);
            assert_eq!(got, (Completed, Outcome::Completed, false), "{kind} {code}");
        }
    }
    // The last command of the shell was killed; then its user left.
    let killed = sent(900, 9, CHILD, outsider(4711, "kill -9 110"));
    let opinion = examine(&of_kind(Kind::Shell, evidence(by_code(137), vec![killed])));
    assert_eq!((opinion.cause, opinion.culprit), (Completed, None));
}

#[test]
fn failures_are_deaths_only_where_somebody_sat_at_it() {
    for (kind, unexpected) in [(Kind::Command, false), (Kind::Agent, true)] {
        let opinion = examine(&of_kind(kind, evidence(by_code(3), vec![])));
        assert_eq!((opinion.cause, opinion.unexpected), (Failed, unexpected), "{kind}");
    }
}
