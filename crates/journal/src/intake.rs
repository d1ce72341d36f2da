//! Takes events in: gives each its number, exactly once per source and number.
//!
//! The caches repeat what the tables hold, and are dropped whenever a commit fails.

use std::{collections::HashMap, sync::Arc};

use rusqlite::{Connection, OptionalExtension, params};
use wk_model::{BootId, Change, Draft, Event, Seq, SessionId, Source, Time};

use crate::{
    error::{JournalError, Result},
    stored,
};

/// Beyond this an event is no event but a document; 10 MB of arguments end here.
const MAX_DATA: usize = 4 << 20;
const MAX_WORD: usize = 256;
/// Sources whose numbers are remembered; more are looked up.
const CACHED_SOURCES: usize = 4096;

/// What became of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    New(Seq),
    /// Its source had delivered it before.
    Known(Seq),
    /// The same, so long ago that the journal has forgotten the event.
    Forgotten,
}

impl Taken {
    /// Where the event is in the journal; none where it was trimmed.
    pub fn seq(self) -> Option<Seq> {
        match self {
            Self::New(seq) | Self::Known(seq) => Some(seq),
            Self::Forgotten => None,
        }
    }
}

/// A draft ready to be written: made on the caller's thread, to spare the writer's.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// `seq`, `source_seq` and `recorded_at` are given by the intake.
    pub(crate) event: Arc<Event>,
    pub(crate) number: Option<u64>,
    pub(crate) data: String,
}

impl Prepared {
    pub(crate) fn new(draft: Draft) -> Result<Self> {
        let Draft { at, session_id, source, source_seq, trace_parent, change } = draft;
        let data = encode(&change)?;
        let change = match change {
            // It is taken for what it will be read as, or a replay would tell another story.
            Change::Other { kind, .. } => stored::decode(&kind, stored::VERSION, &data),
            change => change,
        };
        check(&source, change.kind(), trace_parent.as_deref(), &data)?;
        if [at.boot_ns, source_seq.unwrap_or(0)].iter().any(|n| i64::try_from(*n).is_err()) {
            return Err(bad("a number of it is beyond 63 bits"));
        }
        let event = Event {
            seq: Seq(0),
            at,
            recorded_at: Time::default(),
            session_id,
            source,
            source_seq: 0,
            trace_parent,
            change,
        };
        Ok(Self { event: Arc::new(event), number: source_seq, data })
    }
}

/// The writer's knowledge of numbers given so far.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    /// None: to be looked up.
    last: Option<Seq>,
    sources: HashMap<Source, Numbers>,
    boots: HashMap<BootId, i64>,
}

#[derive(Debug)]
struct Numbers {
    id: i64,
    last: u64,
    /// Events up to this number were in the journal once.
    trimmed: u64,
}

impl Intake {
    /// Writes an event, unless it is known.
    pub(crate) fn take(
        &mut self,
        connection: &Connection,
        prepared: &mut Prepared,
        recorded_at: Time,
    ) -> Result<Taken> {
        let failed = JournalError::database("append to");
        let last = match self.last {
            Some(last) => last,
            None => last_seq(connection)?,
        };
        let boot = self.boot(connection, prepared.event.at.boot).map_err(&failed)?;
        let numbers = self.numbers(connection, &prepared.event.source).map_err(&failed)?;
        let number = prepared.number.unwrap_or(numbers.last + 1);
        if number <= numbers.last
            && let Some(seq) = find(connection, numbers.id, number).map_err(&failed)?
        {
            return Ok(Taken::Known(seq));
        }
        if number <= numbers.trimmed {
            return Ok(Taken::Forgotten);
        }
        if i64::try_from(number).is_err() {
            return Err(bad("its source has no numbers left"));
        }
        let (seq, source) = (Seq(last.0 + 1), numbers.id);
        numbers.last = numbers.last.max(number);
        let event = Arc::make_mut(&mut prepared.event);
        (event.seq, event.source_seq, event.recorded_at) = (seq, number, recorded_at);
        insert(connection, event, boot, source, &prepared.data).map_err(&failed)?;
        self.last = Some(seq);
        Ok(Taken::New(seq))
    }

