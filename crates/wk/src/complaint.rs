//! What is said when something did not work: once, on stderr, with a hint.

use std::io::{self, Write};

use wk_api::problem_type;
use wk_client::ClientError;

use crate::{code::Code, connect::AnotherDaemon, text::visible::visible_lines};

/// The command line asks for something that cannot be.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub String);

/// An error that is nobody's mistake: say this and exit so.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Verdict {
    pub message: String,
    pub code: Code,
}

/// Prints an error, and says what to exit with.
pub(crate) fn complain(error: &anyhow::Error) -> Code {
    if is_closed_output(error) {
        return Code::BROKEN_PIPE;
    }
    say(&format!("wk: {}", visible_lines(&message(error))));
    code(error)
}

/// Tells a person something, on stderr. Nobody is told where that cannot be written, as when
/// the terminal is gone.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn message(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        // Some errors repeat their cause in their own words.
        if !text.contains(&cause) {
            if !text.is_empty() {
                text += ": ";
            }
            text += &cause;
        }
    }
    if let Some(hint) = hint(error) {
        text = format!("{text}\n{hint}");
    }
    text
}

fn hint(error: &anyhow::Error) -> Option<&'static str> {
    let ClientError::Refused(problem) = error.downcast_ref()? else { return None };
    match problem.kind.as_str() {
        problem_type::NOT_FOUND if !problem.detail.contains("wk ls") => {
            Some("`wk ls --all --limit 0` lists every session")
        }
        problem_type::AMBIGUOUS => Some("use more of the id"),
        _ => None,
    }
}

fn code(error: &anyhow::Error) -> Code {
    if let Some(verdict) = error.downcast_ref::<Verdict>() {
        verdict.code
    } else if error.downcast_ref::<Usage>().is_some() {
        Code::USAGE
    } else if error.downcast_ref::<AnotherDaemon>().is_some() {
        Code::ANOTHER
    } else {
        Code::FAILURE
    }
}

/// Nobody reads our output any more, which needs no words.
fn is_closed_output(error: &anyhow::Error) -> bool {
    let is_call = error.downcast_ref::<ClientError>().is_some();
    let is_broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    };
    !is_call && error.chain().any(is_broken_pipe)
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;
    use wk_api::Problem;

    use super::*;

    fn refused(kind: &str, candidates: &[&str]) -> anyhow::Error {
        ClientError::Refused(Problem {
            kind: kind.into(),
            title: "No".into(),
            status: 404,
            detail: "no session `x`".into(),
            candidates: candidates.iter().map(ToString::to_string).collect(),
        })
        .into()
    }

    #[test]
    fn an_unknown_session_comes_with_a_hint_and_an_ambiguous_one_with_candidates() {
        let unknown = message(&refused(problem_type::NOT_FOUND, &[]));
        assert_eq!(unknown, "no session `x`\n`wk ls --all --limit 0` lists every session");
        let ambiguous = message(&refused(problem_type::AMBIGUOUS, &["xa", "xb"]));
        assert_eq!(ambiguous, "no session `x`\n  xa\n  xb\nuse more of the id");
    }

    #[test]
    fn each_kind_of_error_has_its_code() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(code(&Usage("no".into()).into()), Code::USAGE);
        assert_eq!(
            code(&anyhow::Error::new(AnotherDaemon { pid: "7".into() }).context("cannot run")),
            Code::ANOTHER
        );
        assert_eq!(code(&anyhow::anyhow!("no")), Code::FAILURE);
        assert!(is_closed_output(&anyhow::Error::new(broken()).context("cannot write")));
        let daemon = ClientError::NotRunning { socket: "/s".into(), source: broken() };
        assert!(!is_closed_output(&daemon.into()));
    }

    #[test]
    fn the_chain_is_told_once() {
        let error =
            Err::<(), _>(io::Error::other("disk on fire")).context("cannot write").unwrap_err();
        assert_eq!(message(&error), "cannot write: disk on fire");
    }
}
