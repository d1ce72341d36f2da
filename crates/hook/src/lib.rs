//! What agents and shells call on every event, and what they leave behind for the daemon.
//!
//! ```text
//! agent ──stdin──▶ wk-hook ──one write──▶ spool ◀── daemon, when it is there
//!                    ├── session file, for other programs
//!                    └── bell: one datagram, which may get lost
//! ```
//!
//! The program prints nothing, ends with 0, leaves no child and starts no daemon. The record
//! is what counts: a daemon that is down, stopped or killed takes it in later, once, in the
//! order of the boot-time clock at the start of the hook.
//!
//! Small on purpose: no runtime, no command line parser, no database.

pub mod ancestry;
pub mod bell;
pub mod clock;
pub mod identifier;
pub mod payload;
pub mod places;
pub mod project;
pub mod record;
pub mod session_file;
pub mod settings;
pub mod shrink;
mod small;
pub mod spool;
