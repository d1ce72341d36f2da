//! Statistics: what is counted, and under what.

use std::collections::BTreeMap;

use wk_model::{Change, Created, Kind, Time};

use crate::{GroupBy, Numbers, StatsQuery, testing::*};

fn created_as(template: Option<&str>, team: &str) -> Change {
    Change::SessionCreated(Box::new(Created {
        template: template.map(str::to_owned),
        session_kind: if template.is_some() { Kind::Agent } else { Kind::Command },
        labels: BTreeMap::from([("team".to_owned(), team.to_owned())]),
        ..Created::default()
    }))
}

#[tokio::test]
async fn sessions_are_counted_together_and_by_what_they_have_in_common() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path);
    assert_eq!(journal.stats(&StatsQuery::default()).unwrap().overall, Numbers::default());
    // One that lives, three that took 100, 200 and 900 ms; one of them needed a second attempt, and
    // was asked for a third.
    let take = |number: u64, template, team: &str, ms: u64, code| {
        vec![
            draft(id(number), number * 1000, created_as(template, team)),
            draft(id(number), number * 1000 + 1, started(1)),
            draft(id(number), number * 1000 + ms, exited(1, code)),
        ]
    };
    journal.append(take(1, Some("claude"), "red", 100, 0)).await.unwrap();
    journal.append(take(2, Some("claude"), "blue", 200, 1)).await.unwrap();
    let mut again = take(3, None, "red", 300, 1);
    again.extend([
        draft(id(3), 3400, recovering(2)),
        draft(id(3), 3500, started(2)),
        draft(id(3), 3600, restarted(3)),
        draft(id(3), 3700, exited(2, 0)),
        draft(id(3), 3800, started(3)),
        draft(id(3), 3900, exited(3, 0)),
    ]);
    journal.append(again).await.unwrap();
    let lives = vec![draft(id(4), 9000, created_as(Some("shell"), "red"))];
    journal.append(lives).await.unwrap();

    let by = |by| StatsQuery { by: Some(by), since: None };
    let stats = journal.stats(&by(GroupBy::Template)).unwrap();

    let overall = Numbers {
        sessions: 4,
        active: 1,
        completed: 2,
        failed: 1,
        cancelled: 0,
        timeout: 0,
        retries: 1,
        retried: 1,
        restarts: 1,
        median_ms: Some(200),
        p95_ms: Some(900),
    };
    assert_eq!(stats.overall, overall);
    let names = |by| {
        let groups = journal.stats(&by).unwrap().groups.into_iter();
        groups.map(|(name, numbers)| (name, numbers.sessions)).collect::<Vec<_>>()
    };
    let some = |name: &str| Some(name.to_owned());
    let templates = [(some("claude"), 2), (None, 1), (some("shell"), 1)];
    assert_eq!(names(by(GroupBy::Template)), templates);
    assert_eq!(names(by(GroupBy::Label("team".into()))), [(some("red"), 3), (some("blue"), 1)]);
    assert_eq!(names(by(GroupBy::Label("none".into()))), [(None, 4)]);
    assert_eq!(names(by(GroupBy::Kind)), [(some("agent"), 3), (some("command"), 1)]);
    assert_eq!(names(by(GroupBy::Component)), [(None, 4)]);
    let since = Some(Time::from_millis(START + 2200));
    let recent = journal.stats(&StatsQuery { by: None, since }).unwrap();
    assert_eq!((recent.overall.sessions, recent.overall.active), (3, 1));
    assert_eq!(recent.groups, []);
    assert_eq!(journal.rebuild().await.unwrap().differing, []);
    assert_eq!(journal.stats(&by(GroupBy::Template)).unwrap(), stats);
}
