//! Uses of tools, paired from their two events: by the agent's id of them, else by their order.

use std::collections::{HashMap, VecDeque};

use wk_model::{SessionId, Time, ToolFinished, ToolOutcome, ToolStarted};

/// More uses than this that have not ended are forgotten, the oldest first: no agent has so
/// many tools at work, but any sender can say so.
const MOST_OPEN: usize = 4096;

/// One use of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolUse {
    pub tool: String,
    /// None: nobody told of its start, and how long it took is not known.
    pub start: Option<Time>,
    /// None: it has not ended, as far as anybody told.
    pub end: Option<Time>,
    pub duration_ms: Option<u64>,
    /// None though it has ended: its session was over, and nobody told.
    pub outcome: Option<ToolOutcome>,
    pub error: Option<String>,
    /// What it was asked to do, in brief.
    pub input: Option<String>,
}

/// What is known of a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    pub session: Option<SessionId>,
    pub tool: String,
    pub use_id: Option<String>,
    pub agent_id: Option<String>,
}

/// Whose use of what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Id(Option<SessionId>, String),
    /// Session, subagent and tool.
    Order(Option<SessionId>, Option<String>, String),
}

/// Starts that wait for their end; `T` is what the caller keeps of each.
#[derive(Debug)]
pub struct Open<T> {
    waiting: HashMap<u64, (Start, T)>,
    keys: HashMap<Key, VecDeque<u64>>,
    oldest: VecDeque<u64>,
    next: u64,
}

impl<T> Default for Open<T> {
    fn default() -> Self {
        Self { waiting: HashMap::new(), keys: HashMap::new(), oldest: VecDeque::new(), next: 0 }
    }
}

impl Start {
    pub fn of(session: Option<SessionId>, started: &ToolStarted) -> Self {
        Self {
            session,
            tool: started.tool.clone(),
            use_id: started.tool_use_id.clone(),
            agent_id: started.agent_id.clone(),
        }
    }

    pub fn of_end(session: Option<SessionId>, finished: &ToolFinished) -> Self {
        Self {
            session,
            tool: finished.tool.clone(),
            use_id: finished.tool_use_id.clone(),
            agent_id: finished.agent_id.clone(),
        }
    }

    fn by_id(&self) -> Option<Key> {
        self.use_id.clone().map(|id| Key::Id(self.session, id))
    }

    fn by_order(&self) -> Key {
        Key::Order(self.session, self.agent_id.clone(), self.tool.clone())
    }
}

impl<T> Open<T> {
    /// Keeps a start; answers what is forgotten for it.
    pub fn begin(&mut self, start: Start, kept: T) -> Option<T> {
        let number = self.next;
        self.next += 1;
        for key in [start.by_id(), Some(start.by_order())].into_iter().flatten() {
            self.keys.entry(key).or_default().push_back(number);
        }
        self.waiting.insert(number, (start, kept));
        self.oldest.push_back(number);
        if self.waiting.len() <= MOST_OPEN {
            // Those that have ended are at the front sooner or later.
            while self.oldest.front().is_some_and(|oldest| !self.waiting.contains_key(oldest)) {
                self.oldest.pop_front();
            }
            return None;
        }
        while let Some(oldest) = self.oldest.pop_front() {
            if let Some((start, kept)) = self.waiting.remove(&oldest) {
                self.forget(&start, oldest);
                return Some(kept);
            }
        }
        None
    }

    /// The start that an end belongs to.
    pub fn end(&mut self, end: &Start) -> Option<T> {
        let number = match end.by_id().and_then(|key| self.first(&key)) {
            Some(number) => number,
            // By order: of those that have an id, only where the end has none.
            None => self.in_order(end)?,
        };
        let (start, kept) = self.waiting.remove(&number)?;
        self.forget(&start, number);
        Some(kept)
    }

    /// Those that have not ended, in the order of their starts.
    pub fn into_rest(self) -> Vec<T> {
        let mut rest: Vec<_> = self.waiting.into_iter().collect();
        rest.sort_by_key(|(number, _)| *number);
        rest.into_iter().map(|(_, (_, kept))| kept).collect()
    }

