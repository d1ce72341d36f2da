//! Trimming: what is old goes, and everything else is as it was.

use std::{collections::BTreeMap, path::Path};

use proptest::{prelude::*, sample::Index};
use rusqlite::Connection;
use wk_model::{Change, Created, Draft, Label, Seq, Session, SessionId, Time};

use crate::{
    EventQuery, Journal, JournalError, Resolved, SessionQuery, Taken, Trimmed, testing::*,
};

/// Makes every event be recorded in the millisecond of its number.
fn age(path: &Path) {
    let connection = Connection::open(path).unwrap();
    connection.execute("UPDATE events SET recorded_ms = seq", []).unwrap();
}

/// Trims the events before `seq`.
async fn trim(journal: &Journal, path: &Path, seq: i64) -> Trimmed {
    age(path);
    journal.trim(Time::from_millis(seq)).await.unwrap()
}

async fn differing(journal: &Journal) -> Vec<SessionId> {
    journal.rebuild().await.unwrap().differing
}

fn labelled(name: &str) -> Change {
    Change::SessionCreated(Box::new(Created {
        name: Some(name.to_owned()),
        labels: BTreeMap::from([("team".to_owned(), "red".to_owned())]),
        idempotency_key: Some(format!("key-{name}")),
        ..Created::default()
    }))
}

/// A life whose attempt has a holder that numbers its events.
fn held(session: SessionId, ms: u64, name: &str) -> Vec<Draft> {
    let holder = format!("holder/{session}/1");
    vec![
        draft(session, ms, labelled(name)),
        numbered(&holder, 1, draft(session, ms + 1, started(1))),
        numbered(&holder, 2, draft(session, ms + 2, exited(1, 0))),
    ]
}

fn rows(path: &Path, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    Connection::open(path).unwrap().query_row(&sql, [], |row| row.get(0)).unwrap()
}

fn summaries(journal: &Journal) -> Vec<Seq> {
    let query = EventQuery { kinds: vec!["session_summarised".into()], ..EventQuery::default() };
    journal.events(&query).unwrap().into_iter().map(|event| event.seq).collect()
}

#[tokio::test]
async fn what_ended_before_vanishes_and_what_lives_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path);
    // Events 1 to 3, 4 to 5 with its end at 9, and 6 to 7.
    let mut across = held(id(2), 10, "across");
    let end = across.pop().unwrap();
    let lives = vec![draft(id(3), 20, labelled("lives")), draft(id(3), 21, started(1))];
    journal.append([held(id(1), 0, "gone"), across.clone(), lives].concat()).await.unwrap();
    journal.append(vec![draft(None, 30, Change::ConfigReloaded), end.clone()]).await.unwrap();
    let now = |number| journal.session(id(number)).unwrap();
    let before = (now(2), now(3));

    let trimmed = trim(&journal, &path, 9).await;

    assert_eq!(trimmed, Trimmed { events: 8, sessions: vec![id(1)], more: false });
    assert_eq!(journal.first(), Seq(9));
    assert_eq!((now(1), (now(2), now(3))), (None, before.clone()));
    assert_eq!(journal.resolve("gone").unwrap(), Resolved::None);
    assert_eq!(journal.by_idempotency_key("key-gone").unwrap(), None);
    assert_eq!(journal.by_idempotency_key("key-across").unwrap(), Some(id(2)));
    let team = vec![Label::new("team", "red").unwrap()];
    let listed = journal.sessions(&SessionQuery { labels: team, ..SessionQuery::default() });
    let names: Vec<_> =
        listed.unwrap().sessions.iter().map(|s| s.created.name.clone().unwrap()).collect();
    assert_eq!(names, ["lives", "across"]);
    assert_eq!(summaries(&journal).len(), 2);
    assert_eq!(differing(&journal).await, []);

    // Known as ever, though the events are gone; and life goes on.
    assert_eq!(journal.append(vec![across[1].clone()]).await.unwrap(), [Taken::Forgotten]);
    assert_eq!(journal.append(vec![end]).await.unwrap(), [Taken::Known(Seq(9))]);
    let holder = wk_model::Source(format!("holder/{}/1", id(2)));
    assert_eq!(journal.source_seq(&holder).unwrap(), 2);
    journal.append(vec![draft(id(3), 40, exited(1, 3))]).await.unwrap();
    assert!(journal.session(id(3)).unwrap().unwrap().is_ended());
    assert_eq!(differing(&journal).await, []);
    journal.close().await;
    let journal = open(&path);
    assert_eq!(journal.first(), Seq(9));
    assert_eq!(journal.session(id(2)).unwrap(), before.0);
}

