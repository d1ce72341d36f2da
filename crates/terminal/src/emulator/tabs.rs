//! Where the cursor stops when it is moved by tabulators.

const INTERVAL: usize = 8;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TabStops(Vec<bool>);

impl TabStops {
    pub(crate) fn new(columns: usize) -> TabStops {
        TabStops((0..columns).map(is_default).collect())
    }

    /// Columns that are new get the default stops.
    pub(crate) fn resize(&mut self, columns: usize) {
        self.0.truncate(columns);
        self.0.extend((self.0.len()..columns).map(is_default));
    }

    pub(crate) fn set(&mut self, column: usize, stop: bool) {
        if let Some(entry) = self.0.get_mut(column) {
            *entry = stop;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.fill(false);
    }

    /// The next stop right of `column`, or the last column.
    pub(crate) fn after(&self, column: usize) -> usize {
        let last = self.0.len() - 1;
        (column + 1..last).find(|&stop| self.0[stop]).unwrap_or(last)
    }

    /// The next stop left of `column`, or the first column.
    pub(crate) fn before(&self, column: usize) -> usize {
        (0..column).rev().find(|&stop| self.0[stop]).unwrap_or(0)
    }

    /// The stops, if they are not the default ones.
    pub(crate) fn changed(&self) -> Option<impl Iterator<Item = usize>> {
        let changed = self.0.iter().enumerate().any(|(column, &stop)| stop != is_default(column));
        changed.then(|| self.0.iter().enumerate().filter(|(_, stop)| **stop).map(|(at, _)| at))
    }
}

fn is_default(column: usize) -> bool {
    column.is_multiple_of(INTERVAL)
}
