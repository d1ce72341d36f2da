//! What the allocator keeps.

/// Few arenas, and what was freed goes back to the kernel: the daemon looks at much for a
/// moment, and rests for hours. Before there is a second thread.
pub(super) fn keep_small() {
    #[cfg(target_env = "gnu")]
    // SAFETY: parameters of the allocator; nothing is allocated or freed here.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 256 << 10);
    }
}

/// Gives back what was freed, wherever it lies: after work that is done now and then.
pub(super) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it only looks for free pages, and may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
