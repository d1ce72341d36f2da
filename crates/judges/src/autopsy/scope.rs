//! Who died together, and of what.

use std::collections::BTreeSet;

use wk_model::{Scope, ScopeKind, SessionId};

use super::{Opinion, Shared};

/// One that died.
#[derive(Clone, Debug, PartialEq)]
pub struct Death {
    pub session_id: SessionId,
    pub opinion: Opinion,
}

/// Deaths that are told of together.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Indices into the deaths, in order of their ends.
    pub members: Vec<usize>,
    pub scope: Scope,
}

/// Puts each death into one group: with those that share something with it and died within the
/// window of each other, chained; else with those that merely died then; else alone.
pub fn group(deaths: &[Death], window_ms: u64) -> Vec<Group> {
    let mut order: Vec<usize> = (0..deaths.len()).collect();
    order.sort_by_key(|index| (deaths[*index].opinion.end_time, deaths[*index].session_id, *index));
    let mut roots: Vec<usize> = (0..deaths.len()).collect();
    let keys: Vec<Vec<Shared>> = deaths.iter().map(|death| keys(&death.opinion)).collect();
    for (place, index) in order.iter().enumerate() {
        for key in &keys[*index] {
            // The latest before it that shares this: a chain needs no more.
            let before = order[..place].iter().rev().find(|other| keys[**other].contains(key));
            if let Some(before) = before.filter(|other| near(deaths, **other, *index, window_ms)) {
                join(&mut roots, *before, *index);
            }
        }
    }
    let (together, alone): (Vec<_>, Vec<_>) =
        sets(&order, &mut roots).into_iter().partition(|set| sessions(deaths, set).len() > 1);
    let together = together.into_iter().map(|set| {
        let shared = common(deaths, &keys, &set);
        of(deaths, set, ScopeKind::Systemic, shared)
    });
    let mut groups: Vec<Group> = together.collect();
    groups.extend(coincident(deaths, alone, window_ms));
    groups.sort_by_key(|group| {
        group.members.first().map(|first| {
            let death = &deaths[*first];
            (death.opinion.end_time, death.session_id, *first)
        })
    });
    groups
}

/// Those that share nothing, chained by time alone.
fn coincident(deaths: &[Death], alone: Vec<Vec<usize>>, window_ms: u64) -> Vec<Group> {
    let mut chains: Vec<Vec<usize>> = Vec::new();
    let mut single: Vec<usize> = alone.into_iter().flatten().collect();
    single
        .sort_by_key(|index| (deaths[*index].opinion.end_time, deaths[*index].session_id, *index));
    for index in single {
        match chains.last_mut() {
            Some(chain)
                if chain.last().is_some_and(|last| near(deaths, *last, index, window_ms)) =>
            {
                chain.push(index);
            }
            _ => chains.push(vec![index]),
        }
    }
    let kind = |chain: &Vec<usize>| match sessions(deaths, chain).len() {
        1 => ScopeKind::Targeted,
        _ => ScopeKind::Coincident,
    };
    chains.into_iter().map(|chain| of(deaths, chain.clone(), kind(&chain), None)).collect()
}

/// All that a death can share with others.
fn keys(opinion: &Opinion) -> Vec<Shared> {
    let culprit = opinion
        .culprit
        .as_ref()
        .map(|culprit| Shared::Culprit { pid: culprit.pid, start_time: culprit.start_time });
    let mut keys: Vec<Shared> = opinion.shared.iter().cloned().chain(culprit).collect();
    keys.dedup();
    keys
}

fn near(deaths: &[Death], one: usize, other: usize, window_ms: u64) -> bool {
    let (one, other) = (deaths[one].opinion.end_time, deaths[other].opinion.end_time);
    one.millis_since(other).max(other.millis_since(one)) <= window_ms
}

fn root(roots: &mut [usize], mut index: usize) -> usize {
    while roots[index] != index {
        roots[index] = roots[roots[index]];
        index = roots[index];
    }
    index
}

fn join(roots: &mut [usize], one: usize, other: usize) {
    let (one, other) = (root(roots, one), root(roots, other));
    roots[other] = one;
}

/// In order of time, within each and among them.
fn sets(order: &[usize], roots: &mut [usize]) -> Vec<Vec<usize>> {
    let mut sets: Vec<(usize, Vec<usize>)> = Vec::new();
    for index in order {
        let root = root(roots, *index);
        match sets.iter_mut().find(|(known, _)| *known == root) {
            Some((_, set)) => set.push(*index),
            None => sets.push((root, vec![*index])),
        }
    }
    sets.into_iter().map(|(_, set)| set).collect()
}

/// Two attempts of one session are no mass death.
fn sessions(deaths: &[Death], set: &[usize]) -> BTreeSet<SessionId> {
    set.iter().map(|index| deaths[*index].session_id).collect()
}

/// What most of a set share, in words; the first of them where several do.
fn common(deaths: &[Death], keys: &[Vec<Shared>], set: &[usize]) -> Option<String> {
    let count = |key: &Shared| set.iter().filter(|index| keys[**index].contains(key)).count();
    let mut best: Option<(usize, usize, &Shared)> = None;
    for index in set {
        for key in &keys[*index] {
            let held = count(key);
            if best.is_none_or(|(most, ..)| held > most) {
                best = Some((held, *index, key));
            }
        }
    }
    let (_, index, key) = best?;
    Some(key.title(&deaths[index].opinion))
}

fn of(deaths: &[Death], members: Vec<usize>, kind: ScopeKind, shared: Option<String>) -> Group {
    let times = || members.iter().map(|index| deaths[*index].opinion.end_time);
    let within_ms = match (times().min(), times().max()) {
        (Some(first), Some(last)) => last.millis_since(first),
        _ => 0,
    };
    let deaths = sessions(deaths, &members).into_iter().collect();
    Group { scope: Scope { kind, deaths, within_ms, shared }, members }
}

impl Shared {
    /// In words, e.g. `culprit pkill (4711)`.
    fn title(&self, opinion: &Opinion) -> String {
        match self {
            Self::Culprit { pid, .. } => match &opinion.culprit {
                Some(culprit) if culprit.pid == *pid => format!("culprit {}", culprit.title()),
                _ => format!("process {pid}"),
            },
            Self::TmuxServer(server) => format!("tmux server {}", server.pid),
            Self::Cgroup(path) if path == "/" => "the machine's memory".to_owned(),
            Self::Cgroup(path) => format!("cgroup {path}"),
            Self::Boot => "the machine's boot".to_owned(),
            Self::Terminal(owner) => format!("terminal of process {}", owner.pid),
        }
    }
}
