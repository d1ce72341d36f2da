//! A sink's place in the journal, kept in a file.

use std::{fs, io, io::Write, os::unix::fs::OpenOptionsExt, path::PathBuf};

use serde::{Deserialize, Serialize};
use wk_journal::Journal;
use wk_model::Seq;

/// Where a sink has got to: all up to it is done.
#[derive(Clone, Debug)]
pub struct Cursor {
    path: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
struct Place {
    journal: String,
    seq: u64,
}

impl Cursor {
    /// The file need not be there yet, but its folder must.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The place that was kept; the journal's end where there is none for this journal, as in
    /// a new or a remade one: what happened before is told to nobody again.
    pub fn load(&self, journal: &Journal) -> Seq {
        let read = || -> Option<Seq> {
            let place: Place = serde_json::from_slice(&fs::read(&self.path).ok()?).ok()?;
            let ours = place.journal == journal.id().to_string() && place.seq <= journal.last().0;
            ours.then_some(Seq(place.seq))
        };
        read().unwrap_or_else(|| journal.last())
    }

    /// Keeps a place.
    pub fn save(&self, journal: &Journal, seq: Seq) -> io::Result<()> {
        let place = Place { journal: journal.id().to_string(), seq: seq.0 };
        let new = self.path.with_extension("new");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(&serde_json::to_vec(&place)?)?;
        // A crash of the machine must not leave an empty file under the name.
        file.sync_data()?;
        fs::rename(new, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use wk_model::{Change, Draft, Moment, Source, Time};

    use super::*;

    fn draft() -> Draft {
        Draft {
            at: Moment { time: Time::from_millis(0), boot: Default::default(), boot_ns: 0 },
            session_id: None,
            source: Source::daemon(),
            source_seq: None,
            trace_parent: None,
            change: Change::ConfigReloaded,
        }
    }

    #[tokio::test]
    async fn a_place_is_kept_and_one_of_another_journal_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(&folder.path().join("journal.db")).unwrap().journal;
        journal.append(vec![draft(), draft(), draft()]).await.unwrap();
        let cursor = Cursor::new(folder.path().join("rules.cursor"));
        assert_eq!(cursor.load(&journal), Seq(3), "nothing is told twice to begin with");
        cursor.save(&journal, Seq(2)).unwrap();
        assert_eq!(cursor.load(&journal), Seq(2));
        for text in ["", "{}", "{\"journal\":\"0000000000000000\",\"seq\":1}"] {
            fs::write(folder.path().join("rules.cursor"), text).unwrap();
            assert_eq!(cursor.load(&journal), Seq(3), "{text}");
        }
        cursor.save(&journal, Seq(99)).unwrap();
        assert_eq!(cursor.load(&journal), Seq(3), "beyond the end");
        journal.close().await;
    }
}
