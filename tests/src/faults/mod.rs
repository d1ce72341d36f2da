//! The fault suite: ways to die, injected into real sessions, and what a verdict must say.
//!
//! ```text
//! ways (one function each) ─▶ Lane (a daemon of its own) ─▶ Expected ─▶ compared with `why` ─▶ Tally
//! ```

mod audit;
mod chaos;
mod commands;
mod lane;
mod limits;
mod signals;
mod suite;
mod tally;
mod tmux;
mod way;

pub use audit::Audit;
pub use chaos::{Chaos, Struck};
pub use lane::Lane;
pub use suite::{Suite, end_witness};
pub use tally::{Run, Tally};
pub use way::{Expected, Way, Who};

/// Every way to die that this suite knows.
pub fn ways() -> Vec<Way> {
    [commands::WAYS, signals::WAYS, limits::WAYS, tmux::WAYS].concat()
}
