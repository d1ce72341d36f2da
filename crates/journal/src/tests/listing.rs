//! Lists and names.

use proptest::{prelude::*, sample::Index};
use wk_model::{
    Change, Condition, Created, Ending, HealthChanged, Kind, Label, LimitKind, Reported, SessionId,
    Status, Time,
};

use crate::{Journal, JournalError, Resolved, SessionQuery, SessionType, testing::*};

fn ids(journal: &Journal, query: &SessionQuery) -> Vec<SessionId> {
    journal.sessions(query).unwrap().sessions.iter().map(|session| session.id).collect()
}

/// A look at its health that finds its end unheard, or nothing.
fn unheard(incomplete: bool) -> Change {
    let conditions = if incomplete { vec![Condition::Incomplete] } else { Vec::new() };
    Change::HealthChanged(HealthChanged { conditions, before: Vec::new(), reasons: Vec::new() })
}

/// Sessions of all sorts, some living, some ended, some removed.
fn populate(journal: &Journal, sessions: &[(u8, u8, u8, u8, u8)]) {
    let pick = |words: &[&str], n: u8| words.get(usize::from(n)).map(|word| (*word).to_owned());
    for (index, (end, kind, words, label, lasting)) in sessions.iter().enumerate() {
        let (number, ms) = (index as u64 + 1, (index as u64 / 2) * 10);
        let labels = [("team", pick(&["red", "blue"], *label)), ("tier", pick(&["1"], label / 2))];
        let creation = Created {
            name: pick(&["web", "db"], *words),
            session_kind: Kind::ALL[usize::from(*kind) % Kind::ALL.len()],
            agent_id: pick(&["a1", "a2"], *words),
            component_name: pick(&["api"], words / 2),
            username: pick(&["ann", "bob"], *kind),
            shell_type: pick(&["bash", "MahavishnuShell"], *label),
            reported: (*words == 0).then(Reported::default),
            labels: labels.into_iter().filter_map(|(k, v)| Some((k.to_owned(), v?))).collect(),
            ..Created::default()
        };
        let mut drafts = vec![draft(id(number), ms, Change::SessionCreated(Box::new(creation)))];
        let over = ms + 5 + u64::from(*lasting);
        match end {
            0 => {}
            1 => drafts.extend([
                draft(id(number), ms + 1, started(1)),
                draft(id(number), ms + 2, unheard(*label % 2 == 0)),
            ]),
            2 => drafts.push(draft(id(number), over, exited(1, 0))),
            3 => drafts.push(draft(id(number), over, exited(1, 1))),
            4 => {
                let killed = Ending::Signaled { signal: 9, core_dumped: false };
                drafts.push(draft(id(number), over, exited_by(1, killed, Some(LimitKind::Time))));
            }
            _ => {
                drafts.push(draft(id(number), over, exited(1, 0)));
                drafts.push(draft(id(number), over + 1, removed()));
            }
        }
        journal.append_blocking(drafts).unwrap();
    }
}

