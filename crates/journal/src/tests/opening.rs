//! Opening: what is not ours stays as it is, what is damaged is kept.

use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use rusqlite::Connection;
use wk_model::{Change, Seq};

use crate::{EventQuery, Journal, JournalError, schema, testing::*};

fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entry = |entry: fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
    };
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|e| entry(e.unwrap())).collect();
    // The shared-memory file is only an index, made again by whoever opens the database.
    files.retain(|(name, bytes)| !name.ends_with("-shm") && !bytes.is_empty());
    files.sort();
    files
}

#[test]
fn a_journal_opens_as_it_was_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path);
    journal.append_blocking(life(id(1), 0, "a", 0)).unwrap();
    journal.append_blocking(vec![draft(id(2), 9, created("b"))]).unwrap();
    let (journal_id, live) = (journal.id(), journal.live());
    for end in ["", "-wal", "-shm", ".lock"] {
        let file = folder.path().join(format!("journal.db{end}"));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{end}");
    }
    assert!(matches!(Journal::open(&path), Err(JournalError::InUse { .. })));
    close(journal);

    let opened = Journal::open(&path).unwrap();

    assert_eq!(opened.set_aside, None);
    assert_eq!(opened.journal.id(), journal_id);
    assert_eq!(journal_id.to_string().parse(), Ok(journal_id));
    assert_eq!((opened.journal.first(), opened.journal.last()), (Seq(1), Seq(4)));
    assert_eq!(opened.journal.live(), live);
}

#[test]
fn a_newer_journal_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    close(open(&path));
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let before = contents(folder.path());

    let refused = Journal::open(&path);

    assert!(matches!(refused, Err(JournalError::TooNew { found: 99, known: schema::VERSION })));
    assert!(contents(folder.path()) == before);
}

#[test]
fn a_newer_version_in_the_log_alone_is_refused_too() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("journal.db"), folder.path().join("copy"));
    close(open(&path));
    fs::create_dir(&copy).unwrap();
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    // As a crash would leave it: the log has it, the main file does not.
    for end in ["", "-wal"] {
        let name = format!("journal.db{end}");
        fs::copy(folder.path().join(&name), copy.join(&name)).unwrap();
    }
    let before = contents(&copy);
    assert_eq!(before[0].1[60..64], schema::VERSION.to_be_bytes());

    let refused = Journal::open(&copy.join("journal.db"));

    assert!(matches!(refused, Err(JournalError::TooNew { found: 99, known: schema::VERSION })));
    assert!(contents(&copy) == before);
}

#[test]
fn a_database_of_others_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let before = contents(folder.path());

    assert!(matches!(Journal::open(&path), Err(JournalError::Foreign { .. })));

    assert!(contents(folder.path()) == before);
}

#[test]
fn a_damaged_journal_is_set_aside_and_a_new_one_says_so() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 5] = [
        ("no database at all", |path| fs::write(path, "x".repeat(9000)).unwrap()),
        ("cut short", |path| {
            let file = fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(file.metadata().unwrap().len() / 2).unwrap();
        }),
        ("overwritten amid", overwrite),
        ("overwritten amid, with a log", |path| {
            // As a crash would leave it: some is only in the log.
            let copy = path.with_file_name("copy");
            let connection = Connection::open(path).unwrap();
            connection.execute_batch("UPDATE meta SET value = '0'").unwrap();
            fs::copy(path, &copy).unwrap();
            fs::copy(path.with_file_name("journal.db-wal"), copy.with_extension("wal")).unwrap();
            drop(connection);
            fs::rename(&copy, path).unwrap();
            fs::rename(copy.with_extension("wal"), path.with_file_name("journal.db-wal")).unwrap();
            overwrite(path);
        }),
        ("gone, but for its log", |path| {
            fs::rename(path, path.with_file_name("journal.db-wal")).unwrap();
        }),
    ];
    for (case, damage) in damages {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let journal = open(&path);
        for number in 0..50 {
            journal.append_blocking(life(id(number), number, "a", 0)).unwrap();
        }
        let old_id = journal.id();
        close(journal);
        damage(&path);
        let damaged: Vec<_> = contents(folder.path()).into_iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(damaged.len(), if case.ends_with("with a log") { 2 } else { 1 }, "{case}");

        let opened = Journal::open(&path).unwrap();

        let place = opened.set_aside.expect(case);
        assert!(place.to_string_lossy().contains("journal.db.corrupt-"), "{case}");
        let kept = contents(folder.path());
        let kept = kept.iter().filter(|(name, _)| name.contains(".corrupt-"));
        assert!(kept.map(|(_, bytes)| bytes).eq(&damaged), "{case}: kept byte by byte");
        let journal = opened.journal;
        assert_ne!(journal.id(), old_id, "{case}");
        let events = journal.events(&EventQuery::default()).unwrap();
        assert!(
            matches!(&events[..], [only] if matches!(&only.change, Change::JournalGap(gap) if gap.events.is_none())),
            "{case}"
        );
        assert!(journal.live().is_empty(), "{case}");
    }
}

fn overwrite(path: &Path) {
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    let end = file.metadata().unwrap().len();
    for page in 2..end / 4096 {
        file.seek(SeekFrom::Start(page * 4096)).unwrap();
        file.write_all(&[0xa5; 2048]).unwrap();
    }
}

#[test]
fn a_large_journal_is_checked_once_it_has_shown_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path);
    for number in 0..9 {
        let large = note(&"x".repeat(2 << 20));
        journal.append_blocking(vec![draft(id(number), number, large)]).unwrap();
    }
    close(journal);
    // The index that finds the events of a session.
    let connection = Connection::open(&path).unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'events_by_stretch'";
    let root: u32 = connection.query_row(root, [], |row| row.get(0)).unwrap();
    drop(connection);
    let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(u64::from(root - 1) * 4096)).unwrap();
    file.write_all(&[0xa5; 4096]).unwrap();

    // No crash of the machine came between: it is not read through.
    let opened = Journal::open(&path).unwrap();
    assert_eq!(opened.set_aside, None);
    let query = EventQuery { session: Some(id(1)), ..EventQuery::default() };
    assert!(matches!(opened.journal.events(&query), Err(JournalError::Corrupt { .. })));
    close(opened.journal);

    let opened = Journal::open(&path).unwrap();
    assert!(opened.set_aside.is_some());
    close(opened.journal);
    assert_eq!(Journal::open(&path).unwrap().set_aside, None);
}

#[test]
fn a_second_damaged_journal_does_not_overwrite_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut places = Vec::new();
    for text in ["first", "second", "third"] {
        fs::write(&path, text.repeat(500)).unwrap();
        let opened = Journal::open(&path).unwrap();
        places.push((opened.set_aside.unwrap(), text.repeat(500)));
        close(opened.journal);
    }
    for (place, text) in places {
        assert_eq!(fs::read_to_string(place).unwrap(), text);
    }
}

#[test]
fn sessions_are_folded_anew_for_another_version_of_the_fold() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path);
    journal.append_blocking(life(id(1), 0, "a", 0)).unwrap();
    let session = journal.session(id(1)).unwrap();
    close(journal);
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "UPDATE meta SET value = '0' WHERE name = 'projection';
             UPDATE sessions SET state = '{\"of\": \"an older version\"}'",
        )
        .unwrap();
    drop(connection);

    assert_eq!(open(&path).session(id(1)).unwrap(), session);
}
