//! Why an attempt ended: evidence in, verdict out.
//!
//! ```text
//! Evidence ──▶ Case ──▶ rules, most decisive first ──▶ Finding ──▶ doubts ──▶ Opinion
//! Opinions of all who died at about that time ──▶ scope ──▶ who died together, and of what
//! Deaths of weeks ──▶ patterns ──▶ what repeats
//! ```
//!
//! Two rules stand above all: a wrong culprit is worse than `unknown`, and what is not dead is
//! never examined here.

mod advice;
mod blow;
mod case;
mod doubt;
mod evidence;
mod exit;
mod fault;
mod finding;
mod hangup;
mod holder;
mod limits;
mod lines;
mod oom;
mod opinion;
mod own;
mod parent;
mod patterns;
mod scope;
mod seccomp;
mod sent;
mod service;
mod terminal;
mod tmux;
mod tmux_command;
mod unwitnessed;
mod words;

pub use evidence::{
    Coverage, Evidence, Fact, LogNote, Opinion, ScreenNote, Shared, Subject, TmuxSubject, What,
};
pub use patterns::{DeathRecord, Pattern, PatternKind, patterns};
pub use scope::{Death, Group, group};

use case::Case;
use finding::Finding;

/// The first that fits is the verdict.
const RULES: &[fn(&Case) -> Option<Finding>] = &[
    own::never_ran,
    own::exec_failed,
    own::rebooted,
    own::record_closed,
    own::limit,
    own::stopped,
    oom::by_the_kernel,
    service::oom_daemon,
    service::unit_stopped,
    service::logged_out,
    tmux::ended,
    holder::killed,
    parent::died,
    terminal::interrupted,
    hangup::hung_up,
    limits::rlimit,
    seccomp::forbidden,
    fault::crashed,
    sent::killed,
    unwitnessed::by_its_number,
    exit::disk_full,
    exit::heap_exhausted,
    exit::completed,
    exit::failed,
];

/// Says why an attempt ended.
///
/// The order of the facts does not matter, those of others are passed over, and no culprit is
/// named whom nobody saw doing it.
pub fn examine(evidence: &Evidence) -> Opinion {
    let case = Case::new(evidence);
    let found = RULES.iter().find_map(|rule| rule(&case));
    let finding = doubt::weigh(&case, found.unwrap_or_else(|| unwitnessed::unknown(&case)));
    opinion::of(&case, finding)
}

#[cfg(test)]
mod tests;
