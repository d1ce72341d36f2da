//! How old a process is.

use wk_holder::host;
use wk_model::ProcessId;

/// Seconds since a process of this boot was started.
pub fn age_seconds(process: &ProcessId) -> u64 {
    let ticks = rustix::param::clock_ticks_per_second().max(1);
    (host::now().boot_ns / 1_000_000_000).saturating_sub(process.start_time / ticks)
}
