//! Folding: in the order in which things happened, however they came.

use proptest::{prelude::*, sample::Index};
use wk_model::{Change, Draft, Event, Phase, Seq, Session, Status, Time};

use crate::{EventQuery, Journal, fold::Part, testing::*};

fn refusals(journal: &Journal) -> Vec<(Seq, String)> {
    let query = EventQuery { kinds: vec!["transition_refused".into()], ..EventQuery::default() };
    let refused = |event: Event| match event.change {
        Change::TransitionRefused { seq, refused, .. } => (seq, refused),
        other => panic!("{other:?}"),
    };
    journal.events(&query).unwrap().into_iter().map(refused).collect()
}

async fn differing(journal: &Journal) -> usize {
    journal.rebuild().await.unwrap().differing.len()
}

#[tokio::test]
async fn a_late_event_is_folded_where_it_belongs() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    let append = async |drafts| journal.append(drafts).await.unwrap();
    append(vec![draft(id(1), 0, created("a")), draft(id(1), 1, started(1))]).await;
    append(vec![draft(id(1), 9, resized(90))]).await;
    append(vec![draft(id(1), 5, resized(50))]).await;
    assert_eq!(journal.session(id(1)).unwrap().unwrap().size, Some((90, 50)));

    // Stopped before it ended, although the end was heard first.
    append(vec![draft(id(1), 30, exited_by_kill())]).await;
    assert_eq!(journal.session(id(1)).unwrap().unwrap().status(), Some(Status::Failed));
    append(vec![draft(id(1), 20, stopped())]).await;

    assert_eq!(journal.session(id(1)).unwrap().unwrap().status(), Some(Status::Cancelled));
    assert_eq!(refusals(&journal), []);
    assert_eq!(differing(&journal).await, 0);
}

fn exited_by_kill() -> Change {
    exited_by(1, wk_model::Ending::Signaled { signal: 9, core_dumped: false }, None)
}

#[tokio::test]
async fn a_creation_may_come_last() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    journal.append(vec![draft(id(1), 2, exited(1, 0))]).await.unwrap();
    journal.append(vec![draft(id(1), 1, started(1)), draft(id(1), 3, note("x"))]).await.unwrap();
    assert_eq!(journal.session(id(1)).unwrap(), None);
    assert!(journal.live().is_empty());

    // Even with a clock that puts it behind the others.
    journal.append(vec![draft(id(1), 7, created("a"))]).await.unwrap();

    let session = journal.session(id(1)).unwrap().unwrap();
    assert_eq!(session.status(), Some(Status::Completed));
    assert_eq!(refusals(&journal), []);
    assert_eq!(differing(&journal).await, 0);
}

#[tokio::test]
async fn a_refusal_is_journalled_once_and_taken_back_by_what_comes_late() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    let lost = Change::SessionUnreachable(wk_model::Unreachable { why: "no answer".into() });
    let lost = numbered("holders", 1, draft(id(1), 9, lost));
    journal.append(vec![draft(id(1), 0, created("a")), lost.clone()]).await.unwrap();
    assert_eq!(refusals(&journal), [(Seq(2), "session_unreachable".into())]);

    // Delivered again: known, and not refused again.
    journal.append(vec![lost]).await.unwrap();
    assert_eq!(refusals(&journal).len(), 1);
    // The start comes late: now it fits, and the journal says nothing more of it.
    journal.append(vec![draft(id(1), 8, started(1))]).await.unwrap();
    assert_eq!(journal.session(id(1)).unwrap().unwrap().phase(), Phase::Lost);
    assert_eq!(refusals(&journal).len(), 1);
    // A late event that does not fit is refused as well.
    journal.append(vec![draft(id(1), 3, Change::SessionRepaired)]).await.unwrap();
    assert_eq!(refusals(&journal)[1..], [(Seq(5), "session_repaired".into())]);

    assert_eq!(differing(&journal).await, 0);
    assert_eq!(refusals(&journal).len(), 2, "a rebuild refuses nothing anew");
}

#[tokio::test]
async fn only_the_first_creation_counts() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    journal.append(vec![draft(id(1), 5, created("first"))]).await.unwrap();
    journal.append(vec![draft(id(1), 1, created("second"))]).await.unwrap();
    journal.append(vec![draft(id(1), 9, started(1)), draft(id(1), 8, stopped())]).await.unwrap();

    let session = journal.session(id(1)).unwrap().unwrap();
    assert_eq!(session.created.name.as_deref(), Some("first"));
    assert_eq!(refusals(&journal), [(Seq(2), "session_created".into())]);
    assert_eq!(differing(&journal).await, 0);
}

