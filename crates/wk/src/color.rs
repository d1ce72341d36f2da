//! Colours: on a terminal, unless somebody would rather not.

use std::{
    env,
    ffi::OsString,
    io::{IsTerminal, stdout},
};

use wk_api::SessionView;
use wk_model::{Phase, Status};

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum When {
    #[default]
    Auto,
    Always,
    Never,
}

/// Whether colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paint(pub bool);

/// What a text is, not how it looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Style {
    #[default]
    Plain,
    Title,
    Good,
    Bad,
    Warning,
    Limit,
    Past,
}

impl Paint {
    /// Decides for this process's stdout.
    pub(crate) fn of_stdout(when: When) -> Self {
        Self::decide(when, stdout().is_terminal(), |name| env::var_os(name))
    }

    fn decide(when: When, terminal: bool, env: impl Fn(&str) -> Option<OsString>) -> Self {
        let wanted = || {
            let set = |name| env(name).filter(|value| !value.is_empty());
            terminal && set("NO_COLOR").is_none() && env("TERM").is_none_or(|term| term != "dumb")
        };
        Self(match when {
            When::Auto => wanted(),
            When::Always => true,
            When::Never => false,
        })
    }

    /// Writes `text` in a style.
    pub(crate) fn apply(self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Title => "1",
            Style::Good => "32",
            Style::Bad => "31",
            Style::Warning => "33",
            Style::Limit => "35",
            Style::Past => "2",
            Style::Plain => return text.to_owned(),
        };
        if self.0 && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.into() }
    }
}

/// The word for where a session stands, and how it looks.
pub(crate) fn standing(view: &SessionView) -> (&'static str, Style) {
    match (view.phase, view.status) {
        (Phase::Lost, _) => ("lost", Style::Warning),
        (Phase::Parked, _) => ("parked", Style::Warning),
        (Phase::Queued, _) | (Phase::Starting, None) => (view.phase.as_str(), Style::Plain),
        (_, None) => (view.phase.as_str(), Style::Plain),
        (Phase::Running, Some(Status::Running)) => unwell(&view.health.conditions)
            .unwrap_or((Status::Running.as_str(), status_style(Status::Running))),
        (_, Some(status)) => (status.as_str(), status_style(status)),
    }
}

/// The worst of what is wrong with a session that runs.
fn unwell(conditions: &[String]) -> Option<(&'static str, Style)> {
    let has = |word: &str| conditions.iter().any(|condition| condition == word);
    [("hung", Style::Bad), ("stale", Style::Warning)].into_iter().find(|(word, _)| has(word))
}

fn status_style(status: Status) -> Style {
    match status {
        Status::Running => Style::Good,
        Status::Completed => Style::Past,
        Status::Failed => Style::Bad,
        Status::Cancelled | Status::Recovering => Style::Warning,
        Status::Timeout => Style::Limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_whose_users_want_them() {
        for (case, when, terminal, variable, want) in [
            ("a terminal", When::Auto, true, ("TERM", "xterm"), true),
            ("a pipe", When::Auto, false, ("TERM", "xterm"), false),
            ("NO_COLOR", When::Auto, true, ("NO_COLOR", "1"), false),
            ("an empty NO_COLOR", When::Auto, true, ("NO_COLOR", ""), true),
            ("a dumb terminal", When::Auto, true, ("TERM", "dumb"), false),
            ("asked for", When::Always, false, ("NO_COLOR", "1"), true),
            ("refused", When::Never, true, ("TERM", "xterm"), false),
        ] {
            let env = |name: &str| (name == variable.0).then(|| variable.1.into());
            assert_eq!(Paint::decide(when, terminal, env), Paint(want), "{case}");
        }
    }

    #[test]
    fn plain_text_stays_plain() {
        assert_eq!(Paint(false).apply(Style::Bad, "x"), "x");
        assert_eq!(Paint(true).apply(Style::Plain, "x"), "x");
        assert_eq!(Paint(true).apply(Style::Bad, "x"), "\x1b[31mx\x1b[0m");
    }
}
