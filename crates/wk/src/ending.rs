//! How a session ended, in words.

use wk_api::SessionView;
use wk_holder::protocol::Ended;
use wk_model::{Ending, LimitKind};

use crate::text::visible::visible;

/// Of an end that the holder has told.
pub(crate) fn of_ended(ended: &Ended) -> String {
    if let Some(limit) = ended.limit {
        return of_limit(limit).into();
    }
    match &ended.ending {
        Ending::Exited { code } => format!("exit code {code}"),
        Ending::Signaled { signal, core_dumped } => {
            let core = if *core_dumped { ", core dumped" } else { "" };
            format!("signal {}{core}", signal_name(*signal))
        }
        Ending::ExecFailed { error, .. } => visible(error).into_owned(),
        Ending::HolderLost => "its holder was lost".into(),
        Ending::Rebooted => "the machine went down".into(),
        Ending::Gone => "nobody saw how".into(),
        Ending::Closed { by: None } => "it was closed".into(),
        Ending::Closed { by: Some(_) } => "its record was closed".into(),
        Ending::NeverRan { why } => visible(why).into_owned(),
    }
}

/// Of a session that has ended.
pub(crate) fn of_view(view: &SessionView) -> String {
    if let (None, Some(limit)) = (&view.error, view.limit_exceeded) {
        return of_limit(limit).into();
    }
    match (&view.error, view.exit_code, view.signal) {
        (Some(error), ..) => visible(error).into_owned(),
        (None, Some(code), _) => format!("exit code {code}"),
        (None, None, Some(signal)) => format!("signal {}", signal_name(signal)),
        (None, None, None) => "nobody saw how".into(),
    }
}

/// Of a limit.
pub(crate) fn of_limit(limit: LimitKind) -> &'static str {
    match limit {
        LimitKind::Time => "time limit",
        LimitKind::Idle => "idle limit",
        LimitKind::CpuTime => "CPU time limit",
        LimitKind::Memory => "memory limit",
        LimitKind::Processes => "process limit",
        LimitKind::Output => "output limit",
    }
}

/// `9 (SIGKILL)`
pub(crate) fn signal_name(number: i32) -> String {
    match wk_model::signal_name(number) {
        name if name.starts_with("SIG") => format!("{number} ({name})"),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_are_told_in_words() {
        let ended = |ending, limit| of_ended(&Ended { ending, limit });
        let killed = || Ending::Signaled { signal: 9, core_dumped: false };
        let broken = Ending::ExecFailed { code: 127, error: "`\u{1b}x` not found".into() };
        for (told, want) in [
            (ended(Ending::Exited { code: 3 }, None), "exit code 3"),
            (ended(killed(), None), "signal 9 (SIGKILL)"),
            (ended(killed(), Some(LimitKind::Time)), "time limit"),
            (
                ended(Ending::Signaled { signal: 11, core_dumped: true }, None),
                "signal 11 (SIGSEGV), core dumped",
            ),
            (ended(Ending::Signaled { signal: 64, core_dumped: false }, None), "signal 64"),
            (ended(broken, None), "`\\u{1b}x` not found"),
        ] {
            assert_eq!(told, want);
        }
    }
}
