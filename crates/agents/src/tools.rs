//! Tools in numbers: how often, how long, how well.

use std::collections::HashMap;

use wk_model::{SessionId, Time, ToolOutcome};

use crate::uses::{Open, Start};

/// Tools by name; a sender that makes up more gets the rest under one name.
const MOST_TOOLS: usize = 1000;
const OTHERS: &str = "(others)";

/// One tool in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolNumbers {
    pub tool: String,
    /// All uses, those that have not ended included.
    pub count: u64,
    pub failed: u64,
    pub denied: u64,
    pub interrupted: u64,
    /// Not ended, as far as anybody told, in sessions that live.
    pub open: u64,
    /// Not ended when their session was over: nobody will tell how they went.
    pub unfinished: u64,
    /// Of those whose duration is known.
    pub p50_ms: Option<u64>,
    pub p95_ms: Option<u64>,
    pub total_ms: u64,
}

/// Counts events of tools as they come, in any number.
#[derive(Debug, Default)]
pub struct Tally {
    tools: HashMap<String, Numbers>,
    open: Open<Begun>,
}

/// A use that has begun.
#[derive(Debug)]
struct Begun {
    tool: String,
    session: Option<SessionId>,
    at: Time,
}

#[derive(Debug, Default)]
struct Numbers {
    count: u64,
    open: u64,
    unfinished: u64,
    failed: u64,
    denied: u64,
    interrupted: u64,
    durations: Vec<u64>,
}

impl Tally {
    pub fn start(&mut self, start: Start, at: Time) {
        let tool = self.name(&start.tool);
        self.tools.entry(tool.clone()).or_default().count += 1;
        let session = start.session;
        if let Some(forgotten) = self.open.begin(start, Begun { tool, session, at }) {
            self.tools.entry(forgotten.tool).or_default().unfinished += 1;
        }
    }

    /// `known_ms`: how long it took, where the event says so.
    pub fn end(&mut self, end: &Start, at: Time, outcome: ToolOutcome, known_ms: Option<u64>) {
        let begun = self.open.end(end);
        let paired = begun.as_ref().map(|begun| at.millis_since(begun.at));
        let unknown = u64::from(begun.is_none());
        let tool = begun.map_or_else(|| self.name(&end.tool), |begun| begun.tool);
        let numbers = self.tools.entry(tool).or_default();
        numbers.count += unknown;
        match outcome {
            ToolOutcome::Succeeded => {}
            ToolOutcome::Failed => numbers.failed += 1,
            ToolOutcome::Denied => numbers.denied += 1,
            ToolOutcome::Interrupted => numbers.interrupted += 1,
        }
        // What was denied has not run.
        let ran = outcome != ToolOutcome::Denied;
        numbers.durations.extend(known_ms.or(paired).filter(|_| ran));
    }

    /// The busiest first; `lives` tells which sessions may still end what they have begun.
    pub fn into_numbers(mut self, lives: impl Fn(Option<SessionId>) -> bool) -> Vec<ToolNumbers> {
        for begun in std::mem::take(&mut self.open).into_rest() {
            let numbers = self.tools.entry(begun.tool).or_default();
            let state =
                if lives(begun.session) { &mut numbers.open } else { &mut numbers.unfinished };
            *state += 1;
        }
        let numbers = self.tools.into_iter().map(|(tool, numbers)| numbers.summed(tool));
        let mut all: Vec<ToolNumbers> = numbers.collect();
        all.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.tool.cmp(&b.tool)));
        all
    }

    fn name(&self, tool: &str) -> String {
        if self.tools.contains_key(tool) || self.tools.len() < MOST_TOOLS {
            tool.to_owned()
        } else {
            OTHERS.to_owned()
        }
    }
}

impl Numbers {
    fn summed(mut self, tool: String) -> ToolNumbers {
        ToolNumbers {
            tool,
            count: self.count,
            failed: self.failed,
            denied: self.denied,
            interrupted: self.interrupted,
            open: self.open,
            unfinished: self.unfinished,
            p50_ms: percentile(&mut self.durations, 50),
            p95_ms: percentile(&mut self.durations, 95),
            total_ms: self.durations.iter().fold(0, |sum, ms| sum.saturating_add(*ms)),
        }
    }
}

