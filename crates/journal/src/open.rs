//! Opens a journal: refuses what is not ours to touch, sets aside what is damaged.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
};

use rusqlite::{Connection, OptionalExtension};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{info, warn};
use wk_model::{Change, Draft, JournalGap, Source};

use crate::{
    INBOX, Journal, JournalId, Shared,
    clock::{Clock, now},
    error::{JournalError, Result},
    inbox::Batch,
    intake::{Prepared, first_seq, last_seq},
    memory::Memory,
    row, schema,
    writer::Writer,
};

/// Up to this size a journal is checked whenever it is opened: that takes some milliseconds.
const SMALL: u64 = 16 << 20;

/// An opened journal.
#[derive(Debug)]
pub struct Opened {
    pub journal: Journal,
    /// Where a damaged journal was put; a new one was begun.
    pub set_aside: Option<PathBuf>,
}

pub(crate) fn open(path: &Path) -> Result<Opened> {
    let lock = lock(path)?;
    let log = fs::metadata(beside(path, "-wal")).map_or(0, |metadata| metadata.len());
    let lost = log > 0 && !path.exists();
    let first = if lost {
        Err(JournalError::Corrupt { detail: "its main file is gone".into() })
    } else {
        prepare(path)
    };
    let (connection, damage) = match first {
        Ok(connection) => (connection, None),
        Err(JournalError::Corrupt { detail }) => {
            let place = set_aside(path)?;
            remove_if_there(&beside(path, ".suspect"))?;
            warn!(%detail, place = %place.display(), "set a damaged journal aside");
            (prepare(path)?, Some((place, detail)))
        }
        Err(error) => return Err(error),
    };
    let mut started = start(path, connection, lock)?;
    if let Some((place, detail)) = &damage {
        started.begin_anew(place, detail)?;
    }
    let journal = started.run(path)?;
    Ok(Opened { journal, set_aside: damage.map(|(place, _)| place) })
}

/// Has a journal that shows damage checked when it is next opened, however large it is.
pub(crate) fn note_damage(connection: &Connection, error: &JournalError) {
    if let JournalError::Corrupt { .. } = error
        && let Some(path) = connection.path()
        && let Err(error) = File::create(beside(path.as_ref(), ".suspect"))
    {
        warn!(%error, "cannot mark the journal for a check");
    }
}

struct Started {
    writer: Writer,
    journal: Journal,
}

impl Started {
    fn begin_anew(&mut self, place: &Path, detail: &str) -> Result<()> {
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let reason = format!("{detail}; the journal before this one is kept as {name}");
        let draft = Prepared::new(Draft {
            at: self.writer.clock.moment(),
            session_id: None,
            source: Source::daemon(),
            source_seq: None,
            trace_parent: None,
            change: Change::JournalGap(JournalGap { events: None, reason }),
        })?;
        let (reply, mut answer) = oneshot::channel();
        self.writer.commit(vec![Batch { drafts: vec![draft], reply }]);
        answer.try_recv().map_err(|_| JournalError::Closed)?.map(drop)
    }

    fn run(self, path: &Path) -> Result<Journal> {
        let Self { writer, journal } = self;
        std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || writer.run())
            .map_err(|error| JournalError::file("start the writer of", path, error))?;
        Ok(journal)
    }
}

fn start(path: &Path, mut connection: Connection, lock: File) -> Result<Started> {
    let failed = JournalError::database("read");
    let projection = meta(&connection, "projection").map_err(&failed)?;
    if projection.as_deref() != Some(schema::PROJECTION) {
        info!("folding all sessions again for this version");
        crate::rebuild::rebuild(&mut connection)?;
        set_meta(&connection, "projection", schema::PROJECTION).map_err(&failed)?;
    }
    let id = meta(&connection, "journal_id").map_err(&failed)?;
    let id = id.and_then(|id| id.parse::<JournalId>().ok());
    let id = id.ok_or_else(|| JournalError::Corrupt { detail: "it has no id".into() })?;
    let first = first_seq(&connection)?;
    let living = row::living(&connection).map_err(&failed)?;
    let (last, watched) = watch::channel(last_seq(&connection)?);
    let memory = Arc::new(Memory::new(path, living)?);
    let (sender, inbox) = mpsc::channel(INBOX);
    let first = Arc::new(AtomicU64::new(first.0));
    let shared =
        Shared { id, first: Arc::clone(&first), last: watched, memory: Arc::clone(&memory) };
    Ok(Started {
        writer: Writer::new(connection, memory, first, last, inbox, lock),
        journal: Journal { inbox: sender, shared: Arc::new(shared) },
    })
}

fn prepare(path: &Path) -> Result<Connection> {
    create(path)?;
    let mut connection = schema::connect(path)?;
    let boot = Clock::new().boot().to_string();
    if !schema::is_new(&connection)? {
        check(&connection, path, &boot)?;
    }
    schema::prepare(&mut connection)?;
    set_meta(&connection, "checked_in_boot", &boot).map_err(JournalError::database("prepare"))?;
    Ok(connection)
}

/// Checks what could have been damaged: a process that dies damages nothing, a machine may.
fn check(connection: &Connection, path: &Path, boot: &str) -> Result<()> {
    let failed = JournalError::database("check");
    let suspect = beside(path, ".suspect");
    let size = fs::metadata(path).map_or(0, |metadata| metadata.len());
    let checked = meta(connection, "checked_in_boot").map_err(&failed)?;
    if size > SMALL && checked.as_deref() == Some(boot) && !suspect.exists() {
        return Ok(());
    }
    let check = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match check.map_err(&failed)?.as_str() {
        "ok" => remove_if_there(&suspect),
        found => Err(JournalError::Corrupt { detail: found.to_owned() }),
    }
}

/// The file is ours alone before anything is in it; SQLite gives its companions the same mode.
fn create(path: &Path) -> Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(JournalError::file("create", path, error)),
    }
    for file in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        match fs::set_permissions(&file, Permissions::from_mode(0o600)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(JournalError::file("protect", &file, error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// One writer per journal; the lock goes with the process.
fn lock(path: &Path) -> Result<File> {
    let path = beside(path, ".lock");
    let lock = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
    let lock = lock.map_err(|error| JournalError::file("open", &path, error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => Err(JournalError::InUse { path }),
        Err(fs::TryLockError::Error(error)) => Err(JournalError::file("lock", &path, error)),
    }
}

/// Moves a journal out of the way, under a name that nothing has.
fn set_aside(path: &Path) -> Result<PathBuf> {
    let time = now().as_millis();
    let place = (time..)
        .map(|number| beside(path, &format!(".corrupt-{number}")))
        .find(|place| !["", "-wal", "-shm"].iter().any(|end| beside(place, end).exists()))
        .unwrap_or_else(|| beside(path, ".corrupt"));
    for end in ["-shm", "-wal", ""] {
        let from = beside(path, end);
        match fs::rename(&from, beside(&place, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(JournalError::file("set aside", &from, error));
            }
            _ => {}
        }
    }
    Ok(place)
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(JournalError::file("remove", path, error))
        }
        _ => Ok(()),
    }
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn meta(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    connection
        .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
        .optional()
}

/// Writes only what changes: each write is a sync.
fn set_meta(connection: &Connection, name: &str, value: &str) -> rusqlite::Result<()> {
    if meta(connection, name)?.as_deref() == Some(value) {
        return Ok(());
    }
    connection
        .execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)", [name, value])
        .map(drop)
}
