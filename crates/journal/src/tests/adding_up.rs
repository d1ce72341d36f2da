//! Analytics: what is added up, and under what.

use proptest::prelude::*;
use wk_model::{Change, Created, Kind, Time};

use crate::{AnalyticsBy, AnalyticsQuery, Bucket, SessionQuery, testing::*};

fn created_by(user: u8, component: u8) -> Change {
    Change::SessionCreated(Box::new(Created {
        session_kind: Kind::Shell,
        username: ["ann", "bob"].get(usize::from(user)).map(ToString::to_string),
        component_name: ["api", "db"].get(usize::from(component)).map(ToString::to_string),
        shell_type: (component == 0).then(|| "zsh".to_owned()),
        ..Created::default()
    }))
}

/// A bucket for each 100 ms.
fn tenth(time: Time) -> Bucket {
    let from = time.as_millis().div_euclid(100) * 100;
    let [from, until] = [from, from + 100].map(Time::from_millis);
    Bucket { key: from.as_millis(), from, until }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn cells_say_what_their_sessions_say(
        sessions in prop::collection::vec((0..3u8, 0..3u8, 0..400u64, prop::option::of(1..50u64)), 1..50),
        by in prop::sample::select(&[None, Some(AnalyticsBy::User), Some(AnalyticsBy::Type)][..]),
        after in prop::option::of(0..400_i64),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(&folder.path().join("journal.db"));
        for (number, (user, component, ms, took)) in sessions.iter().enumerate() {
            let id = id(number as u64 + 1);
            let mut drafts = vec![draft(id, *ms, created_by(*user, *component))];
            drafts.extend(took.map(|took| draft(id, ms + took, exited(1, 0))));
            journal.append_blocking(drafts).unwrap();
        }
        let after = after.map(|ms| Time::from_millis(START + ms));
        let filter = SessionQuery { started_after: after, limit: 1, ..SessionQuery::default() };
        let query = AnalyticsQuery { sessions: filter.clone(), by, durations: true, users: true };
        let found = journal.analytics(&query, Some(&tenth)).unwrap();

        let all = journal.sessions(&SessionQuery { limit: 0, ..filter }).unwrap().sessions;
        prop_assert_eq!(found.overall.sessions, all.len() as u64);
        prop_assert_eq!(found.cells.iter().map(|cell| cell.sessions).sum::<u64>(), all.len() as u64);
        for cell in &found.cells {
            let inside = |session: &&std::sync::Arc<wk_model::Session>| {
                let created = &session.created;
                let group = match by {
                    Some(AnalyticsBy::User) => created.username.clone(),
                    Some(_) => created.shell_type.clone().or(Some("shell".to_owned())),
                    None => None,
                };
                tenth(session.start_time).key == cell.key && group == cell.group
            };
            let own: Vec<_> = all.iter().filter(inside).collect();
            prop_assert_eq!(cell.sessions, own.len() as u64);
            let users: std::collections::BTreeSet<_> =
                own.iter().filter_map(|session| session.created.username.clone()).collect();
            prop_assert_eq!(cell.users, users.len() as u64);
            let mut took: Vec<u64> = own
                .iter()
                .filter_map(|session| Some(session.ended()?.at.millis_since(session.start_time)))
                .collect();
            took.sort_unstable();
            prop_assert_eq!(cell.ended, took.len() as u64);
            prop_assert_eq!(cell.median_ms, took.get(took.len().div_ceil(2).wrapping_sub(1)).copied());
            let average = took.iter().sum::<u64>() as f64 / took.len() as f64;
            prop_assert_eq!(cell.average_ms, (!took.is_empty()).then_some(average));
        }
        let keys: Vec<_> = found.cells.iter().map(|cell| cell.key).collect();
        prop_assert!(keys.is_sorted());
    }
}
