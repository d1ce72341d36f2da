//! A bucket of tickets that fills at a steady rate.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Lets so many pass per second, and a number of them at once.
#[derive(Debug)]
pub(crate) struct Bucket {
    per_second: f64,
    capacity: f64,
    level: Mutex<Level>,
}

#[derive(Debug)]
struct Level {
    tickets: f64,
    at: Instant,
}

impl Bucket {
    /// Full, to begin with.
    pub(crate) fn new(per_second: u32, capacity: u32) -> Self {
        let (per_second, capacity) = (f64::from(per_second), f64::from(capacity));
        Self {
            per_second,
            capacity,
            level: Mutex::new(Level { tickets: capacity, at: Instant::now() }),
        }
    }

    /// Takes tickets, or says how long it takes until they are there.
    ///
    /// More than the bucket holds are given when it is full, and then owed.
    pub(crate) fn take(&self, tickets: u32) -> Result<(), Duration> {
        self.take_at(tickets, Instant::now())
    }

    fn take_at(&self, tickets: u32, now: Instant) -> Result<(), Duration> {
        let wanted = f64::from(tickets);
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let since = now.saturating_duration_since(level.at).as_secs_f64();
        level.tickets = (level.tickets + since * self.per_second).min(self.capacity);
        level.at = level.at.max(now);
        let missing = wanted.min(self.capacity) - level.tickets;
        if missing > 0.0 {
            let wait = (missing / self.per_second.max(f64::MIN_POSITIVE)).min(3600.0);
            return Err(Duration::from_secs_f64(wait));
        }
        level.tickets -= wanted;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let bucket = Bucket::new(10, 5);
        let start = Instant::now();
        for _ in 0..5 {
            assert_eq!(bucket.take_at(1, start), Ok(()));
        }
        let wait = bucket.take_at(1, start).unwrap_err();
        assert!(wait <= Duration::from_millis(100), "{wait:?}");
        assert_eq!(bucket.take_at(1, start + Duration::from_millis(100)), Ok(()));
        assert!(bucket.take_at(1, start + Duration::from_millis(100)).is_err());
        // It never holds more than its capacity.
        let later = start + Duration::from_secs(60);
        assert!((0..6).map(|_| bucket.take_at(1, later)).filter(Result::is_ok).count() == 5);
    }

    #[test]
    fn more_than_the_bucket_holds_is_paid_back() {
        let bucket = Bucket::new(10, 5);
        let start = Instant::now();
        assert_eq!(bucket.take_at(20, start), Ok(()));
        assert!(bucket.take_at(1, start + Duration::from_secs(1)).is_err());
        assert_eq!(bucket.take_at(1, start + Duration::from_secs(2)), Ok(()));
    }
}
