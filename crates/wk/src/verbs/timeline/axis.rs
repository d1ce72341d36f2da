//! Time as columns.

use wk_model::Time;

use crate::text::span;

/// From the first moment to the last, on so many columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    start: i64,
    /// At least 1.
    millis: i64,
    pub columns: usize,
}

impl Axis {
    pub(super) fn new(start: Time, end: Time, columns: usize) -> Self {
        let (start, end) = (start.as_millis(), end.as_millis());
        Self { start, millis: end.saturating_sub(start).max(1), columns: columns.max(1) }
    }

    /// The column of a moment; those outside are at an end.
    pub(super) fn column(self, time: Time) -> usize {
        let since = time.as_millis().saturating_sub(self.start).clamp(0, self.millis);
        let column = i128::from(since) * self.columns as i128 / i128::from(self.millis);
        usize::try_from(column).unwrap_or(0).min(self.columns - 1)
    }

    /// The columns that a span touches.
    pub(super) fn columns(self, from: Time, to: Time) -> std::ops::RangeInclusive<usize> {
        let first = self.column(from);
        first..=self.column(to).max(first)
    }

    /// How long after the start, at every mark.
    pub(super) fn scale(self) -> String {
        const APART: usize = 16;
        let marks = (self.columns / APART).max(1);
        let mut line = String::new();
        for mark in 0..marks {
            let column = mark * self.columns / marks;
            let millis = i128::from(self.millis) * column as i128 / self.columns as i128;
            let label = format!("╷{}", span::brief(millis as f64 / 1000.0));
            let used = line.chars().count();
            line.extend(std::iter::repeat_n(' ', column.saturating_sub(used)));
            line.push_str(&label);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ms: i64) -> Time {
        Time::from_millis(ms)
    }

    #[test]
    fn a_moment_has_a_column() {
        let axis = Axis::new(at(1000), at(2000), 10);
        let columns = [0, 1000, 1099, 1100, 1999, 2000, 9999].map(|ms| axis.column(at(ms)));
        assert_eq!(columns, [0, 0, 0, 1, 9, 9, 9]);
        assert_eq!(axis.columns(at(1250), at(1460)), 2..=4);
        assert_eq!(Axis::new(at(0), at(64_000), 32).scale(), "╷0s             ╷32s");
    }

    proptest! {
        #[test]
        fn no_moment_is_off_the_axis(start: i64, end: i64, time: i64, columns in 0..200_usize) {
            let axis = Axis::new(at(start), at(end), columns);
            prop_assert!(axis.column(at(time)) < axis.columns);
            prop_assert!(axis.columns(at(time), at(end)).count() <= axis.columns);
            prop_assert!(!axis.scale().is_empty());
        }
    }
}
