//! Who died together.

use std::collections::BTreeSet;

use proptest::prelude::*;
use wk_model::{Culprit, ScopeKind, SessionId, Time};

use super::make::*;
use crate::autopsy::{Death, Group, Shared, examine, group};

fn death(session: u64, end_ms: i64, culprit: Option<u32>) -> Death {
    let mut opinion = examine(&unseen(by_signal(9), Vec::new()));
    opinion.end_time = Time::from_millis(end_ms);
    opinion.culprit =
        culprit.map(|pid| Culprit { pid, comm: "pkill".into(), ..Culprit::default() });
    opinion.shared = culprit.map(|pid| Shared::Culprit { pid, start_time: None });
    Death { session_id: SessionId::from_number(session), opinion }
}

fn kinds(groups: &[Group]) -> Vec<(ScopeKind, usize)> {
    groups.iter().map(|group| (group.scope.kind, group.scope.deaths.len())).collect()
}

#[test]
fn deaths_of_one_culprit_are_chained_by_the_window() {
    use ScopeKind::{Coincident, Systemic, Targeted};
    for (case, deaths, want) in [
        ("alone", vec![death(1, 0, None)], vec![(Targeted, 1)]),
        (
            "three of one culprit",
            vec![death(1, 0, Some(7)), death(2, 1_500, Some(7)), death(3, 3_000, Some(7))],
            vec![(Systemic, 3)],
        ),
        (
            "the same again, later",
            vec![death(1, 0, Some(7)), death(2, 2_001, Some(7))],
            vec![(Targeted, 1), (Targeted, 1)],
        ),
        (
            "at once, of different culprits",
            vec![death(1, 0, Some(7)), death(2, 10, Some(8)), death(3, 20, None)],
            vec![(Coincident, 3)],
        ),
        (
            "two of one culprit, and one that died then",
            vec![death(1, 0, Some(7)), death(2, 5, None), death(3, 10, Some(7))],
            vec![(Systemic, 2), (Targeted, 1)],
        ),
        (
            "two attempts of one session",
            vec![death(1, 0, Some(7)), death(1, 10, Some(7))],
            vec![(Targeted, 1)],
        ),
        ("nobody", vec![], vec![]),
    ] {
        assert_eq!(kinds(&group(&deaths, 2_000)), want, "{case}");
    }
}

#[test]
fn what_they_share_is_told() {
    let deaths = [death(1, 0, Some(7)), death(2, 40, Some(7))];
    let groups = group(&deaths, 2_000);
    assert_eq!(groups[0].scope.shared.as_deref(), Some("culprit pkill (7)"));
    assert_eq!(groups[0].scope.within_ms, 40);
    assert_eq!(groups[0].members, [0, 1]);
}

#[test]
fn sessions_of_one_server_share_it_with_who_was_hit_by_its_killer() {
    let mut by_server = death(1, 0, Some(7));
    by_server.opinion.shared = Some(Shared::TmuxServer(process(SERVER)));
    let mut of_server = death(2, 10, None);
    of_server.opinion.shared = Some(Shared::TmuxServer(process(SERVER)));
    let groups = group(&[of_server, by_server, death(3, 5, Some(7))], 2_000);
    assert_eq!(kinds(&groups), [(ScopeKind::Systemic, 3)]);
}

/// Groups as sets of sessions and times, in whatever order.
fn sets(deaths: &[Death], groups: &[Group]) -> BTreeSet<Vec<(i64, SessionId)>> {
    let key = |index: &usize| {
        let death = &deaths[*index];
        (death.opinion.end_time.as_millis(), death.session_id)
    };
    groups
        .iter()
        .map(|group| {
            let mut members: Vec<_> = group.members.iter().map(key).collect();
            members.sort_unstable();
            members
        })
        .collect()
}

proptest! {
    #[test]
    fn each_death_is_in_one_group_whatever_their_order(
        seeds in prop::collection::vec((0_i64..9_000, prop::option::of(1_u32..4)), 0..24),
        turn in 0_usize..24,
    ) {
        let mut deaths: Vec<Death> = Vec::new();
        for (index, (end_ms, culprit)) in seeds.iter().enumerate() {
            deaths.push(death(index as u64, *end_ms, *culprit));
        }
        let groups = group(&deaths, 2_000);
        let mut members: Vec<usize> =
            groups.iter().flat_map(|group| group.members.clone()).collect();
        members.sort_unstable();
        prop_assert_eq!(members, (0..deaths.len()).collect::<Vec<_>>());

        let mut turned = deaths.clone();
        turned.rotate_left(turn.min(deaths.len()));
        turned.reverse();
        prop_assert_eq!(sets(&turned, &group(&turned, 2_000)), sets(&deaths, &groups));
        for group in &groups {
            prop_assert_eq!(
                group.scope.kind == ScopeKind::Systemic,
                group.scope.shared.is_some()
            );
        }
    }
}
