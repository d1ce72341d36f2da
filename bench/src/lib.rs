//! What the side by side measurements share: a daemon and a tmux server of their own, clocks
//! and counters, statistics, and the table that each measure prints.
//!
//! A measure is one program in `bin/`. It runs Watchkeeper and its peer in one run, by turns
//! where time is measured, so that both meet the same machine; what counts is the ratio.
//!
//! Nothing outlives a measure, however it ends, and nothing is signalled that it did not
//! start: see [`Sweeper`].

pub mod arguments;
pub mod counters;
pub mod house;
pub mod http;
pub mod past;
pub mod printer;
pub mod report;
pub mod samples;
pub mod seed;
pub mod sessions;
pub mod spawns;
pub mod supervisors;
pub mod sweeper;
pub mod tmux;
pub mod yard;
