//! Sources turn the world into events: one module per source. They observe and report, and
//! decide nothing.

mod age;
pub mod cgroup;
pub mod folder_watch;
pub mod holders;
pub mod hooks;
pub mod leftovers;
pub mod process_watch;
pub mod sampling;
pub mod system;
pub mod tmux;
pub mod transcripts;
mod until;
pub mod witness;

pub use age::age_seconds;
pub use until::until;