    fn first(&self, key: &Key) -> Option<u64> {
        self.keys.get(key).and_then(|numbers| numbers.front().copied())
    }

    fn in_order(&self, end: &Start) -> Option<u64> {
        let numbers = self.keys.get(&end.by_order())?;
        let fits = |number: &&u64| {
            end.use_id.is_none()
                || self.waiting.get(number).is_some_and(|(start, _)| start.use_id.is_none())
        };
        numbers.iter().find(fits).copied()
    }

    fn forget(&mut self, start: &Start, number: u64) {
        for key in [start.by_id(), Some(start.by_order())].into_iter().flatten() {
            let Some(numbers) = self.keys.get_mut(&key) else { continue };
            if let Some(index) = numbers.iter().position(|other| *other == number) {
                numbers.remove(index);
            }
            if numbers.is_empty() {
                self.keys.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn call(tool: &str, id: &str) -> Start {
        let use_id = (!id.is_empty()).then(|| id.to_owned());
        Start { session: None, tool: tool.to_owned(), use_id, agent_id: None }
    }

    #[test]
    fn ends_find_their_starts() {
        for (case, starts, end, want) in [
            ("by id, whatever the order", vec![("A", "1"), ("A", "2")], ("A", "2"), Some(1)),
            ("by order without ids", vec![("A", ""), ("B", ""), ("A", "")], ("A", ""), Some(0)),
            ("an end without an id takes any", vec![("A", "1")], ("A", ""), Some(0)),
            ("an end with one takes none that has another", vec![("A", "1")], ("A", "2"), None),
            ("but one that has none", vec![("A", "1"), ("A", "")], ("A", "2"), Some(1)),
            ("another tool's is nobody's", vec![("A", "")], ("B", ""), None),
        ] {
            let mut open = Open::default();
            for (index, (tool, id)) in starts.iter().enumerate() {
                assert_eq!(open.begin(call(tool, id), index), None);
            }
            assert_eq!(open.end(&call(end.0, end.1)), want, "{case}");
        }
    }

    #[test]
    fn sessions_and_subagents_are_kept_apart() {
        let mut open = Open::default();
        open.begin(call("A", "1"), 'a');
        let session = Some(SessionId::from_number(1));
        assert_eq!(open.end(&Start { session, ..call("A", "1") }), None);
        let sub = Start { agent_id: Some("s".into()), ..call("A", "") };
        assert_eq!(open.end(&sub), None);
        assert_eq!(open.end(&call("A", "1")), Some('a'));
    }

    #[test]
    fn a_sender_that_ends_nothing_does_not_fill_the_memory() {
        let mut open = Open::default();
        let forgotten = (0..10_000).filter_map(|index| open.begin(call("A", ""), index)).count();
        assert_eq!(forgotten, 10_000 - MOST_OPEN);
        assert_eq!(open.end(&call("A", "")), Some(10_000 - MOST_OPEN));
        assert!(open.keys.len() == 1 && open.into_rest().len() == MOST_OPEN - 1);
    }

    proptest! {
        #[test]
        fn every_start_ends_at_most_once(
            calls in prop::collection::vec((any::<bool>(), "[AB]", "[12]?"), 0..60),
        ) {
            let (mut open, mut ended, mut begun) = (Open::default(), Vec::new(), 0);
            for (begins, tool, id) in calls {
                if begins {
                    prop_assert_eq!(open.begin(call(&tool, &id), (begun, tool)), None);
                    begun += 1;
                } else if let Some((number, of)) = open.end(&call(&tool, &id)) {
                    // One id, given to two tools, is the sender's mistake.
                    prop_assert!(of == tool || !id.is_empty());
                    ended.push(number);
                }
            }
            ended.extend(open.into_rest().into_iter().map(|(number, _)| number));
            ended.sort_unstable();
            prop_assert_eq!(ended, (0..begun).collect::<Vec<_>>());
        }
    }
}