    /// The ordinal of a boot: boots are in the order in which the journal first saw them.
    pub(crate) fn boot(&mut self, connection: &Connection, boot: BootId) -> rusqlite::Result<i64> {
        if let Some(id) = self.boots.get(&boot) {
            return Ok(*id);
        }
        let name = boot.to_string();
        connection.execute("INSERT OR IGNORE INTO boots (boot) VALUES (?1)", [&name])?;
        let id = connection
            .query_row("SELECT id FROM boots WHERE boot = ?1", [&name], |row| row.get(0))?;
        if self.boots.len() >= CACHED_SOURCES {
            self.boots.clear();
        }
        self.boots.insert(boot, id);
        Ok(id)
    }

    fn numbers(
        &mut self,
        connection: &Connection,
        source: &Source,
    ) -> rusqlite::Result<&mut Numbers> {
        if !self.sources.contains_key(source) {
            if self.sources.len() >= CACHED_SOURCES {
                self.sources.clear();
            }
            let numbers = look_up(connection, source)?;
            self.sources.insert(source.clone(), numbers);
        }
        self.sources.get_mut(source).ok_or(rusqlite::Error::QueryReturnedNoRows)
    }
}

/// The number of the oldest event that is kept; 1 where there is none.
pub(crate) fn first_seq(connection: &Connection) -> Result<Seq> {
    connection
        .query_row("SELECT coalesce(min(seq), 1) FROM events", [], |row| stored::read_seq(row, 0))
        .map_err(JournalError::database("read"))
}

/// The number of the newest event; 0 where there is none.
pub(crate) fn last_seq(connection: &Connection) -> Result<Seq> {
    connection
        .query_row("SELECT coalesce(max(seq), 0) FROM events", [], |row| stored::read_seq(row, 0))
        .map_err(JournalError::database("read"))
}

fn encode(change: &Change) -> Result<String> {
    stored::encode(change).map_err(|error| bad(&error.to_string()))
}

fn check(source: &Source, kind: &str, trace_parent: Option<&str>, data: &str) -> Result<()> {
    let words = [("source", source.0.as_str()), ("kind", kind)];
    let words = words.into_iter().chain(trace_parent.map(|trace| ("trace_parent", trace)));
    for (what, word) in words {
        if word.len() > MAX_WORD {
            return Err(bad(&format!("its {what} is longer than {MAX_WORD} bytes")));
        }
    }
    if data.len() > MAX_DATA {
        return Err(bad(&format!("its data of {} bytes is more than {MAX_DATA}", data.len())));
    }
    Ok(())
}

fn bad(reason: &str) -> JournalError {
    JournalError::BadDraft { reason: reason.to_owned() }
}

fn look_up(connection: &Connection, source: &Source) -> rusqlite::Result<Numbers> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO sources (name) VALUES (?1)")?
        .execute([&source.0])?;
    connection
        .prepare_cached(
            "SELECT id, (SELECT coalesce(max(source_seq), 0) FROM events WHERE source = id), trimmed
             FROM sources WHERE name = ?1",
        )?
        .query_row([&source.0], |row| {
            let number = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
            let (id, trimmed) = (row.get(0)?, number(2)?);
            Ok(Numbers { id, last: number(1)?.max(trimmed), trimmed })
        })
}

fn find(connection: &Connection, source: i64, number: u64) -> rusqlite::Result<Option<Seq>> {
    connection
        .prepare_cached("SELECT seq FROM events WHERE source = ?1 AND source_seq = ?2")?
        .query_row(params![source, stored::integer(number)], |row| stored::read_seq(row, 0))
        .optional()
}

fn insert(
    connection: &Connection,
    event: &Event,
    boot: i64,
    source: i64,
    data: &str,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO events (seq, boot, boot_ns, time_ms, recorded_ms, session_id, source,
                 source_seq, version, kind, trace_parent, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            stored::integer(event.seq.0),
            boot,
            stored::integer(event.at.boot_ns),
            event.at.time.as_millis(),
            event.recorded_at.as_millis(),
            event.session_id.map(|id: SessionId| stored::integer(id.number())),
            source,
            stored::integer(event.source_seq),
            stored::VERSION,
            event.change.kind(),
            event.trace_parent,
            data,
        ])?;
    Ok(())
}
