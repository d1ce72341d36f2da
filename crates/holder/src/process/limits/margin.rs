//! How far above a limit patience ends.

/// Memory above its limit that a session may take while it is asked to end. The kernel's own
/// bound lies there, and ours halfway.
pub(super) fn memory(max: u64) -> u64 {
    (max / 4).max(64 << 20)
}

/// Processes above their limit at which there is no more asking.
pub(super) fn processes(max: u64) -> u64 {
    (max / 4).max(8)
}

/// Processes and threads above the limit of processes at which the kernel refuses more:
/// threads are not limited, but a bomb of them is stopped.
pub(super) fn tasks(max: u64) -> u64 {
    (max / 2).max(256)
}
