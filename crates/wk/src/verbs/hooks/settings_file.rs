//! A settings file: read whole, and replaced whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};

/// Nobody writes larger settings.
const LARGEST: u64 = 16 << 20;

/// A file as it was found.
#[derive(Debug)]
pub(super) struct SettingsFile {
    /// Where it lies, symbolic links followed.
    pub target: PathBuf,
    /// None: there is none.
    pub text: Option<String>,
}

/// What was made for a file that was not there.
pub(super) type MadeFolders = Vec<PathBuf>;

impl SettingsFile {
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let target = match fs::canonicalize(path) {
            Ok(target) => target,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                ensure!(!path.is_symlink(), "`{shown}` is a symbolic link to nothing");
                return Ok(Self { target: path.to_owned(), text: None });
            }
            Err(error) => return Err(error).with_context(|| format!("cannot find `{shown}`")),
        };
        let text = read(&target).with_context(|| format!("cannot read `{shown}`"))?;
        Ok(Self { target, text: Some(text) })
    }

    /// Its text; nothing where there is no file.
    pub(super) fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    /// Puts `text` in its place, unless somebody else has changed it meanwhile.
    pub(super) fn replace(&self, text: &str, mode: u32) -> anyhow::Result<MadeFolders> {
        let folder = self.target.parent().unwrap_or(Path::new("/"));
        let made =
            make_folders(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        self.check_same()?;
        let failed = || format!("cannot write `{}`", self.target.display());
        let name = self.target.file_name().unwrap_or_default().to_string_lossy();
        let draft = folder.join(format!(".{name}.wk-{}", std::process::id()));
        let written = self.write(&draft, text, mode).with_context(failed);
        if written.is_err() {
            // It may not have been made.
            let _ = fs::remove_file(&draft);
        }
        written.map(|()| made)
    }

    /// Removes it, unless somebody else has changed it meanwhile.
    pub(super) fn remove(&self) -> anyhow::Result<()> {
        self.check_same()?;
        fs::remove_file(&self.target)
            .with_context(|| format!("cannot remove `{}`", self.target.display()))
    }

    fn write(&self, draft: &Path, text: &str, mode: u32) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(draft)?;
        if self.text.is_some() {
            let old = fs::metadata(&self.target)?;
            let new = file.metadata()?;
            if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
                std::os::unix::fs::fchown(&file, Some(old.uid()), Some(old.gid()))?;
            }
            file.set_permissions(fs::Permissions::from_mode(old.mode() & 0o7777))?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        self.check_same().map_err(io::Error::other)?;
        fs::rename(draft, &self.target)?;
        File::open(self.target.parent().unwrap_or(Path::new("/")))?.sync_all()
    }

    fn check_same(&self) -> anyhow::Result<()> {
        let now = match self.text {
            Some(_) => read(&self.target).ok(),
            None => self.target.exists().then(String::new),
        };
        if now != self.text {
            bail!("`{}` was changed meanwhile: try again", self.target.display());
        }
        Ok(())
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    let file = File::open(path)?;
    let found = file.metadata()?;
    ensure!(found.is_file(), "it is no file");
    ensure!(found.len() <= LARGEST, "it is larger than any settings");
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    String::from_utf8(bytes).context("it is no UTF-8 text")
}

fn make_folders(folder: &Path) -> io::Result<MadeFolders> {
    let mut missing: MadeFolders =
        folder.ancestors().take_while(|folder| !folder.exists()).map(Path::to_owned).collect();
    missing.reverse();
    for folder in &missing {
        fs::create_dir(folder)?;
    }
    Ok(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_its_mode_and_its_link() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        SettingsFile::read(&link).unwrap().replace("new", 0o600).unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
        assert_eq!(fs::metadata(&real).unwrap().mode() & 0o7777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_change_by_somebody_else_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        let absent = SettingsFile::read(&path).unwrap();
        fs::write(&path, "theirs").unwrap();
        let present = SettingsFile::read(&path).unwrap();
        assert!(absent.replace("ours", 0o600).unwrap_err().to_string().contains("meanwhile"));
        fs::write(&path, "theirs again").unwrap();
        assert!(present.replace("ours", 0o600).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs again");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_settings_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::os::unix::fs::symlink("nowhere", &path).unwrap();
        assert!(SettingsFile::read(&path).unwrap_err().to_string().contains("link to nothing"));
        assert!(SettingsFile::read(folder.path()).is_err());
        let bytes = folder.path().join("bytes");
        fs::write(&bytes, [0xff]).unwrap();
        assert!(SettingsFile::read(&bytes).is_err());
    }

    #[test]
    fn folders_that_were_not_there_are_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/c.json");
        let made = SettingsFile::read(&path).unwrap().replace("{}", 0o600).unwrap();
        assert_eq!(made, [folder.path().join("a"), folder.path().join("a/b")]);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }
}
