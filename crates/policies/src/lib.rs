//! Plans: what to do next about what has happened.
//!
//! Pure, like the judges: a plan sees the model and the time that it is told, and names what
//! the driver is to do. No I/O, no clock, no randomness: the same question has the same answer
//! after a restart of the daemon.

pub mod breaker;
pub mod cleanup;
pub mod queue;
pub mod recovery;
