//! Whose a hook's call is: by the agent's process, then by its own id, then by the session file.

use wk_model::{ProcessId, SessionId};
use wk_sources::hooks::{AgentTold, Fact, Told};

use super::book::Book;

/// A session's last hooks may be so much later than its end, in nanoseconds.
const LATE: u64 = 10_000_000_000;

/// Where a call belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Known(SessionId),
    /// It is known, and its agent calls it by a new id.
    Identified(SessionId, String),
    /// It is known, and its hooks come from this process now.
    Moved(SessionId, ProcessId, bool),
    New {
        process: Option<(ProcessId, bool)>,
        external_id: Option<String>,
    },
    Nobody,
}

/// Finds the place of an agent's call. `process` is the agent's, and whether that is sure.
pub(super) fn place(
    book: &Book,
    told: &Told,
    agent: &AgentTold,
    process: Option<(ProcessId, bool)>,
) -> Place {
    match &agent.id {
        Some(id) => by_id(book, told, agent, process, id),
        None => by_process(book, told, agent, process),
    }
}

fn by_id(
    book: &Book,
    told: &Told,
    agent: &AgentTold,
    process: Option<(ProcessId, bool)>,
    id: &str,
) -> Place {
    let new = Place::New { process, external_id: Some(id.to_owned()) };
    if let Some(session_id) = book.of_id(id) {
        let known = book.get(session_id);
        let (before, was_sure) = known.map_or((None, false), |entry| (entry.process, entry.sure));
        return match process {
            Some((now, sure)) if Some(now) != before => match (was_sure, sure) {
                // Resumed in another process: what the old one is comes to its own end.
                (true, true) => new,
                // Whoever calls for an agent that is known is not the agent.
                (true, false) => Place::Known(session_id),
                (false, _) => Place::Moved(session_id, now, sure),
            },
            _ => Place::Known(session_id),
        };
    }
    if let Some(session_id) = ended(book, told, agent, id) {
        return Place::Known(session_id);
    }
    let goes_on = |session_id: &&SessionId| {
        book.get(**session_id).is_some_and(|entry| {
            !entry.shell
                && (entry.external_id.is_none()
                    || entry.leads_on
                    || entry.sure && agent.fact.comes_from_another())
        })
    };
    let same = process.and_then(|(process, _)| book.of_process(process).iter().find(goes_on));
    same.map_or(new, |session_id| Place::Identified(*session_id, id.to_owned()))
}

fn by_process(
    book: &Book,
    told: &Told,
    agent: &AgentTold,
    process: Option<(ProcessId, bool)>,
) -> Place {
    let guess = agent.guess.as_deref();
    let guessed = guess.and_then(|id| book.of_id(id));
    if let Some((process, _)) = process {
        match book.of_process(process) {
            [] => {}
            // Of a program that calls for others, the file may speak of one that is new.
            [only] if fits(book, *only, guess, guessed) => return Place::Known(*only),
            [_] => {}
            // It calls for several: the project's file says for whom.
            several => {
                let found = guessed.filter(|id| several.contains(id));
                return Place::Known(found.unwrap_or(several[several.len() - 1]));
            }
        }
    }
    let above = told.ancestors.iter().flat_map(|one| book.of_process(one.id));
    let mut above =
        above.filter(|id| book.get(**id).is_some_and(|entry| entry.sure && !entry.shell));
    if let Some(session_id) = above.next() {
        return Place::Known(*session_id);
    }
    if let Some(session_id) = guessed {
        return Place::Known(session_id);
    }
    if let Some(session_id) = guess.and_then(|id| ended(book, told, agent, id)) {
        return Place::Known(session_id);
    }
    match (guess, process) {
        (Some(id), _) => Place::New { process, external_id: Some(id.to_owned()) },
        (None, Some((process, true))) => {
            Place::New { process: Some((process, true)), external_id: None }
        }
        (None, _) => told.inside.map_or(Place::Nobody, Place::Known),
    }
}

fn fits(book: &Book, only: SessionId, guess: Option<&str>, guessed: Option<SessionId>) -> bool {
    guess.is_none() || guessed == Some(only) || book.get(only).is_some_and(|entry| entry.sure)
}

