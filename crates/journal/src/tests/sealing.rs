//! Strips, which tests make of four sessions each, say what the sessions say.

use wk_model::{Change, SessionId};

use crate::{SessionQuery, strips::ROWS, testing::*};

fn count(connection: &rusqlite::Connection, sql: &str) -> i64 {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn sessions_that_go_leave_their_strip_and_a_strip_that_lost_some_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path);
    let count_of = |sql| count(&rusqlite::Connection::open(&path).unwrap(), sql);
    let ids = || -> Vec<SessionId> {
        let page = journal.sessions(&SessionQuery::default()).unwrap();
        page.sessions.iter().map(|session| session.id).collect()
    };
    let all = ROWS as u64 * 3 + 1;
    for number in 1..=all {
        journal.append(life(id(number), number * 10, "a", 0)).await.unwrap();
    }
    journal
        .append(vec![
            draft(None, 1, Change::ConfigReloaded),
            draft(None, 2, Change::ConfigReloaded),
        ])
        .await
        .unwrap();
    assert_eq!(count_of("SELECT count(*) FROM strips"), 3);
    assert_eq!(count_of("SELECT count(*) FROM past WHERE shelf IS NULL"), 1);
    let mut wanted: Vec<_> = (1..=all).rev().map(id).collect();
    assert_eq!(ids(), wanted);

    // One of four is a quarter: its strip goes loose.
    journal.append(vec![draft(id(2), 20_000, removed())]).await.unwrap();
    wanted.retain(|session| *session != id(2));
    assert_eq!(ids(), wanted);
    assert_eq!(count_of("SELECT count(*) FROM strips"), 2);
    assert_eq!(count_of("SELECT count(*) FROM strip_gone"), 0);
    assert_eq!(count_of("SELECT count(*) FROM strip_columns"), 2 * 12);

    // What is loose is sealed again, and a rebuild changes nothing.
    for number in 0..4 {
        journal.append(vec![draft(None, 30_000 + number, Change::ConfigReloaded)]).await.unwrap();
    }
    assert_eq!(count_of("SELECT count(*) FROM strips"), 3);
    assert_eq!(ids(), wanted);
    assert_eq!(journal.rebuild().await.unwrap().differing, []);
    assert_eq!(count_of("SELECT count(*) FROM strips"), 3);
    assert_eq!(ids(), wanted);
    assert_eq!(journal.count(&SessionQuery::default()).unwrap(), all - 1);
}

#[tokio::test]
async fn a_session_that_begins_again_is_not_listed_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path);
    for number in 1..=ROWS as u64 {
        journal.append(life(id(number), number * 10, "a", 1)).await.unwrap();
    }
    journal
        .append((0..4).map(|ms| draft(None, ms, Change::ConfigReloaded)).collect())
        .await
        .unwrap();
    let failed = SessionQuery { failed: true, ..SessionQuery::default() };
    assert_eq!(journal.count(&failed).unwrap(), ROWS as u64);
    let again = vec![draft(id(3), 5000, recovering(2)), draft(id(3), 5001, started(2))];
    journal.append(again).await.unwrap();
    assert_eq!(journal.count(&failed).unwrap(), ROWS as u64 - 1);
    journal.append(vec![draft(id(3), 5002, exited(2, 0))]).await.unwrap();
    let listed = journal.sessions(&SessionQuery::default()).unwrap().sessions;
    assert_eq!(listed.len(), ROWS);
    assert_eq!(journal.count(&failed).unwrap(), ROWS as u64 - 1);
    assert_eq!(journal.tally().unwrap().total(), ROWS as u64);
}
