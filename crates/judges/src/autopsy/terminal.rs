//! Ctrl-C and Ctrl-\ at its terminal.

use wk_model::{Cause, Confidence};

use super::{
    What,
    blow::How,
    case::{Case, INT, QUIT, is_near},
    finding::Finding,
};

pub(super) fn interrupted(case: &Case) -> Option<Finding> {
    let blow =
        case.blow.filter(|blow| blow.is_kernels() && matches!(blow.signal().signal, INT | QUIT))?;
    // A shell goes on after Ctrl-C: what it returns then says nothing.
    if blow.how == How::Caught && case.is_shell() {
        return None;
    }
    let key = key(blow.signal().signal);
    let confidence = match blow.how {
        How::Caught | How::Presumed => Confidence::Likely,
        How::Died | How::Code | How::PassedOn => Confidence::Certain,
    };
    let summary = format!("interrupted by {key} at its terminal");
    Some(Finding::new(Cause::Interrupted, confidence, summary).signal(blow.signal().signal))
}

/// Whether the key that makes the terminal send this signal was seen being typed.
pub(super) fn was_typed(case: &Case, signal: i32) -> bool {
    case.facts().any(|(age, fact)| is_near(age) && fact.what == What::Typed { signal })
}

pub(super) fn key(signal: i32) -> &'static str {
    if signal == QUIT { "Ctrl-\\" } else { "Ctrl-C" }
}
