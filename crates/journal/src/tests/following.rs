//! Subscribers: everything, once, in order, after commit.

use std::{sync::Arc, time::Duration};

use wk_model::{Event, Seq};

use crate::{Journal, JournalError, Subscription, testing::*};

async fn read(subscription: &mut Subscription, count: usize) -> Vec<Arc<Event>> {
    let mut events = Vec::new();
    while events.len() < count {
        // Only to tell of an event that never comes.
        let next = tokio::time::timeout(Duration::from_secs(30), subscription.next()).await;
        let passed = events.len();
        events.extend(next.unwrap_or_else(|_| panic!("stuck after {passed} events")).unwrap());
    }
    events
}

fn seqs(events: &[Arc<Event>]) -> Vec<u64> {
    events.iter().map(|event| event.seq.0).collect()
}

fn producers(journal: &Journal, batches: u64) -> Vec<tokio::task::JoinHandle<()>> {
    let produce = |producer: u64| {
        let journal = journal.clone();
        tokio::spawn(async move {
            for batch in 0..batches {
                let drafts = (0..10).map(|n| draft(id(producer), batch * 10 + n, note("x")));
                journal.append(drafts.collect()).await.unwrap();
            }
        })
    };
    (0..4).map(produce).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_get_every_event_once_and_in_order_while_many_append() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    let mut early = journal.subscribe(Seq(0), None);
    let producers = producers(&journal, 50);
    let mut amid = journal.subscribe(Seq(0), None);
    let mut one = journal.subscribe(Seq(0), Some(id(2)));

    let (early, amid, one) =
        tokio::join!(read(&mut early, 2000), read(&mut amid, 2000), read(&mut one, 500));

    for producer in producers {
        producer.await.unwrap();
    }
    assert_eq!(seqs(&early), (1..=2000).collect::<Vec<_>>());
    assert_eq!(amid, early);
    assert_eq!(one.len(), 500);
    assert!(one.is_sorted_by_key(|event| event.seq));
    assert!(one.iter().all(|event| event.session_id == Some(id(2))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_subscriber_reads_on_from_disk_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    let mut slow = journal.subscribe(Seq(0), None);
    let mut selective = journal.subscribe(Seq(0), Some(id(77)));
    journal.append(vec![draft(id(77), 0, note("first"))]).await.unwrap();
    assert_eq!(seqs(&read(&mut slow, 1).await), [1]);

    // More than memory keeps, and than one stretch of the index.
    for producer in producers(&journal, 220) {
        producer.await.unwrap();
    }
    let recent = journal.shared.memory.recent().after(Seq(1), None, 1);
    assert!(recent.is_none(), "the events must not be in memory any more");
    journal.append(vec![draft(id(77), 9, note("last"))]).await.unwrap();

    assert_eq!(seqs(&read(&mut slow, 8801).await), (2..=8802).collect::<Vec<_>>());
    assert_eq!(seqs(&read(&mut selective, 2).await), [1, 8802]);
}

#[tokio::test]
async fn a_subscriber_hears_of_nothing_before_the_session_shows_it() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    let mut subscription = journal.subscribe(Seq(0), None);
    let appending = tokio::spawn({
        let journal = journal.clone();
        async move {
            for number in 1..=100 {
                journal.append(life(id(number), number, "a", 0)).await.unwrap();
            }
        }
    });

    for event in read(&mut subscription, 300).await {
        let session = journal.session(event.session_id.unwrap()).unwrap().unwrap();
        assert!(session.is_ended());
        assert!(!journal.live().iter().any(|live| live.id == session.id));
    }
    appending.await.unwrap();
}

#[tokio::test]
async fn a_closed_journal_ends_its_subscriptions_after_the_last_event() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    let (mut subscription, other) = (journal.subscribe(Seq(0), None), journal.clone());
    journal.append(vec![draft(None, 1, note("x"))]).await.unwrap();
    journal.close().await;

    assert_eq!(seqs(&subscription.next().await.unwrap()), [1]);
    assert!(matches!(subscription.next().await, Err(JournalError::Closed)));
    let append = other.append(vec![draft(None, 1, note("x"))]).await;
    assert!(matches!(append, Err(JournalError::Closed)));
}

#[tokio::test]
async fn a_place_that_is_not_kept_any_more_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path);
    journal.append((0..10).map(|ms| draft(None, ms, note("x"))).collect()).await.unwrap();
    journal.close().await;
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute("DELETE FROM events WHERE seq < 5", []).unwrap();
    drop(connection);

    let journal = open(&path);

    assert_eq!(journal.first(), Seq(5));
    let refused = journal.subscribe(Seq(3), None).next().await;
    assert!(matches!(refused, Err(JournalError::Trimmed { first: Seq(5) })));
    let events = journal.subscribe(Seq(4), None).next().await.unwrap();
    assert_eq!(seqs(&events), [5, 6, 7, 8, 9, 10]);
}
