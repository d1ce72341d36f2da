//! A sum over the processes of a tree that only grows, though processes end.

/// Keeps a sum from going down.
///
/// The kernel adds what an ended process has used to the one that waited for it, so most sums
/// only grow. Where nobody waits they drop for good; and where a process ends under the eyes
/// of who adds up, they drop for one look. Only a second low look in a row is believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    shown: u64,
    /// What ended processes took with them.
    lost: u64,
    /// What the look before gave, where that was less than had been shown.
    low: Option<u64>,
}

impl Counter {
    /// Takes in a sum as it was seen; what is to be shown of it.
    pub fn take(&mut self, seen: u64) -> u64 {
        let total = seen.saturating_add(self.lost);
        match self.low.take() {
            _ if total >= self.shown => self.shown = total,
            None => self.low = Some(total),
            Some(low) => {
                self.lost = self.lost.saturating_add(self.shown - low.min(total));
                self.shown = self.shown.max(seen.saturating_add(self.lost));
            }
        }
        self.shown
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(seen: &[u64]) -> Vec<u64> {
        let mut counter = Counter::default();
        seen.iter().map(|seen| counter.take(*seen)).collect()
    }

    #[test]
    fn what_ends_does_not_make_a_sum_go_down() {
        for (case, seen, want) in [
            ("it grows", &[0, 5, 9][..], &[0, 5, 9][..]),
            ("one look missed a process", &[10, 4, 12], &[10, 10, 12]),
            ("a process is gone for good", &[10, 4, 4, 6], &[10, 10, 10, 12]),
            ("and the others work on meanwhile", &[10, 4, 6, 7], &[10, 10, 12, 13]),
            ("one after another", &[10, 4, 3, 5], &[10, 10, 10, 12]),
        ] {
            assert_eq!(shown(seen), want, "{case}");
        }
    }

    proptest! {
        #[test]
        fn it_never_goes_down_and_never_below_what_is_seen(seen: Vec<u64>) {
            let shown = shown(&seen);
            prop_assert!(shown.is_sorted());
            prop_assert!(shown.iter().zip(&seen).all(|(shown, seen)| shown >= seen));
        }

        #[test]
        fn what_only_grows_is_shown_as_it_is(mut seen: Vec<u64>) {
            seen.sort_unstable();
            prop_assert_eq!(shown(&seen), seen);
        }

        #[test]
        fn what_was_lost_once_is_added_to_all_that_comes(
            before in 1_u64..1 << 40, left in 0_u64..1 << 30, growth in 0_u64..1 << 30,
        ) {
            prop_assume!(left < before);
            let shown = shown(&[before, left, left, left + growth]);
            prop_assert_eq!(shown[3], before + growth);
        }
    }
}
