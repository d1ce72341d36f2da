//! The time of something recorded, as the caller's clocks tell it.

/// One moment on both clocks of the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Milliseconds since the epoch; says when a segment starts.
    pub wall_ms: u64,
    /// Microseconds of a clock that never goes back; gives the intervals.
    pub monotonic_us: u64,
}
