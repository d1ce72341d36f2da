//! What agents and shells tell by `wk-hook`: its records, read and put into words of ours.
//!
//! ```text
//! spool ──▶ inbox ──▶ told: facts of one call ──▶ daemon ──journal──▶ acknowledged: removed
//!   ▲ bell, or the kernel's word that the folder has changed
//! ```
//!
//! Whatever is in a record is somebody else's word: it is bounded, checked, and never trusted
//! to be what it says.

mod agent;
mod fields;
mod inbox;
mod told;

pub use inbox::{Inbox, Taken};
pub use told::{AgentTold, Fact, Process, Told, Who};
