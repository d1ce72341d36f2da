//! The project that a program works in.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// A project: the folder that holds `.git`, or the working directory where none does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    pub name: OsString,
    /// None: only its name is known.
    pub folder: Option<PathBuf>,
}

impl Project {
    /// The project of a working directory.
    pub fn of(directory: &Path) -> Self {
        // Two ways to one folder are one project.
        let directory = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
        let folder = directory
            .ancestors()
            .find(|folder| fs::symlink_metadata(folder.join(".git")).is_ok())
            .unwrap_or(&directory)
            .to_owned();
        let name = folder.file_name().unwrap_or(OsStr::new("root")).to_owned();
        Self { name, folder: Some(folder) }
    }

    /// A project of which only the name is known.
    pub fn named(name: &str) -> Self {
        let name = name.rsplit('/').find(|part| !part.is_empty()).unwrap_or("root");
        Self { name: name.into(), folder: None }
    }

    /// Tells this folder from others of the same name.
    pub fn hash(&self) -> Option<String> {
        let folder = self.folder.as_ref()?;
        let sum = folder.as_os_str().as_bytes().iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, b| {
            (sum ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Some(format!("{sum:016x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_with_the_repository_gives_the_name() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/project/src/deep");
        fs::create_dir_all(&deep).unwrap();
        assert_eq!(Project::of(&deep).name, "deep", "no repository: the directory itself");
        // Where work trees are, `.git` is a file.
        fs::write(dir.path().join("a/project/.git"), "gitdir: elsewhere").unwrap();
        let project = Project::of(&deep);
        assert_eq!(project.name, "project");
        assert_eq!(project, Project::of(&dir.path().join("a/project")));
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&deep, &link).unwrap();
        assert_eq!(Project::of(&link), project);
    }

    #[test]
    fn namesakes_are_told_apart_and_a_name_is_no_path() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a/same"), dir.path().join("b/same"));
        fs::create_dir_all(&a).unwrap();
        fs::create_dir_all(&b).unwrap();
        let (a, b) = (Project::of(&a), Project::of(&b));
        assert_eq!(a.name, b.name);
        assert_ne!(a.hash(), b.hash());
        assert_eq!(Project::named("../../etc/passwd").name, "passwd");
        assert_eq!(Project::named("/").name, "root");
        assert_eq!(Project::of(Path::new("/")).name, "root");
    }
}
