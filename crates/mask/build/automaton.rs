//! One minimal automaton for many expressions.
//!
//! `regex-automata` determinizes; its automata report a match one byte late, to allow for look
//! ahead. A stream cannot wait, and openers look nowhere, so the report is moved to the byte
//! that ends the match, and states that only differed in reporting late are merged.

use std::collections::HashMap;
use std::error::Error;

use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::syntax;
use regex_automata::{Anchored, MatchKind};

/// States are numbers of rows; those in which an expression ended come last.
pub(crate) struct Automaton {
    pub(crate) classes: [u8; 256],
    pub(crate) rows: Vec<Vec<usize>>,
    pub(crate) first_ending: usize,
    /// The expression that ended, for each row from `first_ending` on.
    pub(crate) endings: Vec<usize>,
    start: usize,
}

impl Automaton {
    pub(crate) fn build(expressions: &[String]) -> Result<Self, Box<dyn Error>> {
        let dfa = dense::Builder::new()
            .configure(
                dense::Config::new()
                    .match_kind(MatchKind::All)
                    .start_kind(StartKind::Unanchored)
                    .minimize(false),
            )
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .thompson(thompson::Config::new().utf8(false))
            .build_many(expressions)?;
        let start = dfa
            .universal_start_state(Anchored::No)
            .ok_or("openers must not look at what surrounds them")?;
        let automaton = Self::extract(&dfa, start).minimized().ordered();
        let newline = usize::from(automaton.classes[usize::from(b'\n')]);
        let after_newline = automaton.after(b"\n");
        if automaton.rows.iter().any(|row| row[newline] != after_newline) {
            return Err("an opener spans a line".into());
        }
        Ok(automaton)
    }

    pub(crate) fn class_count(&self) -> usize {
        self.rows[0].len()
    }

    /// The state after these bytes at the start of a stream.
    pub(crate) fn after(&self, bytes: &[u8]) -> usize {
        bytes.iter().fold(self.start, |state, &byte| {
            self.rows[state][usize::from(self.classes[usize::from(byte)])]
        })
    }

    /// Reads all states that can be reached; endings are not yet in their place.
    fn extract(dfa: &dense::DFA<Vec<u32>>, start: StateID) -> Extracted {
        let (classes, representatives) = byte_classes(dfa, start);
        let mut numbers = HashMap::from([(start, 0)]);
        let mut states = vec![start];
        let mut rows = Vec::new();
        let mut ending = Vec::new();
        while let Some(&state) = states.get(rows.len()) {
            let row = representatives.iter().map(|&byte| {
                let target = dfa.next_state(state, byte);
                *numbers.entry(target).or_insert_with(|| {
                    states.push(target);
                    states.len() - 1
                })
            });
            rows.push(row.collect());
            let end = dfa.next_eoi_state(state);
            ending.push(dfa.is_match_state(end).then(|| first_pattern(dfa, end)));
        }
        Extracted { classes, rows, ending }
    }
}

/// Several openers may end at one place; the one that stands first in the table wins.
fn first_pattern(dfa: &dense::DFA<Vec<u32>>, state: StateID) -> usize {
    let patterns = (0..dfa.match_len(state)).map(|index| dfa.match_pattern(state, index));
    patterns.map(|pattern| pattern.as_usize()).min().unwrap_or_default()
}

/// Bytes that no state tells apart, and one byte of each class.
fn byte_classes(dfa: &dense::DFA<Vec<u32>>, start: StateID) -> ([u8; 256], Vec<u8>) {
    let mut reached = vec![start];
    let mut known: HashMap<StateID, ()> = HashMap::from([(start, ())]);
    let mut columns: Vec<Vec<StateID>> = vec![Vec::new(); 256];
    let mut next = 0;
    while let Some(&state) = reached.get(next) {
        next += 1;
        for byte in 0..=u8::MAX {
            let target = dfa.next_state(state, byte);
            columns[usize::from(byte)].push(target);
            if known.insert(target, ()).is_none() {
                reached.push(target);
            }
        }
    }
    let mut classes = [0; 256];
    let mut representatives: Vec<u8> = Vec::new();
    for byte in 0..=u8::MAX {
        let same = |&other: &u8| columns[usize::from(other)] == columns[usize::from(byte)];
        let class = representatives.iter().position(same).unwrap_or_else(|| {
            representatives.push(byte);
            representatives.len() - 1
        });
        classes[usize::from(byte)] = u8::try_from(class).unwrap_or(u8::MAX);
    }
    (classes, representatives)
}

struct Extracted {
    classes: [u8; 256],
    rows: Vec<Vec<usize>>,
    ending: Vec<Option<usize>>,
}

impl Extracted {
    /// Moore's algorithm: states stay together while they end alike and lead to the same groups.
    fn minimized(self) -> Self {
        let mut groups = numbered(self.ending.iter());
        loop {
            let signatures: Vec<(usize, Vec<usize>)> = self
                .rows
                .iter()
                .zip(&groups)
                .map(|(row, &group)| (group, row.iter().map(|&target| groups[target]).collect()))
                .collect();
            let finer = numbered(signatures.iter());
            if finer == groups {
                break;
            }
            groups = finer;
        }
        let count = groups.iter().max().map_or(0, |last| last + 1);
        let mut rows = vec![Vec::new(); count];
        let mut ending = vec![None; count];
        for (state, &group) in groups.iter().enumerate() {
            rows[group] = self.rows[state].iter().map(|&target| groups[target]).collect();
            ending[group] = self.ending[state];
        }
        Self { classes: self.classes, rows, ending }
    }

    /// Moves endings behind all other states, so that one comparison finds them.
    fn ordered(self) -> Automaton {
        let (last, first): (Vec<usize>, Vec<usize>) =
            (0..self.rows.len()).partition(|&state| self.ending[state].is_some());
        let order: Vec<usize> = first.iter().chain(&last).copied().collect();
        let mut place = vec![0; order.len()];
        for (index, &state) in order.iter().enumerate() {
            place[state] = index;
        }
        let moved = |state: &usize| self.rows[*state].iter().map(|&to| place[to]).collect();
        Automaton {
            classes: self.classes,
            rows: order.iter().map(moved).collect(),
            first_ending: first.len(),
            endings: last.iter().filter_map(|&state| self.ending[state]).collect(),
            start: place[0],
        }
    }
}

/// Numbers equal items alike, in order of appearance: the first item gets 0.
fn numbered<'a, T: std::hash::Hash + Eq + 'a>(items: impl Iterator<Item = &'a T>) -> Vec<usize> {
    let mut numbers = HashMap::new();
    let mut result = Vec::new();
    for item in items {
        let next = numbers.len();
        result.push(*numbers.entry(item).or_insert(next));
    }
    result
}
