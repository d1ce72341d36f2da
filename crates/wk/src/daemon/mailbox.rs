//! Where one task of the daemon hears from all others.

use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;

/// Takes words before anybody listens, so that it can be made before the task that does; bounded.
#[derive(Debug)]
pub(super) struct Mailbox<T> {
    sender: mpsc::Sender<T>,
    receiver: Mutex<Option<mpsc::Receiver<T>>>,
}

impl<T> Mailbox<T> {
    /// With room for so many words.
    pub(super) fn new(room: usize) -> Self {
        let (sender, receiver) = mpsc::channel(room);
        Self { sender, receiver: Mutex::new(Some(receiver)) }
    }

    /// Leaves a word, and waits for nothing; false: there is no room, or nobody listens any more.
    pub(super) fn tell(&self, word: T) -> bool {
        self.sender.try_send(word).is_ok()
    }

    /// Leaves a word as soon as there is room; false: nobody listens any more.
    pub(super) async fn send(&self, word: T) -> bool {
        self.sender.send(word).await.is_ok()
    }

    /// For the one who listens; none: somebody does already.
    pub(super) fn open(&self) -> Option<mpsc::Receiver<T>> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_told_before_anybody_listens_is_heard_by_one() {
        let mailbox = Mailbox::new(2);
        assert!(mailbox.tell(1) && mailbox.send(2).await && !mailbox.tell(3), "there is no room");
        let mut words = mailbox.open().unwrap();
        assert!(mailbox.open().is_none());
        assert_eq!((words.recv().await, words.recv().await), (Some(1), Some(2)));
        drop(words);
        assert!(!mailbox.tell(4) && !mailbox.send(5).await);
    }
}
