//! The latest event of a kind of a session, looked for from the end of the journal backwards.

use rusqlite::params;
use wk_model::{Event, SessionId};

use crate::{
    Journal,
    error::Result,
    stored::{COLUMNS, JOINED, STRETCH_BITS, integer, read_event},
};

impl Journal {
    /// The latest event of this kind of a session.
    pub fn latest(&self, session: SessionId, kind: &str) -> Result<Option<Event>> {
        self.latest_that(session, kind, Some)
    }

    /// The latest events of a kind of a session, at most so many, the latest first.
    pub fn latest_events(&self, session: SessionId, kind: &str, most: usize) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        self.latest_that(session, kind, |event| {
            events.push(event);
            (events.len() >= most).then_some(())
        })?;
        Ok(events)
    }

    /// What `pick` makes of the latest event of this kind that it makes something of.
    pub fn latest_that<T>(
        &self,
        session: SessionId,
        kind: &str,
        mut pick: impl FnMut(Event) -> Option<T>,
    ) -> Result<Option<T>> {
        let (first, last) = (integer(self.first().0), integer(self.last().0));
        let session = integer(session.number());
        self.shared.memory.read(|connection| {
            let mut select = connection.prepare_cached(&in_stretch())?;
            for stretch in (first >> STRETCH_BITS..=last >> STRETCH_BITS).rev() {
                let mut rows = select.query(params![stretch, session, last, kind])?;
                while let Some(row) = rows.next()? {
                    if let Some(picked) = pick(read_event(row)?) {
                        return Ok(Some(picked));
                    }
                }
            }
            Ok(None)
        })
    }
}

/// The index has the events of a session in a stretch in order, and gives the latest first.
fn in_stretch() -> String {
    format!(
        "SELECT {COLUMNS} FROM events e {JOINED}
         WHERE e.seq >> {STRETCH_BITS} = ?1 AND e.session_id = ?2 AND e.seq <= ?3 AND e.kind = ?4
         ORDER BY e.seq DESC"
    )
}

#[cfg(test)]
mod tests {
    use wk_model::Change;

    use super::*;
    use crate::testing::*;

    fn name(event: Event) -> Option<String> {
        match event.change {
            Change::SessionRenamed { name } => Some(name),
            _ => None,
        }
    }

    #[test]
    fn the_latest_of_a_kind_is_found_across_stretches_and_what_follows_it() {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(&folder.path().join("journal.db"));
        let renamed = |name: &str| Change::SessionRenamed { name: name.to_owned() };
        let drafts = ["a", "b", "c"].map(|name| draft(id(1), 0, renamed(name)));
        journal.append_blocking(drafts.into()).unwrap();
        let others = (0..1 << STRETCH_BITS).map(|_| draft(id(2), 0, resized(9)));
        journal.append_blocking(others.collect()).unwrap();
        journal.append_blocking(vec![draft(id(1), 0, note("x"))]).unwrap();

        let latest = |session, kind| journal.latest(session, kind).unwrap();
        assert_eq!(latest(id(1), "session_renamed").and_then(name).as_deref(), Some("c"));
        assert_eq!(latest(id(1), "note_taken").unwrap().seq, journal.last());
        assert_eq!(latest(id(1), "attempt_exited"), None);
        assert_eq!(latest(id(3), "session_renamed"), None);
        let earlier = journal
            .latest_that(id(1), "session_renamed", |event| name(event).filter(|name| name != "c"));
        assert_eq!(earlier.unwrap().as_deref(), Some("b"));
        close(journal);
    }

    #[test]
    fn the_latest_is_found_by_the_index() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        close(open(&path));
        let connection = rusqlite::Connection::open(&path).unwrap();
        let mut explain =
            connection.prepare(&format!("EXPLAIN QUERY PLAN {}", in_stretch())).unwrap();
        let plan = explain.query_map(params![0, 1, 9, "a"], |row| row.get::<_, String>(3)).unwrap();
        let plan: Vec<_> = plan.map(Result::unwrap).collect();
        let wanted = "SEARCH e USING INDEX events_by_stretch (<expr>=? AND session_id=?";
        assert!(plan.iter().any(|step| step.starts_with(wanted)), "{plan:#?}");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:#?}");
    }
}