#[tokio::test]
async fn a_rebuild_puts_right_what_was_tampered_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path);
    for number in 1..=6 {
        journal.append(life(id(number), number * 10, "a", 0)).await.unwrap();
    }
    journal.append(vec![draft(id(7), 99, created("live"))]).await.unwrap();
    let before = journal.sessions(&Default::default()).unwrap();
    let live = journal.live();
    let row = |number| crate::stored::integer(id(number).number());
    let connection = rusqlite::Connection::open(&path).unwrap();
    for (sql, number) in [
        ("UPDATE sessions SET state = replace(state, '\"gaps\":0', '\"gaps\":9') WHERE id = ?1", 1),
        ("UPDATE sessions SET state = 'no json' WHERE id = ?1", 2),
        ("DELETE FROM sessions WHERE id = ?1", 3),
        ("DELETE FROM past WHERE id = ?1", 4),
        ("UPDATE past SET status = 'failed' WHERE id = ?1", 5),
        ("UPDATE sessions SET place = 1 WHERE id = ?1", 7),
        (
            "INSERT INTO past SELECT start_ms, ?1, row, end_ms, status, kind, name, agent_id,
              component, username, template, attempts, retries, recovered, shell_type,
              reported, NULL, restarts FROM past
              WHERE status = 'failed'",
            8,
        ),
    ] {
        assert_eq!(connection.execute(sql, [row(number)]).unwrap(), 1, "{sql}");
    }

    let report = journal.rebuild().await.unwrap();

    let mut differing = report.differing;
    differing.sort();
    let mut wanted: Vec<_> = [1, 2, 3, 4, 5, 7, 8].map(id).to_vec();
    wanted.sort();
    assert_eq!(differing, wanted);
    assert_eq!((report.sessions, report.events), (7, 19));
    assert_eq!(journal.sessions(&Default::default()).unwrap(), before);
    assert_eq!(journal.live(), live);
    assert_eq!(journal.rebuild().await.unwrap().differing, []);
}

/// One event of a story: what, when, and of which session.
fn arbitrary_draft() -> impl Strategy<Value = (u64, u32, Change)> {
    let change = prop_oneof![
        Just(started(1)),
        Just(started(2)),
        Just(exited(1, 0)),
        Just(exited(2, 1)),
        (1..200u16).prop_map(resized),
        Just(stopped()),
        Just(removed()),
        Just(note("x")),
        prop::sample::select(every_change()),
    ];
    (0..3u64, 1..3u32, change)
}

/// The sessions of a story told in order, without a journal.
fn fold_in_order(drafts: &[Draft]) -> Vec<Session> {
    let mut sorted: Vec<_> = drafts.iter().filter(|draft| draft.session_id.is_some()).collect();
    sorted.sort_by_key(|draft| (draft.at.boot, draft.at.boot_ns));
    let event = |draft: &Draft| Event {
        at: draft.at,
        ..event(draft.session_id.unwrap(), draft.change.clone())
    };
    let mut sessions: Vec<Session> = Vec::new();
    for draft in &sorted {
        let known = sessions.iter().any(|session| Some(session.id) == draft.session_id);
        sessions.extend((!known).then(|| Session::create(&event(draft))).flatten());
    }
    for draft in sorted {
        let session = sessions.iter_mut().find(|session| Some(session.id) == draft.session_id);
        let about = Part::of(&draft.change) == Part::None;
        if let Some(session) = session.filter(|_| !about) {
            let _ = session.apply(&event(draft));
        }
    }
    sessions.sort_by_key(|session| session.id);
    sessions
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_delivery_gives_the_same_sessions(
        story in prop::collection::vec(arbitrary_draft(), 1..40),
        swaps in prop::collection::vec((any::<Index>(), any::<Index>()), 0..60),
        repeats in prop::collection::vec(any::<Index>(), 0..10),
        sizes in prop::collection::vec(1..9usize, 60),
    ) {
        // One creation per session, the rest as it falls; each event has its own moment.
        let creations = (0..3).map(|session| (session, 1, created("a")));
        let others = story.into_iter().filter(|(.., change)| {
            !matches!(change.kind(), "session_created" | "session_summarised")
        });
        let drafts: Vec<_> = creations.chain(others).enumerate().map(|(index, (session, on, change))| {
            let mut draft = draft(id(session), index as u64, change);
            draft.at.boot = boot(on);
            draft.at.time = Time::from_millis(START + (index as i64 * 7919) % 100);
            numbered(["holder", "hooks"][index % 2], 1 + index as u64, draft)
        }).collect();
        let mut delivered = drafts.clone();
        for (a, b) in swaps {
            let (a, b) = (a.index(delivered.len()), b.index(delivered.len()));
            delivered.swap(a, b);
        }
        delivered.extend(repeats.iter().map(|repeat| repeat.get(&drafts).clone()));

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let journal = open(&path);
        // Both boots are known from the start, else the first to be seen would be the first.
        journal.append_blocking([1, 2].map(|on| {
            let mut draft = draft(None, 0, Change::ConfigReloaded);
            draft.at.boot = boot(on);
            draft
        }).to_vec()).unwrap();
        let mut sizes = sizes.into_iter().cycle();
        while !delivered.is_empty() {
            let size = sizes.next().unwrap().min(delivered.len());
            journal.append_blocking(delivered.drain(..size).collect()).unwrap();
        }

        let wanted = fold_in_order(&drafts);
        let find = |journal: &Journal| wanted.iter().map(|session| {
            Session::clone(&journal.session(session.id).unwrap().unwrap())
        }).collect::<Vec<_>>();
        prop_assert_eq!(&find(&journal), &wanted);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        prop_assert_eq!(runtime.block_on(journal.rebuild()).unwrap().differing, []);
        runtime.block_on(journal.close());
        let journal = open(&path);
        prop_assert_eq!(&find(&journal), &wanted);
        let mut live: Vec<_> = journal.live().iter().map(|session| session.id).collect();
        live.sort();
        let lives = wanted.iter().filter(|session| !session.is_ended());
        prop_assert_eq!(live, lives.map(|session| session.id).collect::<Vec<_>>());
    }
}
