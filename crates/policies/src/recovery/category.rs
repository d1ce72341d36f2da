//! What kind of failure it was.

use wk_model::{Category, Ended, Ending, LimitKind, Session};

use super::pattern;

/// Codes by which a shell says that it could not run the command; see the POSIX shell's
/// "Exit Status for Commands".
const NOT_EXECUTABLE: i32 = 126;
const NOT_FOUND: i32 = 127;

/// The category of an attempt's end, and the line of its screen that says so.
///
/// What its patterns know goes before what anybody could see.
pub fn categorise(
    session: &Session,
    ended: &Ended,
    last_lines: Option<&str>,
) -> (Category, Option<String>) {
    if session.stop.is_some() {
        return (Category::Stopped, None);
    }
    if let Some(limit) = ended.limit {
        return (of_limit(limit), None);
    }
    if let Ending::Exited { code } = ended.ending {
        let known = session.created.recovery.patterns.iter().find_map(|known| {
            let line = pattern::find(known, code, last_lines.unwrap_or_default())?;
            Some((known.category, line))
        });
        if let Some(known) = known {
            return known;
        }
    }
    let category = match &ended.ending {
        Ending::Exited { code: NOT_FOUND } => Category::CommandNotFound,
        Ending::Exited { code: NOT_EXECUTABLE } => Category::NotExecutable,
        Ending::Exited { .. } | Ending::Closed { .. } => Category::ExitCode,
        Ending::Signaled { .. } => Category::Crash,
        Ending::ExecFailed { code: NOT_FOUND, .. } => Category::CommandNotFound,
        Ending::ExecFailed { .. } => Category::NotExecutable,
        Ending::HolderLost | Ending::Gone => Category::HolderLost,
        Ending::Rebooted => Category::Rebooted,
        Ending::NeverRan { .. } => Category::Stopped,
    };
    (category, None)
}

fn of_limit(limit: LimitKind) -> Category {
    match limit {
        LimitKind::Memory => Category::MemoryLimit,
        LimitKind::Time | LimitKind::Idle | LimitKind::CpuTime => Category::Timeout,
        LimitKind::Processes | LimitKind::Output => Category::OtherLimit,
    }
}
