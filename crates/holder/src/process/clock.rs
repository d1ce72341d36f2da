//! The time, as recordings tell it.

use wk_holder::host;
use wk_recording::Stamp;

/// Now.
pub(crate) fn stamp() -> Stamp {
    let now = host::now();
    Stamp {
        wall_ms: u64::try_from(now.time.as_millis()).unwrap_or(0),
        // Boot time goes on while the machine sleeps, as the viewer's patience does.
        monotonic_us: now.boot_ns / 1000,
    }
}
