//! Verdicts are found by themselves.

use wk_model::{Change, Time, Verdict};

use crate::testing::*;

fn reached(attempt: u32, revision: u32, end_ms: i64) -> Change {
    let found = every_change().into_iter().find_map(|change| match change {
        Change::VerdictReached(verdict) => Some(*verdict),
        _ => None,
    });
    let end_time = Time::from_millis(START + end_ms);
    Change::VerdictReached(Box::new(Verdict { attempt, revision, end_time, ..found.unwrap() }))
}

#[test]
fn the_latest_verdict_of_each_attempt_is_listed_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    let drafts = vec![
        draft(id(1), 0, created("a")),
        draft(id(2), 0, created("b")),
        draft(id(1), 10, reached(1, 1, 10)),
        draft(id(2), 20, reached(1, 1, 20)),
        draft(id(1), 30, reached(1, 2, 10)),
        draft(id(1), 40, reached(2, 1, 40)),
    ];
    journal.append_blocking(drafts).unwrap();
    let listed = |since: Option<i64>, limit| {
        let since = since.map(|ms| Time::from_millis(START + ms));
        let verdicts = journal.verdicts(since, limit).unwrap().into_iter();
        verdicts
            .map(|judged| (judged.session_id, judged.verdict.attempt, judged.verdict.revision))
            .collect::<Vec<_>>()
    };
    let all = [(id(1), 2, 1), (id(1), 1, 2), (id(2), 1, 1)];
    assert_eq!(listed(None, 10), all);
    assert_eq!(listed(None, 1), all[..1]);
    assert_eq!(listed(Some(15), 10), [all[0], all[2]]);
    let verdict = |attempt| journal.verdict(id(1), attempt).unwrap().map(|found| found.revision);
    assert_eq!((verdict(None), verdict(Some(1)), verdict(Some(3))), (Some(1), Some(2), None));
    close(journal);
}
