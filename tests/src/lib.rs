//! What end-to-end tests work with: real daemons, real programs, real terminals.
//!
//! [`TestDaemon`] owns a user's places of its own and whatever runs in them: nothing outlives
//! it, whether the test passes or panics, and that is checked. [`Terminal`] is a person at a
//! terminal. Nothing here sleeps: tests wait for what they expect, and [`within`] catches what
//! is stuck.

mod daemon;
mod events;
pub mod faults;
mod home;
pub mod hooks;
mod outcome;
mod process;
mod programs;
mod raw_http;
mod session;
mod skip;
mod tcp;
mod terminal;
mod tmux;

use std::{future::Future, time::Duration};

pub use daemon::TestDaemon;
pub use events::Events;
pub use home::Home;
pub use outcome::Outcome;
pub use process::{Watch, pids_of};
pub use programs::{holder_program, hook_program, witness_program, wk_program};
pub use raw_http::{Answer, raw_call, tcp_call};
pub use session::Session;
pub use skip::skip;
pub use tcp::Tcp;
pub use terminal::Terminal;
pub use tmux::Tmux;

/// Only what is stuck takes so long.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for `future`, but not for ever; `what` says what never happened.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("stuck: {what}"),
    }
}
