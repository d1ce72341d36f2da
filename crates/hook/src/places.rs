//! Where records, sockets and settings are: the daemon's own places, found without it.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use rustix::process::getuid;

/// The folders that a hook uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookPlaces {
    /// The daemon's state; none where nobody can tell.
    pub state: Option<PathBuf>,
    /// Where its sockets are.
    pub runtime: PathBuf,
}

impl HookPlaces {
    /// Finds them as the daemon does, and without `HOME` by the user's entry in `/etc/passwd`.
    pub fn find() -> Self {
        Self::with(|name| env::var_os(name), home_of_user)
    }

    fn with(
        variable: impl Fn(&str) -> Option<OsString>,
        home: impl FnOnce() -> Option<PathBuf>,
    ) -> Self {
        let path = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = path("WK_STATE_DIR")
            .or_else(|| path("XDG_STATE_HOME").map(|folder| folder.join("watchkeeper")))
            .or_else(|| {
                let home = path("HOME").or_else(home)?;
                Some(home.join(".local/state/watchkeeper"))
            });
        let runtime = path("WK_RUNTIME_DIR")
            .or_else(|| path("XDG_RUNTIME_DIR").map(|folder| folder.join("watchkeeper")))
            .unwrap_or_else(|| {
                Path::new("/tmp").join(format!("watchkeeper-{}", getuid().as_raw()))
            });
        Self { state, runtime }
    }

    /// The folder of records and of what belongs to them.
    pub fn hooks(&self) -> Option<PathBuf> {
        self.state.as_deref().map(hooks)
    }

    /// Where records go while the state's disk takes none.
    pub fn second_hooks(&self) -> PathBuf {
        hooks(&self.runtime)
    }

    /// The daemon's bell.
    pub fn bell(&self) -> PathBuf {
        bell(&self.runtime)
    }
}

/// The folder of records in a folder of state, or of sockets.
pub fn hooks(folder: &Path) -> PathBuf {
    folder.join("hooks")
}

/// The bell in the folder of sockets.
pub fn bell(runtime: &Path) -> PathBuf {
    runtime.join("bell")
}

/// The home in the user's line of `/etc/passwd`.
fn home_of_user() -> Option<PathBuf> {
    let text = fs::read("/etc/passwd").ok()?;
    home_in(&text, getuid().as_raw())
}

fn home_in(passwd: &[u8], uid: u32) -> Option<PathBuf> {
    let uid = uid.to_string();
    let line = passwd
        .split(|byte| *byte == b'\n')
        .find(|line| line.split(|byte| *byte == b':').nth(2) == Some(uid.as_bytes()))?;
    let home = Path::new(OsStr::from_bytes(line.split(|byte| *byte == b':').nth(5)?));
    home.is_absolute().then(|| home.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(variables: &[(&str, &str)]) -> HookPlaces {
        let value = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        HookPlaces::with(value, || Some("/passwd".into()))
    }

    #[test]
    fn the_places_are_the_daemons() {
        let plain = find(&[("HOME", "/h")]);
        assert_eq!(plain.hooks().unwrap(), Path::new("/h/.local/state/watchkeeper/hooks"));
        let set = find(&[("WK_STATE_DIR", "/s"), ("WK_RUNTIME_DIR", "/r"), ("HOME", "/h")]);
        assert_eq!(set.hooks().unwrap(), Path::new("/s/hooks"));
        assert_eq!(set.bell(), Path::new("/r/bell"));
        let xdg = find(&[("XDG_STATE_HOME", "/x"), ("XDG_RUNTIME_DIR", "/y")]);
        assert_eq!(xdg.state.unwrap(), Path::new("/x/watchkeeper"));
        assert_eq!(xdg.runtime, Path::new("/y/watchkeeper"));
    }

    #[test]
    fn without_a_home_the_users_entry_tells() {
        let homeless = find(&[]);
        assert_eq!(homeless.state.unwrap(), Path::new("/passwd/.local/state/watchkeeper"));
        let passwd = b"root:x:0:0::/root:/bin/sh\nbroken\nme:x:1000:1000:,,,:/home/me:/bin/zsh\n";
        assert_eq!(home_in(passwd, 1000).unwrap(), Path::new("/home/me"));
        assert_eq!(home_in(passwd, 7), None);
    }
}
