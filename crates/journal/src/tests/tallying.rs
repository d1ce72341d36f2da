//! Numbers of all sessions.

use wk_model::{Change, Draft, SessionId, Status};

use crate::{Journal, Tally, testing::*};

/// A session that fails at first and then does as it is told by the last drafts.
fn retried(session: SessionId, ms: u64, rest: Vec<Change>) -> Vec<Draft> {
    let mut drafts = life(session, ms, "retried", 1);
    let rest = [recovering(2), started(2)].into_iter().chain(rest);
    drafts.extend(rest.zip(ms + 3..).map(|(change, ms)| draft(session, ms, change)));
    drafts
}

fn numbers(tally: &Tally) -> (u64, u64, u64) {
    (tally.retries, tally.retried, tally.recovered)
}

fn take(journal: &Journal, drafts: Vec<Draft>) -> Tally {
    journal.append_blocking(drafts).unwrap();
    journal.tally().unwrap()
}

#[test]
fn living_and_past_sessions_are_counted_by_status_until_they_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path);
    assert_eq!(journal.tally().unwrap(), Tally::default());
    take(&journal, life(id(1), 10, "a", 0));
    take(&journal, life(id(2), 20, "b", 3));
    take(&journal, vec![draft(id(3), 30, created("c")), draft(id(3), 31, started(1))]);
    let tally = take(&journal, vec![draft(id(4), 40, created("d"))]);
    let by = [Status::Completed, Status::Failed, Status::Running, Status::Timeout];
    assert_eq!(by.map(|status| tally.of(status)), [1, 1, 1, 0]);
    assert_eq!((tally.total(), tally.without_status), (4, 1));
    let tally = take(&journal, vec![draft(id(2), 50, removed())]);
    assert_eq!((tally.total(), tally.of(Status::Failed)), (3, 0));
    close(journal);
    assert_eq!(open(&path).tally().unwrap(), tally);
}

#[test]
fn a_retry_has_helped_where_the_session_completed_or_runs_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    let waiting = retried(id(1), 10, Vec::new());
    // A moment of long ago: it runs for longer than it takes to be healthy.
    assert_eq!(numbers(&take(&journal, waiting)), (1, 1, 1));
    assert_eq!(numbers(&take(&journal, retried(id(2), 20, vec![exited(2, 0)]))), (2, 2, 2));
    let fails_again = retried(id(3), 30, vec![exited(2, 1), recovering(3), started(3)]);
    assert_eq!(numbers(&take(&journal, fails_again)).0, 4);
    let tally = take(&journal, vec![draft(id(3), 40, exited(3, 1))]);
    assert_eq!(numbers(&tally), (4, 3, 2));
    let report = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let report = report.block_on(journal.rebuild()).unwrap();
    assert_eq!(report.differing, []);
    assert_eq!(journal.tally().unwrap(), tally);
}
