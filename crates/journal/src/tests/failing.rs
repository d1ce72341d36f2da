//! A full disk, a writer that ends.

use wk_model::{Change, JournalGap, Seq};

use crate::{EventQuery, Journal, JournalError, Taken, inbox::Message, testing::*};

async fn limit(journal: &Journal, pages: u32) {
    journal.inbox.send(Message::MaxPages(pages)).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_whole_batches_and_is_remembered_as_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path);
    journal.append(vec![draft(id(1), 0, created("a"))]).await.unwrap();
    let mut subscription = journal.subscribe(Seq(1), None);
    // SQLite raises a limit that is below the present size up to that size.
    limit(&journal, 1).await;
    let large =
        || (0..40).map(|n| draft(id(1), 10 + n, note(&"x".repeat(2000)))).collect::<Vec<_>>();

    assert!(matches!(journal.append(large()).await, Err(JournalError::Full { .. })));
    let mut outbox = large();
    outbox.push(draft(id(1), 60, started(1)));
    let outbox: Vec<_> =
        outbox.into_iter().zip(1..).map(|(draft, n)| numbered("holder", n, draft)).collect();
    assert!(matches!(journal.append(outbox.clone()).await, Err(JournalError::Full { .. })));

    assert_eq!(journal.last(), Seq(1));
    assert_eq!(journal.session(id(1)).unwrap().unwrap().attempt, 0);
    limit(&journal, 1_000_000).await;
    let taken = journal.append(outbox).await.unwrap();
    assert_eq!(taken[0], Taken::New(Seq(3)));
    assert_eq!(taken.len(), 41);
    let events = subscription.next().await.unwrap();
    let gap = JournalGap {
        events: Some(40),
        reason: "the disk was full or failing; 41 more are kept by their sources".into(),
    };
    assert_eq!(events[0].change, Change::JournalGap(gap));
    assert_eq!(journal.session(id(1)).unwrap().unwrap().attempt, 1);
    // Said once.
    journal.append(vec![draft(None, 70, note("x"))]).await.unwrap();
    let query = EventQuery { kinds: vec!["journal_gap".into()], ..EventQuery::default() };
    assert_eq!(journal.events(&query).unwrap().len(), 1);
    assert_eq!(journal.rebuild().await.unwrap().differing, []);
}

#[tokio::test]
async fn a_writer_that_panics_leaves_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    journal.append(vec![draft(id(1), 0, created("a"))]).await.unwrap();
    let mut subscription = journal.subscribe(Seq(1), None);
    journal.inbox.send(Message::Panic).await.unwrap();

    assert!(matches!(subscription.next().await, Err(JournalError::Closed)));
    let append = journal.append(vec![draft(None, 1, note("x"))]).await;
    assert!(matches!(append, Err(JournalError::Closed)));
    assert!(matches!(journal.rebuild().await, Err(JournalError::Closed)));
    // What is on disk can still be read.
    assert_eq!(journal.session(id(1)).unwrap().unwrap().id, id(1));
    journal.close().await;
}
