//! Reads verdicts, newest first.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashSet},
};

use rusqlite::params;
use wk_model::{Change, Seq, SessionId, Time, Verdict};

use crate::{
    Journal,
    error::Result,
    stored::{COLUMNS, JOINED, integer, read_event},
};

/// A verdict and whom it is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    pub session_id: SessionId,
    pub seq: Seq,
    pub verdict: Verdict,
}

impl Journal {
    /// Of the latest verdicts of each attempt that ended at or after `since`, those that `keep`
    /// keeps, newest first; where there are more than `limit`, those whose ends are the latest.
    ///
    /// Reads no further back than it must.
    pub fn verdicts(
        &self,
        since: Option<Time>,
        limit: usize,
        keep: impl Fn(&Verdict) -> bool,
    ) -> Result<Vec<Judged>> {
        self.shared.memory.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM events e {JOINED}
                 WHERE e.kind = 'verdict_reached' AND e.seq <= ?1 ORDER BY e.seq DESC"
            );
            let mut select = connection.prepare_cached(&sql)?;
            let mut rows = select.query(params![integer(u64::MAX)])?;
            let (mut found, mut seen) = (Vec::new(), HashSet::new());
            let mut latest = Latest { ends: BinaryHeap::new(), limit };
            while let Some(row) = rows.next()? {
                let event = read_event(row)?;
                // A verdict follows its end within a day, or the clock was set.
                let too_old = |since: Time| since.millis_since(event.recorded_at) > DAY_MS;
                if latest.is_before_all(event.recorded_at) || since.is_some_and(too_old) {
                    break;
                }
                let (Some(session_id), Change::VerdictReached(verdict)) =
                    (event.session_id, event.change)
                else {
                    continue;
                };
                let recent = since.is_none_or(|since| verdict.end_time >= since);
                if recent && seen.insert((session_id, verdict.attempt)) && keep(&verdict) {
                    latest.add((verdict.end_time, event.seq));
                    found.push(Judged { session_id, seq: event.seq, verdict: *verdict });
                }
            }
            found.retain(|judged| latest.has((judged.verdict.end_time, judged.seq)));
            Ok(found)
        })
    }

    /// The latest verdict of an attempt; none: of the latest attempt that has one.
    pub fn verdict(&self, session: SessionId, attempt: Option<u32>) -> Result<Option<Verdict>> {
        self.latest_that(session, "verdict_reached", |event| match event.change {
            Change::VerdictReached(verdict)
                if attempt.is_none_or(|attempt| verdict.attempt == attempt) =>
            {
                Some(*verdict)
            }
            _ => None,
        })
    }
}

const DAY_MS: u64 = 86_400_000;

/// The latest ends, at most `limit` of them, each with its verdict's place.
struct Latest {
    ends: BinaryHeap<Reverse<(Time, Seq)>>,
    limit: usize,
}

impl Latest {
    fn add(&mut self, end: (Time, Seq)) {
        self.ends.push(Reverse(end));
        if self.ends.len() > self.limit {
            self.ends.pop();
        }
    }

    fn has(&self, end: (Time, Seq)) -> bool {
        self.ends.peek().is_some_and(|Reverse(oldest)| end >= *oldest)
    }

    /// Whether there are enough, and what was recorded then can only be of an earlier end.
    fn is_before_all(&self, recorded: Time) -> bool {
        self.ends.len() >= self.limit
            && self.ends.peek().is_none_or(|Reverse((oldest, _))| recorded < *oldest)
    }
}
