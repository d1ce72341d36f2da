//! What kind of failure it was.

use wk_model::{Category, Ended, Ending, FailurePattern, LimitKind, Restarted, Session};

use super::{
    is_healthy,
    pattern::{self, Saying},
};

/// Codes by which a shell says that it could not run the command; see the POSIX shell's
/// "Exit Status for Commands".
const NOT_EXECUTABLE: i32 = 126;
const NOT_FOUND: i32 = 127;

/// The category of an attempt's end, and where its screen says so.
///
/// What its patterns know goes before what anybody could see. An agent that waits at its limit
/// screen is ended by others, so there its patterns are asked, too; but not where somebody
/// stopped it, or where it took too much: that is what ended it, whatever it showed.
pub fn categorise(
    session: &Session,
    ended: &Ended,
    last_lines: Option<&str>,
) -> (Category, Option<Saying>) {
    if session.stop.is_some() {
        return (Category::Stopped, None);
    }
    // It was ended for that, however it complied.
    let restart = session.restart.as_ref().filter(|_| ended.ending != Ending::Rebooted);
    if ended.limit.is_none() && restart.is_some_and(Restarted::is_by_hand) {
        return (Category::Stopped, None);
    }
    let (waited, own_code) = match (ended.limit, &ended.ending) {
        (None, _) if restart.is_some() => (true, None),
        (None, Ending::Exited { code }) => (false, Some(*code)),
        (None, Ending::Signaled { .. }) | (Some(LimitKind::Time | LimitKind::Idle), _) => {
            (true, None)
        }
        (Some(limit), _) => return (of_limit(limit), None),
        (None, _) => return (of_ending(&ended.ending), None),
    };
    let mut patterns = session.created.recovery.patterns.iter();
    let known = patterns.find_map(|known| {
        if waited && !is_waited_at(known) || !could_be(known, session, ended) {
            return None;
        }
        let saying = pattern::find(known, own_code, last_lines.unwrap_or_default())?;
        Some((known.category, saying))
    });
    let otherwise = || match (ended.limit, restart) {
        (Some(limit), _) => of_limit(limit),
        (None, Some(_)) => Category::Stale,
        (None, None) => of_ending(&ended.ending),
    };
    known.unwrap_or_else(|| (otherwise(), None))
}

/// Whether an agent that meets this stays, and shows it.
fn is_waited_at(pattern: &FailurePattern) -> bool {
    matches!(pattern.category, Category::RateLimit | Category::Quota | Category::Authentication)
}

/// Only a later attempt resumes anything, and one that could not does not run for long: an
/// agent's last screen may well speak of other conversations.
fn could_be(pattern: &FailurePattern, session: &Session, ended: &Ended) -> bool {
    pattern.category != Category::NotResumable || session.attempt > 1 && !is_healthy(session, ended)
}

fn of_ending(ending: &Ending) -> Category {
    match ending {
        Ending::Exited { code: NOT_FOUND } => Category::CommandNotFound,
        Ending::Exited { code: NOT_EXECUTABLE } => Category::NotExecutable,
        Ending::Exited { .. } | Ending::Closed { .. } => Category::ExitCode,
        Ending::Signaled { .. } => Category::Crash,
        Ending::ExecFailed { code: NOT_FOUND, .. } => Category::CommandNotFound,
        Ending::ExecFailed { .. } => Category::NotExecutable,
        Ending::HolderLost | Ending::Gone => Category::HolderLost,
        Ending::Rebooted => Category::Rebooted,
        Ending::NeverRan { .. } => Category::Stopped,
    }
}

fn of_limit(limit: LimitKind) -> Category {
    match limit {
        LimitKind::Memory => Category::MemoryLimit,
        LimitKind::Time | LimitKind::Idle | LimitKind::CpuTime => Category::Timeout,
        LimitKind::Processes | LimitKind::Output => Category::OtherLimit,
    }
}
