//! Verdicts are found by themselves.

use std::cell::Cell;

use wk_model::{Change, SessionId, Time, Verdict};

use crate::{Journal, testing::*};

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
        let verdicts = journal.verdicts(since, limit, |_| true).unwrap().into_iter();
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

/// The sessions of the verdicts that are listed, and how many were looked at for it.
fn listed(
    journal: &Journal,
    limit: usize,
    keep: impl Fn(&Verdict) -> bool,
) -> (Vec<SessionId>, usize) {
    let looked_at = Cell::new(0);
    let keep = |verdict: &Verdict| {
        looked_at.set(looked_at.get() + 1);
        keep(verdict)
    };
    let verdicts = journal.verdicts(None, limit, keep).unwrap().into_iter();
    let sessions = verdicts.map(|judged| judged.session_id).collect();
    (sessions, looked_at.get())
}

#[test]
fn a_list_is_cut_by_when_the_ends_were_whatever_was_judged_first() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    let drafts = vec![
        draft(id(1), 10, reached(1, 1, 30)),
        draft(id(2), 20, reached(1, 1, 10)),
        draft(id(3), 30, reached(2, 1, 20)),
        draft(id(4), 40, reached(1, 1, 5)),
        draft(id(4), 50, reached(1, 2, 5)),
    ];
    journal.append_blocking(drafts).unwrap();
    let sessions = |limit, keep: fn(&Verdict) -> bool| listed(&journal, limit, keep).0;
    assert_eq!(sessions(2, |_| true), [id(3), id(1)]);
    assert_eq!(sessions(1, |verdict| verdict.attempt == 1), [id(1)]);
    assert_eq!(sessions(9, |verdict| verdict.revision == 1), [id(3), id(2), id(1)]);
    close(journal);
}

#[test]
fn a_short_list_reads_no_further_back_than_to_its_last_end() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    // Nothing that is recorded before these ends tells of a later one.
    let later = crate::clock::now().as_millis() - START + 3_600_000;
    let drafts = (0..50).map(|number| draft(id(number), 0, reached(1, 1, later)));
    journal.append_blocking(drafts.collect()).unwrap();
    assert_eq!(listed(&journal, 2, |_| true), (vec![id(49), id(48)], 2));
    assert_eq!(listed(&journal, 0, |_| true), (vec![], 0));
    assert_eq!(listed(&journal, usize::MAX, |_| true).1, 50);
    close(journal);
}
