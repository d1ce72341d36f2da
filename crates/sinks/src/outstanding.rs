//! Which events a sink has taken, and is not done with.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;
use wk_model::Seq;

/// The events under way; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Outstanding {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// How many are under way for each event.
    counts: Mutex<BTreeMap<Seq, usize>>,
    moved: Notify,
}

/// Something is under way for an event until this is dropped.
#[derive(Debug)]
pub struct Underway {
    inner: Arc<Inner>,
    seq: Seq,
}

impl Outstanding {
    pub fn begin(&self, seq: Seq) -> Underway {
        *self.inner.counts().entry(seq).or_default() += 1;
        Underway { inner: self.inner.clone(), seq }
    }

    /// All events up to this one are done with, given that those up to `read` were taken.
    pub fn settled(&self, read: Seq) -> Seq {
        match self.inner.counts().keys().next() {
            Some(first) => read.min(Seq(first.0.saturating_sub(1))),
            None => read,
        }
    }

    /// Waits until something is done with.
    pub async fn moved(&self) {
        self.inner.moved.notified().await;
    }
}

impl Inner {
    fn counts(&self) -> MutexGuard<'_, BTreeMap<Seq, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        let mut counts = self.inner.counts();
        if let Some(count) = counts.get_mut(&self.seq) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.seq);
            }
        }
        drop(counts);
        self.inner.moved.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_settled_ends_before_the_first_that_is_under_way() {
        let outstanding = Outstanding::default();
        assert_eq!(outstanding.settled(Seq(9)), Seq(9));
        let (third, fifth, again) =
            (outstanding.begin(Seq(3)), outstanding.begin(Seq(5)), outstanding.begin(Seq(3)));
        assert_eq!(outstanding.settled(Seq(9)), Seq(2));
        drop(third);
        assert_eq!(outstanding.settled(Seq(9)), Seq(2));
        drop(again);
        assert_eq!(outstanding.settled(Seq(9)), Seq(4));
        drop(fifth);
        assert_eq!(outstanding.settled(Seq(9)), Seq(9));
    }
}