/// The session that has just ended and whose late word this is.
fn ended(book: &Book, told: &Told, agent: &AgentTold, id: &str) -> Option<SessionId> {
    let recent = book.recent(id)?;
    let late =
        told.at.boot == recent.at.boot && told.at.boot_ns.saturating_sub(recent.at.boot_ns) < LATE;
    let begins = matches!(agent.fact, Fact::Begins { .. }) && told.at.boot_ns > recent.at.boot_ns;
    (late && !begins).then_some(recent.session_id)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use wk_model::{BootId, Moment, Time};
    use wk_sources::hooks::{Process, Who};

    use super::{
        super::book::{Entry, Recent},
        *,
    };

    fn session(number: u64) -> SessionId {
        SessionId::from_number(number)
    }

    fn process(pid: u32) -> ProcessId {
        ProcessId { boot: BootId::default(), pid, start_time: 1 }
    }

    fn at(seconds: u64) -> Moment {
        let boot_ns = seconds * 1_000_000_000;
        Moment { time: Time::default(), boot: BootId::default(), boot_ns }
    }

    fn agent(id: Option<&str>, guess: Option<&str>, fact: Fact) -> AgentTold {
        AgentTold {
            agent: "claude".into(),
            event: "x".into(),
            id: id.map(str::to_owned),
            guess: guess.map(str::to_owned),
            process: None,
            subagent: None,
            transcript: None,
            fact,
            payload: Value::Null,
            payload_bytes: 0,
        }
    }

    fn told(agent: &AgentTold, ancestors: &[u32]) -> Told {
        let one = |pid: &u32| Process { id: process(*pid), comm: "x".into() };
        Told {
            at: at(100),
            trace_parent: None,
            working_directory: "/".into(),
            ancestors: ancestors.iter().map(one).collect(),
            inside: Some(session(99)),
            who: Who::Agent(Box::new(agent.clone())),
        }
    }

    fn book(entries: &[(u64, u32, bool, Option<&str>)]) -> Book {
        let mut book = Book::default();
        for (number, pid, sure, id) in entries {
            let entry = Entry {
                process: Some(process(*pid)),
                sure: *sure,
                external_id: id.map(str::to_owned),
                ..Entry::default()
            };
            book.add(session(*number), entry);
        }
        book
    }

    fn placed(book: &Book, agent: &AgentTold, process_now: Option<(u32, bool)>) -> Place {
        let now = process_now.map(|(pid, sure)| (process(pid), sure));
        place(book, &told(agent, &[5, 6, 7]), agent, now)
    }

    #[test]
    fn an_agent_is_known_by_its_process_and_then_by_its_id() {
        let book = book(&[(1, 5, true, Some("a")), (2, 8, true, None)]);
        let other = || Fact::Other;
        let known = Place::Known(session(1));
        assert_eq!(placed(&book, &agent(Some("a"), None, other()), Some((5, true))), known);
        assert_eq!(placed(&book, &agent(None, None, other()), Some((5, true))), known);
        assert_eq!(placed(&book, &agent(None, None, other()), Some((4, false))), known, "above");
        assert_eq!(placed(&book, &agent(None, Some("a"), other()), None), known);
        let told_its_id = placed(&book, &agent(Some("b"), None, other()), Some((8, true)));
        assert_eq!(told_its_id, Place::Identified(session(2), "b".into()), "found before it told");
    }

    #[test]
    fn one_process_that_changes_its_id_stays_one_session_if_it_says_so() {
        let mut book = book(&[(1, 5, true, Some("a"))]);
        let clear = Fact::Begins { source: Some("clear".into()), model: None };
        let changed = placed(&book, &agent(Some("b"), None, clear), Some((5, true)));
        assert_eq!(changed, Place::Identified(session(1), "b".into()));
        let silent = placed(&book, &agent(Some("b"), None, Fact::Other), Some((5, true)));
        assert!(matches!(silent, Place::New { .. }), "a program that calls for several");
        book.get_mut(session(1)).unwrap().leads_on = true;
        let announced = placed(&book, &agent(Some("b"), None, Fact::Other), Some((5, true)));
        assert_eq!(announced, Place::Identified(session(1), "b".into()));
        book.identify(session(1), "b");
        let before = placed(&book, &agent(Some("a"), None, Fact::Other), Some((5, true)));
        assert_eq!(before, Place::Known(session(1)), "a late word under the old id");
    }

    #[test]
    fn a_program_that_calls_for_several_agents_is_none_of_them() {
        let book = book(&[(1, 5, false, Some("a")), (2, 5, false, Some("b"))]);
        for (id, want) in [("a", 1), ("b", 2)] {
            let by_id = placed(&book, &agent(Some(id), None, Fact::Other), Some((5, false)));
            assert_eq!(by_id, Place::Known(session(want)));
            let by_file = placed(&book, &agent(None, Some(id), Fact::Other), Some((5, false)));
            assert_eq!(by_file, Place::Known(session(want)));
        }
        let alone = self::book(&[(1, 5, false, Some("a"))]);
        let of_another = placed(&alone, &agent(None, Some("d"), Fact::Other), Some((5, false)));
        assert!(matches!(of_another, Place::New { .. }), "{of_another:?}");
        let third = placed(&book, &agent(Some("c"), None, Fact::Other), Some((5, false)));
        assert!(matches!(third, Place::New { .. }));
    }

    #[test]
    fn a_session_that_is_resumed_elsewhere_is_another_one() {
        let book = book(&[(1, 5, true, Some("a"))]);
        let resumed = placed(&book, &agent(Some("a"), None, Fact::Other), Some((9, true)));
        assert!(matches!(resumed, Place::New { .. }));
        let called = placed(&book, &agent(Some("a"), None, Fact::Other), Some((9, false)));
        assert_eq!(called, Place::Known(session(1)));
    }

    #[test]
    fn late_words_find_the_session_that_has_ended_and_a_new_start_does_not() {
        let mut book = Book::default();
        for (id, ended) in [("just", 95), ("long_ago", 10)] {
            let (session_id, external_id) = (session(3), id.to_owned());
            book.remember(Recent { session_id, external_id, at: at(ended) });
        }
        let word = |id, fact| placed(&book, &agent(Some(id), None, fact), None);
        assert_eq!(word("just", Fact::Other), Place::Known(session(3)));
        let begins = Fact::Begins { source: None, model: None };
        assert!(matches!(word("just", begins), Place::New { .. }));
        assert!(matches!(word("long_ago", Fact::Other), Place::New { .. }));
    }

    #[test]
    fn who_is_unknown_belongs_where_it_says_that_it_is_or_to_nobody() {
        let book = Book::default();
        let unknown = agent(None, None, Fact::Other);
        assert_eq!(placed(&book, &unknown, Some((5, false))), Place::Known(session(99)));
        let outside = Told { inside: None, ..told(&unknown, &[]) };
        assert_eq!(place(&book, &outside, &unknown, None), Place::Nobody);
        let sure = placed(&book, &unknown, Some((5, true)));
        assert!(matches!(sure, Place::New { external_id: None, .. }));
    }
}
