//! Sinks: telling the world what happened, from the journal.
//!
//! A sink follows the journal from a place that it keeps on disk, so that whatever happens to
//! the daemon, everybody hears of everything. Nobody waits for a sink: what it is told goes
//! into bounded queues, and what does not fit is counted.

pub mod cause;
pub mod command;
pub mod cursor;
pub mod facts;
pub mod follow;
pub mod lifecycle;
pub mod outstanding;
pub mod rules;