fn arbitrary_query() -> impl Strategy<Value = SessionQuery> {
    fn time() -> impl Strategy<Value = Option<Time>> {
        prop::option::weighted(0.2, (0..150i64).prop_map(|ms| Time::from_millis(START + ms)))
    }
    fn word(words: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
        prop::option::weighted(0.2, prop::sample::select(words).prop_map(str::to_owned))
    }
    let labels = [("team", "red"), ("team", "blue"), ("tier", "1")];
    let label = prop::sample::select(labels.to_vec()).prop_map(|(k, v)| Label::new(k, v).unwrap());
    let label = label.boxed();
    (
        (
            prop::collection::vec(prop::sample::select(Status::ALL), 0..3),
            prop::collection::vec(prop::sample::select(Kind::ALL), 0..3),
            prop::bool::weighted(0.2),
            prop::bool::weighted(0.2),
            prop::bool::weighted(0.1),
            prop::option::weighted(
                0.3,
                prop::sample::select(&["shell", "agent", "admin_shell", "bash"][..]),
            ),
        ),
        (word(&["web", "db"]), word(&["a1", "a2"]), word(&["api"]), word(&["ann", "bob"])),
        prop::collection::vec(label, 0..3),
        (time(), time(), time(), prop::option::weighted(0.2, 0..30u64)),
    )
        .prop_map(|(sorts, words, labels, times)| SessionQuery {
            statuses: sorts.0,
            kinds: sorts.1,
            active: sorts.2,
            failed: sorts.3,
            incomplete: sorts.4,
            session_type: sorts.5.map(SessionType::from),
            name: words.0,
            agent_id: words.1,
            component: words.2,
            username: words.3,
            labels,
            started_after: times.0,
            started_before: times.1,
            ended_since: times.2,
            longer_than_ms: times.3,
            before: None,
            limit: 0,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn lists_show_what_fits_page_by_page(
        sessions in prop::collection::vec((0..6u8, 0..4u8, 0..4u8, 0..4u8, 0..30u8), 1..60),
        queries in prop::collection::vec(arbitrary_query(), 20),
        limit in 1..7usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(&folder.path().join("journal.db"));
        populate(&journal, &sessions);
        let mut all: Vec<_> = (1..=sessions.len() as u64)
            .map(|number| journal.session(id(number)).unwrap().unwrap())
            .filter(|session| !session.removed)
            .collect();
        all.sort_by_key(|session| std::cmp::Reverse((session.start_time, session.id)));
        for query in queries {
            let fits = all.iter().filter(|session| query.fits(session, crate::clock::now()));
            let wanted: Vec<_> = fits.map(|session| session.id).collect();
            prop_assert_eq!(&ids(&journal, &query), &wanted, "{:?}", &query);
            prop_assert_eq!(journal.count(&query).unwrap(), wanted.len() as u64);

            let mut page = SessionQuery { limit, ..query };
            let mut paged = Vec::new();
            loop {
                let part = journal.sessions(&page).unwrap();
                prop_assert!(part.sessions.len() <= limit);
                paged.extend(part.sessions.iter().map(|session| session.id));
                prop_assert_eq!(part.more, paged.len() < wanted.len());
                if !part.more {
                    break;
                }
                page.before = paged.last().copied();
            }
            prop_assert_eq!(&paged, &wanted);
        }
    }

    #[test]
    fn prefixes_find_the_ids_that_begin_with_them(
        numbers in prop::collection::btree_set(0..1u64 << 60, 1..20),
        one in any::<Index>(),
        length in 1..=SessionId::LENGTH,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(&folder.path().join("journal.db"));
        let ids: Vec<_> = numbers.iter().map(|number| SessionId::from_number(*number)).collect();
        for (index, id) in ids.iter().enumerate() {
            // Some have ended. A name comes before a prefix, so it is one that no id begins with.
            let events = if index % 2 == 0 { 3 } else { 1 };
            journal.append_blocking(life(*id, 1, "NAME", 0)[..events].to_vec()).unwrap();
        }
        let prefix = &one.get(&ids).as_str()[..length];
        let wanted = ids.iter().filter(|id| id.as_str().starts_with(prefix)).count();
        match journal.resolve(prefix).unwrap() {
            Resolved::One(session) => {
                prop_assert_eq!(wanted, 1);
                prop_assert!(session.id.as_str().starts_with(prefix));
            }
            Resolved::Ambiguous(found) => prop_assert_eq!(found.len(), wanted),
            Resolved::None => prop_assert!(false, "not found"),
        }
    }
}

#[test]
fn a_name_means_the_living_session_or_the_newest_that_ended() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    let resolve = |text: &str| journal.resolve(text).unwrap();
    let one = |resolved| match resolved {
        Resolved::One(session) => session.id,
        other => panic!("{other:?}"),
    };
    assert_eq!(resolve("web"), Resolved::None);
    journal.append_blocking(life(id(1), 10, "web", 0)).unwrap();
    journal.append_blocking(life(id(2), 20, "web", 1)).unwrap();
    assert_eq!(one(resolve("web")), id(2));
    journal.append_blocking(vec![draft(id(3), 5, created("web"))]).unwrap();
    assert_eq!(one(resolve("web")), id(3));
    journal.append_blocking(vec![draft(id(4), 6, created("web"))]).unwrap();
    match resolve("web") {
        Resolved::Ambiguous(found) => {
            assert_eq!(found.iter().map(|session| session.id).collect::<Vec<_>>(), [id(4), id(3)]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(one(resolve(id(1).as_str())), id(1));
    // A name that could be a prefix of an id is a name.
    let first = id(1);
    let prefix = &first.as_str()[..4];
    assert_eq!(one(resolve(prefix)), id(1));
    journal.append_blocking(vec![draft(id(5), 7, created(prefix))]).unwrap();
    assert_eq!(one(resolve(prefix)), id(5));
}

#[tokio::test]
async fn an_ended_session_that_was_renamed_is_found_by_its_new_name_only() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    let mut drafts = life(id(1), 10, "old", 0);
    let name = "new".to_owned();
    drafts.insert(2, draft(id(1), 11, Change::SessionRenamed { name }));
    journal.append(drafts).await.unwrap();

    let session = journal.session(id(1)).unwrap().unwrap();
    assert!(session.is_ended());
    assert_eq!(journal.resolve("new").unwrap(), Resolved::One(session));
    assert_eq!(journal.resolve("old").unwrap(), Resolved::None);
    let named = |name: &str| {
        ids(&journal, &SessionQuery { name: Some(name.to_owned()), ..SessionQuery::default() })
    };
    assert_eq!((named("new"), named("old")), (vec![id(1)], vec![]));
    assert_eq!(journal.rebuild().await.unwrap().differing, []);
}

#[test]
fn a_removed_session_is_not_found_but_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    journal.append_blocking(life(id(1), 10, "web", 0)).unwrap();
    journal.append_blocking(vec![draft(id(1), 20, removed())]).unwrap();

    for text in ["web", id(1).as_str(), &id(1).as_str()[..5]] {
        assert_eq!(journal.resolve(text).unwrap(), Resolved::None, "{text}");
    }
    assert!(ids(&journal, &SessionQuery::default()).is_empty());
    assert!(journal.session(id(1)).unwrap().unwrap().removed);
}

#[test]
fn a_page_behind_an_unknown_session_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    let query = SessionQuery { before: Some(id(9)), ..SessionQuery::default() };
    assert!(matches!(journal.sessions(&query), Err(JournalError::NoSuchSession { .. })));
}
