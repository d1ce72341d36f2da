//! Following the journal from a place on disk.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use wk_journal::{Journal, JournalError};
use wk_model::{Event, Seq};

use crate::{cursor::Cursor, outstanding::Outstanding};

/// Between writings of the place.
const KEEP: Duration = Duration::from_secs(1);

/// After an error of the journal.
const AGAIN: Duration = Duration::from_secs(2);

/// Tells `take` of every event after the kept place, in order, until `ending`; an event that
/// is not done with then is told again to the next daemon.
pub async fn follow(
    journal: &Journal,
    cursor: &Cursor,
    outstanding: &Outstanding,
    ending: &CancellationToken,
    take: impl FnMut(&Arc<Event>),
) {
    let from = cursor.load(journal);
    follow_from(journal, from, cursor, outstanding, ending, take).await;
}

/// The same for one who has looked up the kept place already.
pub async fn follow_from(
    journal: &Journal,
    from: Seq,
    cursor: &Cursor,
    outstanding: &Outstanding,
    ending: &CancellationToken,
    mut take: impl FnMut(&Arc<Event>),
) {
    let mut read = from;
    let mut kept = None;
    let mut events = journal.subscribe(read, None);
    let mut next_keeping = Instant::now();
    let mut dirty = true;
    loop {
        tokio::select! {
            () = ending.cancelled() => break,
            batch = events.next() => match batch {
                Ok(batch) => {
                    for event in &batch {
                        take(event);
                        read = event.seq;
                    }
                    dirty = true;
                }
                Err(JournalError::Closed) => break,
                Err(JournalError::Trimmed { first }) => {
                    tracing::warn!(%first, "events were trimmed before all were told of them");
                    read = Seq(first.0.saturating_sub(1));
                    events = journal.subscribe(read, None);
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot follow the journal");
                    sleep(AGAIN).await;
                }
            },
            () = outstanding.moved() => dirty = true,
            () = sleep_until(next_keeping), if dirty => {
                dirty = false;
                next_keeping = Instant::now() + KEEP;
                keep(journal, cursor, outstanding.settled(read), &mut kept).await;
            }
        }
    }
    keep(journal, cursor, outstanding.settled(read), &mut kept).await;
}

async fn keep(journal: &Journal, cursor: &Cursor, place: Seq, kept: &mut Option<Seq>) {
    if *kept == Some(place) {
        return;
    }
    let (file, of) = (cursor.clone(), journal.clone());
    let saved = tokio::task::spawn_blocking(move || file.save(&of, place)).await;
    match saved {
        Ok(Ok(())) => *kept = Some(place),
        // A full disk, most likely. Some will be told again what they know.
        Ok(Err(error)) => tracing::warn!(%error, "cannot keep a sink's place in the journal"),
        Err(_) => {}
    }
}
