//! The settings that a hook needs: from variables, else as the daemon has left them.
//!
//! A hook reads no `config.toml`: the daemon writes what matters into a file of one line.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// The file in the folder of records.
pub const FILE: &str = "settings.json";

/// What hooks are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HookSettings {
    /// Where session files are.
    pub session_file_dir: PathBuf,
    /// Older ids are no longer believed, in seconds.
    pub session_file_ttl: u64,
    /// Whether a session file is on disk before the hook returns.
    pub session_file_fsync: bool,
    /// Of what comes on stdin, in bytes.
    pub max_payload: usize,
}

impl Default for HookSettings {
    fn default() -> Self {
        Self {
            session_file_dir: "/tmp".into(),
            session_file_ttl: 24 * 3600,
            session_file_fsync: false,
            max_payload: 64 << 10,
        }
    }
}

impl HookSettings {
    /// The settings in effect; `hooks` is the folder of records.
    pub fn load(hooks: Option<&Path>) -> Self {
        let text = hooks.and_then(|folder| fs::read(folder.join(FILE)).ok());
        let told = text.and_then(|text| serde_json::from_slice(&text).ok());
        let mut settings: Self = told.unwrap_or_default();
        settings.take_variables(|name| env::var_os(name).filter(|value| !value.is_empty()));
        settings
    }

    fn take_variables(&mut self, variable: impl Fn(&str) -> Option<OsString>) {
        let text = |name: &str| variable(name)?.into_string().ok();
        if let Some(folder) = variable("WK_HOOKS_SESSION_FILE_DIR").map(PathBuf::from)
            && folder.is_absolute()
        {
            self.session_file_dir = folder;
        }
        if let Some(ttl) = text("WK_HOOKS_SESSION_FILE_TTL").and_then(|text| seconds(&text)) {
            self.session_file_ttl = ttl;
        }
        if let Some(fsync) = text("WK_HOOKS_SESSION_FILE_FSYNC") {
            self.session_file_fsync = matches!(fsync.as_str(), "true" | "1" | "yes" | "on");
        }
    }

    /// How long an id is believed.
    pub fn ttl(&self) -> Duration {
        Duration::from_secs(self.session_file_ttl)
    }

    /// Leaves them for hooks, unless they are there already.
    pub fn save(&self, hooks: &Path) -> io::Result<()> {
        leave(hooks, FILE, self)
    }
}

/// Leaves something as JSON in a folder of this user's, unless it is there already.
pub fn leave(folder: &Path, name: &str, told: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_vec(told).map_err(io::Error::other)?;
    let path = folder.join(name);
    if fs::read(&path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    let new = folder.join(format!("{name}.{}.new", std::process::id()));
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&new);
    file.and_then(|mut file| file.write_all(&text))?;
    fs::rename(new, path)
}

/// `90`, `90s`, `10m`, `24h` or `7d` as seconds.
fn seconds(text: &str) -> Option<u64> {
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h', 'd']) {
        Some(number) => (number, text.as_bytes()[number.len()]),
        None => (text, b's'),
    };
    let factor = match unit {
        b'm' => 60,
        b'h' => 3600,
        b'd' => 24 * 3600,
        _ => 1,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_daemon_left_is_read_and_a_variable_comes_first() {
        let dir = tempfile::tempdir().unwrap();
        let left = HookSettings { max_payload: 1000, ..HookSettings::default() };
        left.save(dir.path()).unwrap();
        let mut read = HookSettings::load(Some(dir.path()));
        assert_eq!(read.max_payload, 1000);
        read.take_variables(|name| match name {
            "WK_HOOKS_SESSION_FILE_DIR" => Some("/elsewhere".into()),
            "WK_HOOKS_SESSION_FILE_TTL" => Some("2h".into()),
            _ => None,
        });
        assert_eq!(read.session_file_dir, Path::new("/elsewhere"));
        assert_eq!(read.session_file_ttl, 7200);
        fs::write(dir.path().join(FILE), "{\"max_payload\":\"x\"").unwrap();
        assert_eq!(HookSettings::load(Some(dir.path())).max_payload, 64 << 10);
    }

    #[test]
    fn lengths_of_time_are_read() {
        for (text, want) in [
            ("90", Some(90)),
            ("10m", Some(600)),
            ("7d", Some(604_800)),
            ("x", None),
            ("", None),
            ("é", None),
        ] {
            assert_eq!(seconds(text), want, "{text}");
        }
    }
}
