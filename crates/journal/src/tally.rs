//! How many sessions there are of each status, and what their retries came to.

use rusqlite::Connection;
use wk_model::{Session, Status};

use crate::{
    Journal, SessionQuery,
    clock::now,
    error::Result,
    strips::{Column, each_part},
};

/// Numbers of all sessions that are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// In the order of [`Status::ALL`].
    by_status: [u64; Status::ALL.len()],
    /// Living ones without a status: their first attempt is still to come.
    pub without_status: u64,
    /// Retries of all of them.
    pub retries: u64,
    /// Sessions that were retried.
    pub retried: u64,
    /// Those of them that it has helped.
    pub recovered: u64,
}

impl Tally {
    /// How many have a status.
    pub fn of(&self, status: Status) -> u64 {
        let place = Status::ALL.iter().position(|other| *other == status);
        place.and_then(|place| self.by_status.get(place)).copied().unwrap_or(0)
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.by_status.iter().sum::<u64>() + self.without_status
    }

    fn add(&mut self, status: Option<Status>, count: u64) {
        let place = Status::ALL.iter().position(|other| Some(*other) == status);
        match place.and_then(|place| self.by_status.get_mut(place)) {
            Some(number) => *number += count,
            None => self.without_status += count,
        }
    }
}

impl Journal {
    /// Counts all sessions; one that ends just now may count twice.
    pub fn tally(&self) -> Result<Tally> {
        let (mut tally, now) = (Tally::default(), now());
        for session in self.live() {
            tally.add(session.status(), 1);
            tally.retries += u64::from(session.recovery.total);
            tally.retried += u64::from(session.recovery.total > 0);
            tally.recovered += u64::from(Session::has_recovered(&session, now));
        }
        self.shared.memory.read(|connection| past(connection, &mut tally))?;
        Ok(tally)
    }
}

/// Adds the ended ones.
fn past(connection: &Connection, tally: &mut Tally) -> rusqlite::Result<()> {
    let connection = connection.unchecked_transaction()?;
    each_part(&connection, &SessionQuery::default(), None, |part| {
        let words = part.words(Column::Status)?;
        let mut counts = words.each_as(|_| 0);
        for place in part.places() {
            counts[usize::from(words.codes[place])] += 1;
        }
        let statuses = words.each_as(|word| word.and_then(|word| word.parse().ok()));
        for (status, count) in statuses.into_iter().zip(counts) {
            tally.add(status, count);
        }
        Ok(())
    })?;
    // Few have any, and they have an index of their own.
    let mut select = connection.prepare_cached(
        "SELECT count(*), coalesce(sum(retries), 0), coalesce(sum(recovered), 0) FROM past
         WHERE retries > 0",
    )?;
    let number = |number: i64| number.unsigned_abs();
    select.query_row([], |row| {
        tally.retried += number(row.get(0)?);
        tally.retries += number(row.get(1)?);
        tally.recovered += number(row.get(2)?);
        Ok(())
    })
}
