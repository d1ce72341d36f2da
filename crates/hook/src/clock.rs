//! The clocks, and the boot that they belong to.

use std::sync::OnceLock;

use rustix::time::{ClockId, clock_gettime};

use crate::small;

/// Now, by the clock that never goes back, in nanoseconds since the machine started.
pub fn boot_ns() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Now, in milliseconds since 1970.
pub fn wall_ms() -> i64 {
    let time = clock_gettime(ClockId::Realtime);
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

/// This boot, as the kernel names it; empty where it does not say.
pub fn boot_id() -> String {
    static BOOT: OnceLock<String> = OnceLock::new();
    let read = || {
        let text = small::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        String::from_utf8_lossy(&text).trim().to_owned()
    };
    BOOT.get_or_init(read).clone()
}
