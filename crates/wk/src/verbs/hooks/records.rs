//! What was put into which file, kept in the state folder.

use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use wk_agents::settings::{Record, checksum};
use wk_client::Places;

/// One installation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Installation {
    pub path: PathBuf,
    /// There was no file.
    pub made_file: bool,
    /// Nor these folders, outermost first.
    pub made_folders: Vec<PathBuf>,
    pub record: Record,
}

/// The installations of this user.
#[derive(Debug)]
pub(super) struct Records(PathBuf);

impl Records {
    pub(super) fn of(places: &Places) -> Self {
        Self(places.state.join("hook-settings"))
    }

    /// What was put into a file; none where nothing was, or nobody can tell any more.
    pub(super) fn get(&self, path: &Path) -> Option<Installation> {
        let text = fs::read(self.file(path)).ok()?;
        let found: Installation = serde_json::from_slice(&text).ok()?;
        (found.path == path).then_some(found)
    }

    pub(super) fn put(&self, installation: &Installation) -> anyhow::Result<()> {
        let file = self.file(&installation.path);
        let draft = file.with_extension("new");
        let write = || -> anyhow::Result<()> {
            // The state folder may be made by this: it is its user's alone.
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
            let mut options = fs::OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            let mut opened = options.open(&draft)?;
            opened.write_all(&serde_json::to_vec(installation)?)?;
            opened.sync_all()?;
            Ok(fs::rename(&draft, &file)?)
        };
        write().with_context(|| format!("cannot write `{}`", file.display()))
    }

    pub(super) fn forget(&self, path: &Path) {
        // There may be none.
        let _ = fs::remove_file(self.file(path));
    }

    /// A name of its own for each path; two of one name lose a record, and no more.
    fn file(&self, path: &Path) -> PathBuf {
        self.0.join(format!("{:016x}.json", checksum(&path.to_string_lossy())))
    }
}

/// Removes folders that were made for a file, where nothing else is in them.
pub(super) fn remove_folders(made: &[PathBuf]) {
    for folder in made.iter().rev() {
        if fs::remove_dir(folder).is_err() {
            return;
        }
    }
}
