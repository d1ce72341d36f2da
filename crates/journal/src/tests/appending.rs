//! Taking in: once, whole, numbered.

use serde_json::Map;
use wk_model::{Change, Seq, Source};

use crate::{EventQuery, JournalError, Taken, testing::*};

#[test]
fn what_was_appended_reads_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    let mut drafts: Vec<_> =
        every_change().into_iter().map(|change| draft(None, 5, change)).collect();
    drafts[0].trace_parent = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into());
    journal.append_blocking(drafts.clone()).unwrap();

    let events = journal.events(&EventQuery::default()).unwrap();

    assert_eq!(events.len(), drafts.len());
    for (index, (event, draft)) in events.into_iter().zip(drafts).enumerate() {
        assert_eq!((event.seq, event.source_seq), (Seq(index as u64 + 1), index as u64 + 1));
        assert_eq!((event.at, event.change), (draft.at, draft.change));
        assert_eq!((event.source, event.trace_parent), (draft.source, draft.trace_parent));
        assert!(event.recorded_at > event.at.time);
    }
}

#[test]
fn a_number_of_a_source_is_taken_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path);
    let event = |number| numbered("holder/a/1", number, draft(None, number, note("x")));

    // Twice in one batch, again in another, and one that fills a hole.
    let first = journal.append_blocking(vec![event(1), event(5), event(1)]).unwrap();
    assert_eq!(first, [Taken::New(Seq(1)), Taken::New(Seq(2)), Taken::Known(Seq(1))]);
    let second = journal.append_blocking(vec![event(5), event(3)]).unwrap();
    assert_eq!(second, [Taken::Known(Seq(2)), Taken::New(Seq(3))]);
    close(journal);

    let journal = open(&path);
    assert_eq!(journal.source_seq(&Source("holder/a/1".into())).unwrap(), 5);
    assert_eq!(journal.source_seq(&Source("holder/b/1".into())).unwrap(), 0);
    assert_eq!(journal.append_blocking(vec![event(3)]).unwrap(), [Taken::Known(Seq(3))]);
    let unnumbered = draft(None, 9, note("next"));
    let next = wk_model::Draft { source: Source("holder/a/1".into()), ..unnumbered };
    journal.append_blocking(vec![next]).unwrap();
    assert_eq!(journal.source_seq(&Source("holder/a/1".into())).unwrap(), 6);
}

#[test]
fn a_known_idempotency_key_refuses_the_whole_batch_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    let keyed = |session, key: &str| {
        let Change::SessionCreated(mut creation) = created("keyed") else { unreachable!() };
        creation.idempotency_key = Some(key.to_owned());
        draft(id(session), session, Change::SessionCreated(creation))
    };
    journal.append_blocking(vec![keyed(1, "k")]).unwrap();

    let again = journal.append_blocking(vec![draft(None, 2, note("x")), keyed(2, "k")]);
    assert!(matches!(again, Err(JournalError::Duplicate { session_id }) if session_id == id(1)));
    // Within one batch as well.
    let twice = journal.append_blocking(vec![keyed(3, "j"), keyed(4, "j")]);
    assert!(matches!(twice, Err(JournalError::Duplicate { .. })));

    assert_eq!(journal.last(), Seq(1));
    assert_eq!(journal.session(id(2)).unwrap(), None);
    assert_eq!(journal.session(id(3)).unwrap(), None);
    assert_eq!(journal.by_idempotency_key("k").unwrap(), Some(id(1)));
    assert_eq!(journal.by_idempotency_key("j").unwrap(), None);
    assert_eq!(journal.append_blocking(vec![keyed(3, "j")]).unwrap(), [Taken::New(Seq(2))]);
}

#[tokio::test]
async fn a_bad_batch_does_not_take_its_group_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    let keyed = |session: u64| {
        let Change::SessionCreated(mut creation) = created("keyed") else { unreachable!() };
        creation.idempotency_key = Some("same".to_owned());
        vec![draft(id(session), session, Change::SessionCreated(creation))]
    };
    let appends: Vec<_> = (1..=40)
        .map(|n| {
            let (journal, batch) = (journal.clone(), keyed(n));
            let other = vec![draft(id(100 + n), n, created("other"))];
            tokio::spawn(async move { (journal.append(batch).await, journal.append(other).await) })
        })
        .collect();

    let mut accepted = 0;
    for append in appends {
        let (keyed, other) = append.await.unwrap();
        accepted += usize::from(keyed.is_ok());
        other.unwrap();
    }

    assert_eq!(accepted, 1);
    assert_eq!(journal.last(), Seq(41));
    assert_eq!(journal.live().len(), 41);
}

#[test]
fn what_cannot_be_stored_is_refused_before_it_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    let long = "x".repeat(300);
    let other = |kind: &str| Change::Other { kind: kind.to_owned(), data: Map::new() };
    for (case, draft) in [
        ("a huge payload", draft(None, 1, note(&"x".repeat(5 << 20)))),
        ("a long kind", draft(None, 1, other(&long))),
        ("a long source", numbered(&long, 1, draft(None, 1, note("x")))),
        ("a huge number", numbered("a", u64::MAX, draft(None, 1, note("x")))),
    ] {
        let refused = journal.append_blocking(vec![draft]);
        assert!(matches!(refused, Err(JournalError::BadDraft { .. })), "{case}");
    }
    // The highest number of all leaves none for the next.
    let highest = numbered("a", i64::MAX as u64, draft(None, 1, note("x")));
    journal.append_blocking(vec![highest]).unwrap();
    let next = wk_model::Draft { source: Source("a".into()), ..draft(None, 1, note("x")) };
    assert!(matches!(journal.append_blocking(vec![next]), Err(JournalError::BadDraft { .. })));
    assert_eq!(journal.last(), Seq(1));
}

#[test]
fn an_event_is_taken_for_what_it_will_be_read_as() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    let disguised = |data: &str| Change::Other {
        kind: "session_resized".to_owned(),
        data: serde_json::from_str(data).unwrap(),
    };
    journal
        .append_blocking(vec![
            draft(id(1), 1, created("a")),
            draft(id(1), 2, disguised(r#"{"cols":33,"rows":44}"#)),
            draft(id(1), 3, disguised(r#"{"cols":"many"}"#)),
        ])
        .unwrap();

    assert_eq!(journal.session(id(1)).unwrap().unwrap().size, Some((33, 44)));
    let events = journal.events(&EventQuery { after: Seq(1), ..Default::default() }).unwrap();
    assert!(matches!(events[0].change, Change::SessionResized(_)));
    assert_eq!(events[1].change, disguised(r#"{"cols":"many"}"#));
}
