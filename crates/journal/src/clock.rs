//! The time for events of the journal's own.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use wk_model::{BootId, Moment, Time};

/// Tells what time it is, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    boot: BootId,
}

impl Clock {
    pub(crate) fn new() -> Self {
        // Where the kernel does not say, all moments are of one unnamed boot.
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Self { boot: text.parse().unwrap_or_default() }
    }

    pub(crate) fn boot(self) -> BootId {
        self.boot
    }

    pub(crate) fn moment(self) -> Moment {
        let since_boot = clock_gettime(ClockId::Boottime);
        let boot_ns =
            since_boot.tv_sec.unsigned_abs() * 1_000_000_000 + since_boot.tv_nsec.unsigned_abs();
        Moment { time: now(), boot: self.boot, boot_ns }
    }
}

/// The wall clock.
pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