#[tokio::test]
async fn one_summary_is_enough_and_it_keeps_nothing_alive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path);
    journal.append(held(id(1), 0, "a")).await.unwrap();
    journal.append(vec![draft(None, 9, Change::ConfigReloaded)]).await.unwrap();
    assert_eq!(trim(&journal, &path, 2).await.events, 1);
    assert_eq!(summaries(&journal), [Seq(5)]);
    assert_eq!(trim(&journal, &path, 3).await.events, 1);
    assert_eq!(summaries(&journal), [Seq(5)], "what it says still holds");
    assert_eq!(differing(&journal).await, []);

    // Its last event goes, and it with it, although the summary is younger.
    assert_eq!(trim(&journal, &path, 4).await.sessions, [id(1)]);

    assert_eq!(summaries(&journal), []);
    assert_eq!(differing(&journal).await, []);
    for (table, want) in [("sessions", 0), ("creations", 0), ("past", 0), ("labels", 0)]
        .into_iter()
        .chain([("idempotency", 0), ("summaries", 0), ("sources", 1), ("events", 1)])
    {
        assert_eq!(rows(&path, table), want, "{table}");
    }
}

#[tokio::test]
async fn the_newest_event_stays_and_numbers_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path);
    assert_eq!(journal.trim(Time::from_millis(i64::MAX)).await.unwrap(), Trimmed::default());
    journal.append(held(id(1), 0, "a")).await.unwrap();
    journal.append(vec![draft(None, 9, Change::ConfigReloaded)]).await.unwrap();
    let future = Time::from_millis(i64::MAX);
    assert_eq!(journal.trimmable(future).unwrap(), 3);
    assert_eq!(journal.trim(future).await.unwrap().events, 3);
    assert_eq!((journal.first(), journal.last()), (Seq(4), Seq(4)));
    assert_eq!(journal.trim(future).await.unwrap(), Trimmed::default());
    assert_eq!(journal.trimmable(future).unwrap(), 0);
    journal.close().await;
    let journal = open(&path);
    let taken = journal.append(vec![draft(None, 10, Change::ConfigReloaded)]).await.unwrap();
    assert_eq!(taken, [Taken::New(Seq(5))]);
}

#[tokio::test]
async fn a_subscriber_that_has_not_read_what_is_trimmed_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path);
    for ms in 0..5 {
        journal.append(vec![draft(None, ms, Change::ConfigReloaded)]).await.unwrap();
    }
    let mut late = journal.subscribe(Seq(1), None);
    let mut in_time = journal.subscribe(Seq(3), None);
    trim(&journal, &path, 4).await;
    let told = late.next().await;
    assert!(matches!(told, Err(JournalError::Trimmed { first: Seq(4) })), "{told:?}");
    let seqs: Vec<_> = in_time.next().await.unwrap().iter().map(|event| event.seq.0).collect();
    assert_eq!(seqs, [4, 5]);
}

#[tokio::test]
async fn a_tombstone_outlives_the_cut_that_its_session_crosses() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path);
    journal.append(held(id(1), 0, "a")).await.unwrap();
    journal.append(vec![draft(id(1), 9, removed())]).await.unwrap();
    trim(&journal, &path, 4).await;
    assert!(journal.session(id(1)).unwrap().unwrap().removed);
    assert_eq!(journal.resolve("a").unwrap(), Resolved::None);
    assert_eq!(differing(&journal).await, []);
}

#[tokio::test]
async fn a_session_that_was_created_again_after_the_cut_goes_with_that_event() {
    for rebuilt in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let journal = open(&path);
        let creations = || rows(&path, "repeated");
        // Events 1 to 3; 4 and 5 are the same creation again, and that it was refused.
        journal.append(held(id(1), 0, "a")).await.unwrap();
        journal.append(vec![draft(id(1), 9, labelled("a"))]).await.unwrap();
        journal.append(vec![draft(None, 10, Change::ConfigReloaded)]).await.unwrap();
        assert_eq!(creations(), 1);
        if rebuilt {
            assert_eq!(differing(&journal).await, []);
        }
        let before = journal.session(id(1)).unwrap();

        assert_eq!(trim(&journal, &path, 4).await.sessions, []);
        assert_eq!(journal.session(id(1)).unwrap(), before);
        assert_eq!(differing(&journal).await, []);
        assert_eq!(journal.session(id(1)).unwrap(), before, "and no rebuild makes it live");

        assert_eq!(trim(&journal, &path, 5).await.sessions, [id(1)]);
        assert_eq!(differing(&journal).await, []);
        assert_eq!(journal.session(id(1)).unwrap(), None);
        assert_eq!(creations(), 0);
    }
}

