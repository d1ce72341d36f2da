//! Where a user's state, sockets and configuration are.

use std::{
    env,
    ffi::OsString,
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

/// The folders and files of one user.
///
/// Each can be set apart by a variable: `WK_STATE_DIR`, `WK_RUNTIME_DIR`, `WK_CONFIG`. A test,
/// or a second daemon, sets all three.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// `$XDG_STATE_HOME/watchkeeper`: the journal and the sessions' folders.
    pub state: PathBuf,
    /// `$XDG_RUNTIME_DIR/watchkeeper`, else `/tmp/watchkeeper-UID`: sockets.
    pub runtime: PathBuf,
    /// `$XDG_CONFIG_HOME/watchkeeper/config.toml`.
    pub config: PathBuf,
}

/// Why a place cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadPlace {
    #[error("cannot tell where your state is: set HOME or WK_STATE_DIR")]
    NoHome,
    #[error("`{name}` must be an absolute path, not `{}`", value.display())]
    Relative { name: &'static str, value: PathBuf },
    #[error("cannot make the folder `{}`", path.display())]
    Make { path: PathBuf, source: io::Error },
    #[error("`{}` belongs to user {uid}, not to you: remove it, or set WK_RUNTIME_DIR", path.display())]
    Foreign { path: PathBuf, uid: u32 },
    #[error("`{}` is open to others (mode {mode:o}): chmod it to 700", path.display())]
    Open { path: PathBuf, mode: u32 },
    #[error("the socket path `{}` is longer than the 107 bytes that the system allows: set WK_RUNTIME_DIR to a shorter folder", path.display())]
    TooLong { path: PathBuf },
}

impl Places {
    /// Finds the places of the user who runs this process.
    pub fn of_this_user() -> Result<Self, BadPlace> {
        let places = Self::find(|name| env::var_os(name).filter(|value| !value.is_empty()))?;
        places.check_length()?;
        Ok(places)
    }

    fn find(variable: impl Fn(&'static str) -> Option<OsString>) -> Result<Self, BadPlace> {
        let path = |name| match variable(name).map(PathBuf::from) {
            Some(value) if value.is_relative() => Err(BadPlace::Relative { name, value }),
            path => Ok(path),
        };
        let home = path("HOME")?;
        let in_home = |xdg, below: &str| match path(xdg)? {
            Some(folder) => Ok(folder.join("watchkeeper")),
            None => {
                let home = home.as_ref().ok_or(BadPlace::NoHome)?;
                Ok(home.join(below).join("watchkeeper"))
            }
        };
        let state = match path("WK_STATE_DIR")? {
            Some(state) => state,
            None => in_home("XDG_STATE_HOME", ".local/state")?,
        };
        let config = match path("WK_CONFIG")? {
            Some(config) => config,
            None => in_home("XDG_CONFIG_HOME", ".config")?.join("config.toml"),
        };
        let runtime = match (path("WK_RUNTIME_DIR")?, path("XDG_RUNTIME_DIR")?) {
            (Some(runtime), _) => runtime,
            (None, Some(folder)) => folder.join("watchkeeper"),
            (None, None) => {
                let uid = rustix::process::getuid().as_raw();
                Path::new("/tmp").join(format!("watchkeeper-{uid}"))
            }
        };
        Ok(Self { state, runtime, config })
    }

    /// The daemon's socket.
    pub fn socket(&self) -> PathBuf {
        self.runtime.join("wk.sock")
    }

    /// The socket of a session's holder.
    pub fn holder_socket(&self, session_id: &str, attempt: u32) -> PathBuf {
        self.runtime.join("h").join(format!("{session_id}-{attempt}"))
    }

    /// The sessions' folders.
    pub fn sessions(&self) -> PathBuf {
        self.state.join("sessions")
    }

    /// Makes the folders for state and sockets, 0700, and checks that they are this user's own.
    pub fn make(&self) -> Result<(), BadPlace> {
        self.check_length()?;
        for folder in [&self.state, &self.runtime, &self.sessions(), &self.runtime.join("h")] {
            private_folder(folder)?;
        }
        Ok(())
    }

    fn check_length(&self) -> Result<(), BadPlace> {
        let longest = self.holder_socket("000000000000", 1_000_000);
        if longest.as_os_str().len() > 107 {
            return Err(BadPlace::TooLong { path: longest });
        }
        Ok(())
    }
}

/// Makes `path` with its parents, or checks one that is there.
///
/// The folder may lie in `/tmp`, where anybody could have made it first.
fn private_folder(path: &Path) -> Result<(), BadPlace> {
    let failed = |source| BadPlace::Make { path: path.to_owned(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    let found = fs::symlink_metadata(path).map_err(failed)?;
    if !found.is_dir() {
        return Err(failed(io::Error::from(io::ErrorKind::NotADirectory)));
    }
    if found.uid() != rustix::process::getuid().as_raw() {
        return Err(BadPlace::Foreign { path: path.to_owned(), uid: found.uid() });
    }
    match found.mode() & 0o777 {
        mode if mode & 0o077 == 0 => Ok(()),
        mode => Err(BadPlace::Open { path: path.to_owned(), mode }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn find(variables: &[(&str, &str)]) -> Result<Places, BadPlace> {
        Places::find(|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn the_places_follow_the_variables() {
        let uid = rustix::process::getuid().as_raw();
        let plain = find(&[("HOME", "/h")]).unwrap();
        assert_eq!(plain.state, Path::new("/h/.local/state/watchkeeper"));
        assert_eq!(plain.config, Path::new("/h/.config/watchkeeper/config.toml"));
        assert_eq!(plain.socket(), PathBuf::from(format!("/tmp/watchkeeper-{uid}/wk.sock")));

        let xdg = [("HOME", "/h"), ("XDG_STATE_HOME", "/s"), ("XDG_RUNTIME_DIR", "/r")];
        let places = find(&xdg).unwrap();
        assert_eq!(places.state, Path::new("/s/watchkeeper"));
        assert_eq!(places.socket(), Path::new("/r/watchkeeper/wk.sock"));

        let own = [("WK_STATE_DIR", "/a"), ("WK_RUNTIME_DIR", "/b"), ("WK_CONFIG", "/c.toml")];
        assert_eq!(
            find(&own).unwrap(),
            Places { state: "/a".into(), runtime: "/b".into(), config: "/c.toml".into() }
        );
    }

    #[test]
    fn a_missing_home_and_a_relative_path_are_refused() {
        assert!(matches!(find(&[]), Err(BadPlace::NoHome)));
        let relative = find(&[("HOME", "/h"), ("WK_STATE_DIR", "state")]);
        assert!(matches!(relative, Err(BadPlace::Relative { name: "WK_STATE_DIR", .. })));
    }

    #[test]
    fn a_folder_that_others_can_enter_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let runtime = dir.path().join("run");
        fs::create_dir(&runtime).unwrap();
        fs::set_permissions(&runtime, fs::Permissions::from_mode(0o755)).unwrap();
        let places = Places { state: dir.path().join("s"), runtime, config: "/c".into() };
        assert!(matches!(places.make(), Err(BadPlace::Open { mode: 0o755, .. })));
    }

    #[test]
    fn a_socket_path_that_cannot_be_bound_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let runtime = dir.path().join("r".repeat(100));
        let places = Places { state: dir.path().into(), runtime, config: "/c".into() };
        assert!(matches!(places.make(), Err(BadPlace::TooLong { .. })));
    }
}
