//! How long one may look away.
//!
//! Pure: from how much room is left, and how it has changed.

use std::time::Duration;

/// No tree takes memory faster than this for long, in bytes each nanosecond.
const MEMORY_RATE: u64 = 4;

/// Processes that a bomb makes each second, about.
const FORK_RATE: u64 = 4000;

/// Memory that is counted by looking. An allocation of 1 GB/s is seen within 250 ms of its
/// crossing, even where it
/// begins right behind a look; what is left of them is for a busy machine.
pub(super) fn memory(room: u64, growing: bool) -> Duration {
    let reach = Duration::from_nanos(room / MEMORY_RATE);
    match growing {
        true => reach.clamp(Duration::from_millis(20), Duration::from_secs(2)),
        false => (reach + Duration::from_millis(80)).min(Duration::from_secs(2)),
    }
}

/// CPU time: all cores may be busy. One that is not used at all is looked at seldom.
pub(super) fn cpu_time(room_ms: u64, cores: u64, growing: bool) -> Duration {
    let reach = Duration::from_millis(room_ms / cores.max(1));
    reach.max(if growing { Duration::from_millis(20) } else { Duration::from_millis(500) })
}

/// Processes. Where the kernel bounds a bomb, there is more time.
pub(super) fn processes(room: u64, growing: bool, bounded: bool) -> Duration {
    let reach = Duration::from_millis(room.saturating_mul(1000) / FORK_RATE);
    let (least, most) = match (growing, bounded) {
        (true, _) => (20, 250),
        (false, false) => (100, 250),
        (false, true) => (200, 1000),
    };
    reach.clamp(Duration::from_millis(least), Duration::from_millis(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocation_of_1_gb_each_second_is_seen_in_time() {
        for max in [1_u64 << 20, 64 << 20, 512 << 20, 4 << 30, 64 << 30] {
            for begin in [0, max / 2, max * 9 / 10, max - 1] {
                // It begins right behind a look.
                let (mut value, mut growing, mut late) = (begin, false, None);
                for _ in 0..100_000 {
                    let pause = memory(max.saturating_sub(value), growing);
                    value += pause.as_nanos() as u64;
                    growing = true;
                    if value > max {
                        late = Some(Duration::from_nanos(value - max));
                        break;
                    }
                }
                assert!(
                    late.is_some_and(|late| late <= Duration::from_millis(150)),
                    "{max} {begin}: {late:?}"
                );
            }
        }
    }

    #[test]
    fn who_has_much_room_is_left_alone() {
        assert_eq!(memory(64 << 30, false), Duration::from_secs(2));
        assert_eq!(memory(0, true), Duration::from_millis(20));
        assert_eq!(cpu_time(600_000, 2, true), Duration::from_secs(300));
        assert_eq!(cpu_time(10, 2, true), Duration::from_millis(20));
        assert_eq!(cpu_time(10, 2, false), Duration::from_millis(500));
        assert_eq!(processes(1_000_000, false, true), Duration::from_secs(1));
        assert_eq!(processes(0, true, true), Duration::from_millis(20));
    }
}