/// One event of a story: what, and of which session.
fn arbitrary_draft() -> impl Strategy<Value = (u64, Change)> {
    let change = prop_oneof![
        Just(started(1)),
        Just(exited(1, 0)),
        Just(exited(1, 1)),
        Just(recovering(2)),
        Just(started(2)),
        Just(exited(2, 1)),
        (1..200u16).prop_map(resized),
        Just(stopped()),
        Just(removed()),
        Just(labelled("a")),
        Just(note("x")),
        prop::sample::select(every_change()),
    ];
    (0..4u64, change)
}

fn all(journal: &Journal) -> Vec<Option<Session>> {
    let session = |number| journal.session(id(number)).unwrap();
    (0..4).map(|number| session(number).map(|session| Session::clone(&session))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_rebuild_after_trimming_finds_what_the_tables_say(
        story in prop::collection::vec(arbitrary_draft(), 4..60),
        swaps in prop::collection::vec((any::<Index>(), any::<Index>()), 0..40),
        cuts in prop::collection::vec((any::<Index>(), any::<Index>()), 1..4),
        size in 1..9usize,
    ) {
        let creations = (0..4).map(|session| (session, labelled("a")));
        let others = story.into_iter().filter(|(_, change)| change.kind() != "session_summarised");
        let mut delivered: Vec<_> = creations.chain(others).enumerate().map(|(index, (session, change))| {
            let mut change = change;
            if let Change::SessionCreated(created) = &mut change {
                created.idempotency_key = Some(format!("key-{session}"));
            }
            let draft = draft(id(session), index as u64, change);
            let sources = ["hooks".to_owned(), format!("holder/{}/1", id(session))];
            numbered(&sources[index % 2], 1 + index as u64, draft)
        }).collect();
        for (a, b) in swaps {
            let (a, b) = (a.index(delivered.len()), b.index(delivered.len()));
            delivered.swap(a, b);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let mut journal = open(&path);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut gone: Vec<SessionId> = Vec::new();
        let mut done = 0;
        for (until, cut) in cuts {
            let until = done.max(until.index(delivered.len() + 1));
            for batch in delivered[done..until].chunks(size) {
                journal.append_blocking(batch.to_vec()).unwrap();
            }
            done = until;
            let before = all(&journal);
            let cut = cut.index(journal.last().0 as usize + 2) as i64;
            let trimmed = runtime.block_on(trim(&journal, &path, cut));
            gone.extend(&trimmed.sessions);
            for (number, was) in before.iter().enumerate() {
                let is = journal.session(id(number as u64)).unwrap();
                if trimmed.sessions.contains(&id(number as u64)) {
                    prop_assert!(is.is_none());
                    prop_assert!(was.as_ref().is_some_and(Session::is_ended));
                } else {
                    prop_assert_eq!(is.as_deref(), was.as_ref(), "trimming changes nothing");
                }
            }
            let after = all(&journal);
            prop_assert_eq!(runtime.block_on(differing(&journal)), []);
            prop_assert_eq!(&all(&journal), &after);
            // Delivered again: taken in once, as far as anybody can still tell.
            let known = delivered[..done].iter().filter(|draft| {
                draft.source.0 == "hooks" || !draft.session_id.is_some_and(|id| gone.contains(&id))
            });
            let again = journal.append_blocking(known.cloned().collect()).unwrap();
            prop_assert!(again.iter().all(|taken| !matches!(taken, Taken::New(_))), "{again:?}");
            runtime.block_on(journal.close());
            journal = open(&path);
            prop_assert_eq!(all(&journal), after);
        }
        for batch in delivered[done..].chunks(size) {
            journal.append_blocking(batch.to_vec()).unwrap();
        }
        let last = all(&journal);
        prop_assert_eq!(runtime.block_on(differing(&journal)), []);
        prop_assert_eq!(all(&journal), last);
    }
}
