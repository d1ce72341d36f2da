//! Why: the word that rules and commands are told for it.

use wk_journal::Journal;
use wk_model::{Category, Change, Ended, Event, Life, Outcome, Session};
use wk_policies::recovery::categorise;

/// Every word there is.
pub const CAUSES: [&str; 16] = [
    "completed",
    "command_not_found",
    "not_executable",
    "stopped",
    "authentication",
    "rate_limit",
    "quota",
    "crash",
    "exit_code",
    "not_resumable",
    "timeout",
    "memory_limit",
    "other_limit",
    "holder_lost",
    "rebooted",
    "stale",
];

/// The cause that an event tells of, or else that of its session's latest end.
pub fn of(journal: &Journal, event: &Event, session: Option<&Session>) -> Option<&'static str> {
    match &event.change {
        Change::SessionRecovering(recovering) => Some(word(recovering.category)),
        Change::SessionParked(parked) => Some(word(parked.category)),
        _ => {
            let session = session?;
            Some(of_end(journal, session, last_end(session)?))
        }
    }
}

fn last_end(session: &Session) -> Option<&Ended> {
    match &session.life {
        Life::Ended(ended) | Life::Recovering { last: ended, .. } => Some(ended),
        _ => None,
    }
}

fn of_end(journal: &Journal, session: &Session, ended: &Ended) -> &'static str {
    if ended.outcome == Outcome::Completed {
        return "completed";
    }
    let asks = !session.created.recovery.patterns.is_empty();
    let lines = asks.then(|| last_lines(journal, session)).flatten();
    word(categorise(session, ended, lines.as_deref()).0)
}

/// What the latest attempt showed last.
fn last_lines(journal: &Journal, session: &Session) -> Option<String> {
    let lines = journal.latest_that(session.id, "attempt_exited", |event| match event.change {
        Change::AttemptExited(exited) if exited.attempt == session.attempt => exited.last_lines,
        _ => None,
    });
    lines.ok()?
}

fn word(category: Category) -> &'static str {
    match category {
        Category::CommandNotFound => "command_not_found",
        Category::NotExecutable => "not_executable",
        Category::Stopped => "stopped",
        Category::Authentication => "authentication",
        Category::RateLimit => "rate_limit",
        Category::Quota => "quota",
        Category::Crash => "crash",
        Category::ExitCode => "exit_code",
        Category::NotResumable => "not_resumable",
        Category::Timeout => "timeout",
        Category::MemoryLimit => "memory_limit",
        Category::OtherLimit => "other_limit",
        Category::HolderLost => "holder_lost",
        Category::Rebooted => "rebooted",
        Category::Stale => "stale",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_events() {
        for cause in &CAUSES[1..] {
            let category: Category = serde_json::from_value((*cause).into()).unwrap();
            assert_eq!(word(category), *cause);
        }
    }
}