/// The smallest value that at least so many percent do not exceed.
fn percentile(values: &mut [u64], percent: usize) -> Option<u64> {
    let index = (values.len() * percent).div_ceil(100).checked_sub(1)?;
    Some(*values.select_nth_unstable(index).1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn call(tool: &str, id: &str) -> Start {
        let use_id = (!id.is_empty()).then(|| id.to_owned());
        Start { session: None, tool: tool.to_owned(), use_id, agent_id: None }
    }

    fn at(ms: i64) -> Time {
        Time::from_millis(ms)
    }

    #[test]
    fn uses_are_counted_once_with_their_times() {
        let mut tally = Tally::default();
        for (id, start, end, outcome) in [
            ("1", 0, 100, ToolOutcome::Succeeded),
            ("2", 10, 310, ToolOutcome::Failed),
            ("3", 20, 40, ToolOutcome::Denied),
        ] {
            tally.start(call("Bash", id), at(start));
            tally.end(&call("Bash", id), at(end), outcome, None);
        }
        // Only its end was told, with its duration; and one is at work.
        tally.end(&call("Bash", "4"), at(900), ToolOutcome::Succeeded, Some(5));
        tally.start(call("Bash", "5"), at(901));
        tally.start(call("Edit", ""), at(902));
        let numbers = tally.into_numbers(|_| true);
        let bash = ToolNumbers {
            tool: "Bash".into(),
            count: 5,
            failed: 1,
            denied: 1,
            interrupted: 0,
            open: 1,
            unfinished: 0,
            p50_ms: Some(100),
            p95_ms: Some(300),
            total_ms: 405,
        };
        assert_eq!(numbers[0], bash);
        assert_eq!((numbers[1].tool.as_str(), numbers[1].open), ("Edit", 1));
    }

    #[test]
    fn nothing_runs_on_in_a_session_that_is_over() {
        let mut tally = Tally::default();
        let [gone, lives] = [1, 2].map(|number| Some(SessionId::from_number(number)));
        tally.start(Start { session: gone, ..call("Bash", "1") }, at(0));
        tally.start(Start { session: lives, ..call("Bash", "2") }, at(0));
        let numbers = tally.into_numbers(|session| session == lives);
        assert_eq!((numbers[0].count, numbers[0].open, numbers[0].unfinished), (2, 1, 1));
    }

    #[test]
    fn made_up_names_do_not_fill_the_memory() {
        let mut tally = Tally::default();
        for index in 0..3000 {
            tally.start(call(&format!("t{index}"), ""), at(0));
            tally.end(&call(&format!("t{index}"), ""), at(1), ToolOutcome::Succeeded, None);
        }
        let numbers = tally.into_numbers(|_| true);
        assert_eq!(numbers.len(), MOST_TOOLS + 1);
        assert_eq!(
            (numbers[0].tool.as_str(), numbers[0].count, numbers[0].open),
            (OTHERS, 2000, 0)
        );
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_counted_twice(
            calls in prop::collection::vec((any::<bool>(), "[AB]", "[1-4]?", 0..1000_i64), 0..80),
        ) {
            let (mut tally, mut starts, mut ends) = (Tally::default(), 0, 0);
            for (begins, tool, id, ms) in calls {
                if begins {
                    starts += 1;
                    tally.start(call(&tool, &id), at(ms));
                } else {
                    ends += 1;
                    tally.end(&call(&tool, &id), at(ms), ToolOutcome::Failed, None);
                }
            }
            let all = tally.into_numbers(|_| true);
            let sum = |of: fn(&ToolNumbers) -> u64| all.iter().map(of).sum::<u64>();
            prop_assert_eq!(sum(|tool| tool.failed), ends);
            prop_assert_eq!(sum(|tool| tool.count), ends + sum(|tool| tool.open));
            prop_assert!(sum(|tool| tool.open) <= starts);
            for tool in &all {
                prop_assert!(tool.p50_ms <= tool.p95_ms);
            }
        }
    }
}
