//! The tables, and how a connection to them is set up.
//!
//! `events` is the truth; `sessions`, `creations`, `past`, `labels`, `idempotency`,
//! `awaited`, `summaries`, `repeated` and `strips` are folded from it and can be made again at
//! any time.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, config::DbConfig};
use rusqlite_migration::{M, Migrations};

use crate::error::{JournalError, Result};

/// What `user_version` says after all migrations.
pub(crate) const VERSION: u32 = MIGRATIONS.len() as u32;

/// Raised when the same events fold into other sessions than before.
pub(crate) const PROJECTION: &str = "9";

/// Says whose database this is (`PRAGMA application_id`): the bytes `WKjn`.
const APPLICATION: i64 = 0x574b_6a6e;

/// Keeps the last connection from checkpointing when it closes.
const QUIET: DbConfig = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;

const MIGRATIONS: &[M<'static>] = &[
    M::up(
        "
    PRAGMA application_id = 0x574b6a6e;

    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO meta VALUES ('journal_id', lower(hex(randomblob(8))));

    CREATE TABLE boots (id INTEGER PRIMARY KEY, boot TEXT NOT NULL UNIQUE) STRICT;
    CREATE TABLE sources (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
    CREATE TABLE events (
        seq INTEGER PRIMARY KEY,
        boot INTEGER NOT NULL,
        boot_ns INTEGER NOT NULL,
        time_ms INTEGER NOT NULL,
        recorded_ms INTEGER NOT NULL,
        session_id INTEGER,
        source INTEGER NOT NULL,
        source_seq INTEGER NOT NULL,
        version INTEGER NOT NULL,
        kind TEXT NOT NULL,
        trace_parent TEXT,
        data TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX events_by_source ON events (source, source_seq);
    CREATE INDEX events_by_session ON events (session_id) WHERE session_id IS NOT NULL;

    -- Every session; place: 0 lives, 1 ended, 2 removed. Rewritten with each of its events, so
    -- small: what never changes is in `creations`, what lists look at is in `past`.
    CREATE TABLE sessions (
        row INTEGER PRIMARY KEY,
        id INTEGER NOT NULL UNIQUE,
        place INTEGER NOT NULL,
        boot INTEGER NOT NULL,
        boot_ns INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        state TEXT NOT NULL
    ) STRICT;
    CREATE INDEX sessions_living ON sessions (row) WHERE place = 0;
    CREATE TABLE creations (row INTEGER PRIMARY KEY, data TEXT NOT NULL) STRICT;

    -- Ended sessions, in the order of lists.
    CREATE TABLE past (
        start_ms INTEGER NOT NULL,
        id INTEGER NOT NULL UNIQUE,
        row INTEGER NOT NULL,
        end_ms INTEGER NOT NULL,
        status TEXT NOT NULL,
        kind TEXT NOT NULL,
        name TEXT,
        agent_id TEXT,
        component TEXT,
        username TEXT,
        PRIMARY KEY (start_ms, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX past_end ON past (end_ms);
    CREATE INDEX past_status ON past (status, start_ms, id);
    CREATE INDEX past_kind ON past (kind, start_ms, id);
    CREATE INDEX past_name ON past (name, start_ms, id) WHERE name IS NOT NULL;
    CREATE INDEX past_agent ON past (agent_id, start_ms, id) WHERE agent_id IS NOT NULL;
    CREATE INDEX past_component ON past (component, start_ms, id) WHERE component IS NOT NULL;
    CREATE INDEX past_user ON past (username, start_ms, id) WHERE username IS NOT NULL;
    CREATE TABLE labels (
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        start_ms INTEGER NOT NULL,
        id INTEGER NOT NULL,
        PRIMARY KEY (key, value, start_ms, id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE idempotency (key TEXT PRIMARY KEY, session_id INTEGER NOT NULL)
        STRICT, WITHOUT ROWID;
    ",
    ),
    // An index by session alone is written all over with each commit. With the stretch of the
    // journal in front, a commit writes only its end, and a session has one place in each
    // stretch to look for it (`stored::OF_SESSION`).
    M::up(
        "
    DROP INDEX events_by_session;
    CREATE INDEX events_by_stretch ON events (seq >> 13, session_id)
        WHERE session_id IS NOT NULL;

    -- Sessions that have events, but no creation yet.
    CREATE TABLE awaited (id INTEGER PRIMARY KEY) STRICT;
    ",
    ),
    M::up(
        "
    -- The newest summary of each session that has one.
    CREATE TABLE summaries (session_id INTEGER PRIMARY KEY, seq INTEGER NOT NULL) STRICT;
    -- The highest number of a source that was trimmed.
    ALTER TABLE sources ADD COLUMN trimmed INTEGER NOT NULL DEFAULT 0;

    -- For statistics.
    ALTER TABLE past ADD COLUMN template TEXT;
    ALTER TABLE past ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE past ADD COLUMN retries INTEGER NOT NULL DEFAULT 0;
    -- Few sessions are retried: their numbers are added up from an index that has no others.
    ALTER TABLE past ADD COLUMN recovered INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX past_retried ON past (retries, recovered) WHERE retries > 0;
    ",
    ),
    M::up(
        "
    -- The last creation of each session that was created again: while that event is kept, a
    -- rebuild finds the session.
    CREATE TABLE repeated (session_id INTEGER PRIMARY KEY, seq INTEGER NOT NULL) STRICT;
    INSERT INTO repeated SELECT session_id, max(seq) FROM events
        WHERE kind = 'session_created' AND session_id IS NOT NULL
        GROUP BY session_id
        HAVING count(*) > 1 OR session_id IN (SELECT session_id FROM summaries);
    ",
    ),
    // Few events are verdicts, and they are asked for by themselves.
    M::up(
        "
    CREATE INDEX events_verdicts ON events (seq) WHERE kind = 'verdict_reached';
    ",
    ),
    // Ended sessions column by column (`strips`), which serve all filters that had an index of
    // their own, and any of them together; a commit has fewer indexes to write.
    M::up(
        "
    ALTER TABLE past ADD COLUMN shell_type TEXT;
    ALTER TABLE past ADD COLUMN reported INTEGER NOT NULL DEFAULT 0;
    -- The strip that it is in, and its place there; none: it is loose.
    ALTER TABLE past ADD COLUMN shelf INTEGER;
    CREATE INDEX past_loose ON past (start_ms, id) WHERE shelf IS NULL;
    DROP INDEX past_end;
    DROP INDEX past_status;
    DROP INDEX past_kind;
    DROP INDEX past_component;
    DROP INDEX past_user;

    CREATE TABLE strips (
        strip INTEGER PRIMARY KEY,
        rows INTEGER NOT NULL,
        gone INTEGER NOT NULL,
        first_ms INTEGER NOT NULL,
        last_ms INTEGER NOT NULL,
        ended_ms INTEGER NOT NULL,
        longest_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE strip_columns (key INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
    -- Places whose sessions have left `past`.
    CREATE TABLE strip_gone (shelf INTEGER PRIMARY KEY) STRICT;
    ",
    ),
    // So are events of tools, and there are many of others between them.
    M::up(
        "
    CREATE INDEX events_tools ON events (seq) WHERE kind IN ('tool_started', 'tool_finished');
    CREATE INDEX events_tokens ON events (session_id) WHERE kind = 'tokens_counted';
    ",
    ),
    M::up("ALTER TABLE past ADD COLUMN restarts INTEGER NOT NULL DEFAULT 0;"),
];

/// Opens the one connection that writes. Nothing changes on disk before `prepare`, not even
/// by closing it, which would work off a log that may not be ours.
pub(crate) fn connect(path: &Path) -> Result<Connection> {
    let failed = JournalError::database("open");
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(&failed)?;
    connection.set_db_config(QUIET, true).map_err(&failed)?;
    refuse_strangers(&connection, path)?;
    Ok(connection)
}

/// Whether there is nothing in it yet.
pub(crate) fn is_new(connection: &Connection) -> Result<bool> {
    Ok(number(connection, "SELECT count(*) FROM sqlite_schema")? == 0)
}

/// Brings a database that is ours to the newest schema, and the connection to its settings.
pub(crate) fn prepare(connection: &mut Connection) -> Result<()> {
    let failed = JournalError::database("prepare");
    connection.set_db_config(QUIET, false).map_err(&failed)?;
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;
             PRAGMA cache_size = -4096;
             PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 0;",
        )
        .map_err(&failed)?;
    connection.set_prepared_statement_cache_capacity(64);
    Migrations::from_slice(MIGRATIONS).to_latest(connection).map_err(|error| match error {
        rusqlite_migration::Error::RusqliteError { err, .. } => failed(err),
        other => JournalError::Corrupt { detail: other.to_string() },
    })
}

/// Opens one of the connections that only read.
pub(crate) fn connect_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.execute_batch(
        "PRAGMA busy_timeout = 5000; PRAGMA cache_size = -1024; PRAGMA temp_store = MEMORY;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn refuse_strangers(connection: &Connection, path: &Path) -> Result<()> {
    let ours = number(connection, "PRAGMA application_id")? == APPLICATION;
    if !ours && !is_new(connection)? {
        return Err(JournalError::Foreign { path: path.to_owned() });
    }
    let found = number(connection, "PRAGMA user_version")?;
    let found = u32::try_from(found).unwrap_or(u32::MAX);
    if found > VERSION {
        return Err(JournalError::TooNew { found, known: VERSION });
    }
    Ok(())
}

fn number(connection: &Connection, sql: &str) -> Result<i64> {
    connection.query_row(sql, [], |row| row.get(0)).map_err(JournalError::database("read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migrations_are_valid() {
        Migrations::from_slice(MIGRATIONS).validate().unwrap();
    }

    #[test]
    fn a_commit_is_on_disk_when_it_returns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        std::fs::write(&path, "").unwrap();
        let mut connection = connect(&path).unwrap();
        prepare(&mut connection).unwrap();
        // 2 is FULL: the log is synced at every commit, and not only when it is worked off.
        assert_eq!(number(&connection, "PRAGMA synchronous").unwrap(), 2);
        let mode = connection.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0));
        assert_eq!(mode.unwrap(), "wal");
    }
}
