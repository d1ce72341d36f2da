//! Why an attempt ended: evidence in, verdict out.
//!
//! ```text
//! Evidence ──▶ rules, most decisive first ──▶ Findings ──▶ weigh ──▶ Opinion
//! Opinions of all who died at about that time ──▶ scope ──▶ who died together, and of what
//! ```
//!
//! Two rules stand above all: a wrong culprit is worse than `unknown`, and what is not dead is
//! never examined here.

mod evidence;

pub use evidence::{
    Coverage, Evidence, Fact, LogNote, Opinion, ScreenNote, Shared, Subject, TmuxSubject, What,
};

mod stub;
pub use stub::{Death, Group, examine, group};
