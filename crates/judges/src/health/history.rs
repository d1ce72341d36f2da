//! The last looks at a tree, small and bounded, and where they lead.

use std::collections::VecDeque;

/// Looks that are kept: four hours at one every 30 s, and 4 KiB where they are all there.
const CAPACITY: usize = 480;

/// Fewer say nothing.
const ENOUGH: usize = 6;

/// A change of less than one part in so many is none.
const SHARE: u64 = 10;

/// Where a number is going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trend {
    Rising,
    Steady,
    Falling,
}

/// The last looks, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History(VecDeque<Point>);

/// One look, in 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    memory_kib: u32,
    open_files: u32,
}

impl History {
    /// Adds a look; the oldest makes room.
    pub fn push(&mut self, memory_bytes: u64, open_files: u32) {
        if self.0.len() == CAPACITY {
            self.0.pop_front();
        }
        let memory_kib = u32::try_from(memory_bytes >> 10).unwrap_or(u32::MAX);
        self.0.push_back(Point { memory_kib, open_files });
    }

    /// Where memory is going; less than 1 MiB is no change.
    pub fn memory_trend(&self) -> Option<Trend> {
        self.trend(|point| point.memory_kib, 1 << 10)
    }

    /// Where the number of open files is going; fewer than 4 are no change.
    pub fn open_files_trend(&self) -> Option<Trend> {
        self.trend(|point| point.open_files, 4)
    }

    /// Compares the means of the oldest and the newest third.
    fn trend(&self, of: impl Fn(&Point) -> u32, least: u64) -> Option<Trend> {
        let third = self.0.len() / 3;
        if self.0.len() < ENOUGH {
            return None;
        }
        let mean = |points: &mut dyn Iterator<Item = &Point>| {
            points.take(third).map(|point| u64::from(of(point))).sum::<u64>() / third as u64
        };
        let (old, new) = (mean(&mut self.0.iter()), mean(&mut self.0.iter().rev()));
        let enough = least.max(old / SHARE);
        Some(match (new.saturating_sub(old), old.saturating_sub(new)) {
            (more, _) if more >= enough => Trend::Rising,
            (_, less) if less >= enough => Trend::Falling,
            _ => Trend::Steady,
        })
    }
}

impl Trend {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rising => "rising",
            Self::Steady => "steady",
            Self::Falling => "falling",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn trend(files: &[u32]) -> Option<Trend> {
        let mut history = History::default();
        for count in files {
            history.push(0, *count);
        }
        history.open_files_trend()
    }

    #[test]
    fn a_trend_needs_enough_looks_and_a_change_that_counts() {
        for (case, files, want) in [
            ("too few", &[1, 100, 200, 300, 400][..], None),
            ("the same", &[5; 12], Some(Trend::Steady)),
            ("a leak", &[10, 20, 30, 40, 50, 60, 70, 80, 90], Some(Trend::Rising)),
            ("closing", &[90, 80, 70, 60, 50, 40], Some(Trend::Falling)),
            ("a few more of few", &[3, 3, 3, 6, 6, 6], Some(Trend::Steady)),
            ("a few more of many", &[100, 100, 100, 106, 106, 106], Some(Trend::Steady)),
            ("a peak that is over", &[5, 5, 500, 500, 5, 5], Some(Trend::Steady)),
        ] {
            assert_eq!(trend(files), want, "{case}");
        }
    }

    #[test]
    fn it_never_takes_more_than_four_kibibytes() {
        let mut history = History::default();
        for look in 0..1000 {
            history.push(look << 20, 7);
        }
        assert_eq!(history.0.len(), CAPACITY);
        assert!(history.0.capacity() * size_of::<Point>() <= 4096);
        assert_eq!(history.memory_trend(), Some(Trend::Rising));
    }

    proptest! {
        #[test]
        fn no_numbers_are_too_large(looks in proptest::collection::vec(any::<(u64, u32)>(), 0..300)) {
            let mut history = History::default();
            for (memory, files) in looks {
                history.push(memory, files);
            }
            let _ = (history.memory_trend(), history.open_files_trend());
        }
    }
}
