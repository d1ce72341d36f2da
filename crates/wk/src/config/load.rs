//! Laying the settings' layers over each other.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt, fs, io,
    io::Read,
    path::{Path, PathBuf},
};

use super::{
    ConfigError, Settings,
    contradiction::{self, Contradiction, Whose},
    fault::Fault,
    file,
    key::KEYS,
    raw::Raw,
    template,
};

/// A longer file is no configuration.
const MAX_FILE: u64 = 1 << 20;

/// Settings, and where each value comes from.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub settings: Settings,
    origins: BTreeMap<String, Origin>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    File(PathBuf),
    Variable(String),
}

impl Loaded {
    /// Where the value of a key, by its path, comes from.
    pub(crate) fn origin(&self, path: &str) -> &Origin {
        self.origins.get(path).unwrap_or(&Origin::Default)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => path.display().fmt(f),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// Reads defaults, the file, which may be missing, and the variables.
pub(crate) fn load(
    path: &Path,
    env: impl Fn(&str) -> Option<OsString>,
) -> Result<Loaded, ConfigError> {
    let mut loaded = Loaded { settings: Settings::default(), origins: BTreeMap::new() };
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let bytes = read(path).map_err(unreadable)?.unwrap_or_default();
    let mut faults = apply_file(&bytes, path, &mut loaded);
    faults.extend(apply_variables(env, &mut loaded));
    // What could not be read may be what the rest does not fit.
    if faults.is_empty() {
        let text = String::from_utf8_lossy(&bytes);
        let contradictions = contradiction::all(&loaded.settings);
        faults.extend(contradictions.into_iter().map(|found| placed(found, path, &text, &loaded)));
    }
    if faults.is_empty() { Ok(loaded) } else { Err(ConfigError::Faults(faults)) }
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::other("the file is longer than 1 MiB"));
    }
    Ok(Some(bytes))
}

fn apply_file(bytes: &[u8], path: &Path, loaded: &mut Loaded) -> Vec<Fault> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let text = String::from_utf8_lossy(bytes);
            let at = error.valid_up_to();
            return vec![Fault::at(path.to_owned(), &text, &(at..at), "not valid UTF-8".into())];
        }
    };
    let Loaded { settings, origins } = loaded;
    file::apply(text, path, settings, |key| {
        origins.insert(key.path(), Origin::File(path.to_owned()));
    })
}

/// A contradiction at the place, in the last layer, that made it one.
fn placed(found: Contradiction, path: &Path, text: &str, loaded: &Loaded) -> Fault {
    let Contradiction { whose, message } = found;
    let (section, key) = match &whose {
        Whose::Template(name) => (template::SECTION, name.as_str()),
        Whose::Keys(section, keys) => {
            let origin = |key: &&str| loaded.origin(&format!("{section}.{key}"));
            let variables = keys.iter().find_map(|key| match origin(key) {
                Origin::Variable(name) => Some(name),
                _ => None,
            });
            if let Some(name) = variables {
                return Fault::Variable { name: format!("{name}:"), message };
            }
            let written = keys.iter().find(|key| *origin(key) != Origin::Default);
            (*section, *written.unwrap_or(&keys[0]))
        }
    };
    let span = file::place(text, section, key).unwrap_or(0..0);
    Fault::at(path.to_owned(), text, &span, message)
}

fn apply_variables(env: impl Fn(&str) -> Option<OsString>, loaded: &mut Loaded) -> Vec<Fault> {
    let mut faults = Vec::new();
    for key in KEYS {
        let name = key.variable();
        // An empty variable is as good as none.
        let Some(value) = env(&name).filter(|value| !value.is_empty()) else { continue };
        let set = match value.to_str() {
            Some(text) => (key.set)(&mut loaded.settings, Raw::Variable(text)),
            None => Err("is not valid UTF-8".into()),
        };
        match set {
            Ok(()) => {
                loaded.origins.insert(key.path(), Origin::Variable(name));
            }
            Err(message) => faults.push(Fault::Variable { name: format!("{name}:"), message }),
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn load_text(text: &[u8], variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        fs::write(&path, text).unwrap();
        load(&path, |name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())
        })
    }

    fn complaint(text: &str) -> String {
        let error = load_text(text.as_bytes(), &[]).unwrap_err().to_string();
        // The folder is another one each time.
        let at = error.find("config.toml").unwrap();
        error[at..].to_owned()
    }

    #[test]
    fn a_missing_file_means_defaults() {
        let dir = tempfile::tempdir().unwrap();
        let loaded = load(&dir.path().join("none.toml"), |_| None).unwrap();
        assert_eq!(loaded.settings, Settings::default());
        assert_eq!(*loaded.origin("session.grace"), Origin::Default);
    }

    #[test]
    fn the_later_layer_wins_and_is_named() {
        let text = b"[session]\ngrace = \"2s\"\ntimeout = \"1h30m\"\n[log]\nbackups = 2\n";
        let loaded = load_text(text, &[("WK_SESSION_GRACE", "3s")]).unwrap();
        assert_eq!(loaded.settings.session.grace, Duration::from_secs(3));
        assert_eq!(loaded.settings.session.timeout, Some(Duration::from_secs(5400)));
        assert_eq!(loaded.settings.log.backups, 2);
        assert_eq!(loaded.origin("session.grace").to_string(), "WK_SESSION_GRACE");
        assert!(matches!(loaded.origin("log.backups"), Origin::File(_)));
    }

    #[test]
    fn what_is_kept_may_be_kept_for_ever_or_not_at_all() {
        let text = b"[cleanup]\nrecordings_max = \"none\"\nrecordings_count = \"none\"\n\
                     journal_after = \"none\"\nlive_state_after = \"0s\"\n";
        let cleanup = load_text(text, &[]).unwrap().settings.cleanup;
        assert_eq!((cleanup.recordings_max, cleanup.recordings_count), (None, None));
        assert_eq!((cleanup.journal_after, cleanup.live_state_after), (None, Some(Duration::ZERO)));
    }

    #[test]
    fn variables_may_stand_for_any_type() {
        let variables = [
            ("WK_RECORDING_ENABLED", "off"),
            ("WK_RECORDING_MAX_SIZE", "1MiB"),
            ("WK_LOG_BACKUPS", "0"),
            ("WK_SESSION_TIMEOUT", "none"),
            ("WK_LOG_FORMAT", ""),
        ];
        let settings = load_text(b"[session]\ntimeout = \"5s\"", &variables).unwrap().settings;
        assert!(!settings.recording.enabled);
        assert_eq!(settings.recording.max_size, 1 << 20);
        assert_eq!((settings.log.backups, settings.session.timeout), (0, None));
        let error = load_text(b"", &[("WK_SESSION_GRACE", "ten")]).unwrap_err().to_string();
        assert!(error.starts_with("WK_SESSION_GRACE: `ten` is no length of time"), "{error}");
    }

    #[test]
    fn a_fault_is_shown_with_its_line_and_a_caret() {
        assert_eq!(
            complaint("[recording]\nenabled = true\n  max_sise = \"64MiB\"\n"),
            "config.toml:3:3: unknown key `max_sise` in [recording]: did you mean `max_size`?\n  \
             3 |   max_sise = \"64MiB\"\n    |   ^^^^^^^^"
        );
        assert_eq!(
            complaint("[session]\n\tgrace = \"soon\" # é\n"),
            "config.toml:2:10: session.grace: `soon` is no length of time: write for example \
             500ms, 10s, 5m or 1h30m\n  2 |  grace = \"soon\" # é\n    |          ^^^^^^"
        );
    }

    #[test]
    fn each_kind_of_fault_says_what_would_be_right() {
        for (text, want) in [
            ("[sesion]\ngrace = 1", "1:2: unknown section `sesion`: did you mean `session`?"),
            (
                "[telemetry]\n",
                "health, deaths, witness, cleanup, tmux, hooks, privacy, server, auth, client, template, on",
            ),
            ("session = 3", "1:1: `session` is a section: write [session]"),
            (
                "[session]\nretires = 3",
                "unknown key `retires` in [session]: did you mean `retries`?",
            ),
            ("[session]\ngrace = 10", "must be a length of time like \"10s\", not the number 10"),
            ("[session]\ntimeout = \"0s\"", "must be longer than nothing"),
            ("[recording]\nmask = \"yes\"", "must be true or false, not `yes`"),
            ("[recording]\nmax_size = -1", "must not be negative"),
            ("[recording]\nmax_size = \"1KiB\"", "must be at least 64KiB"),
            ("[log]\nbackups = 1.5", "must be a whole number, not a value of type float"),
            ("[log]\nformat = \"xml\"", "must be \"json\" or \"text\", not `xml`"),
            ("[attach]\ndetach_key = \"x\"", "attach.detach_key: "),
            ("[health]\ninterval = \"1ms\"", "health.interval: must be at least 100ms"),
            ("[health]\non_stale = \"kill\"", "must be \"report\", \"stop\" or \"restart\""),
            ("[cleanup]\ninterval = \"5ms\"", "cleanup.interval: must be at least 100ms"),
            ("[cleanup]\nrecordings_after = 30", "like \"30d\", or \"none\", not the number"),
            ("[cleanup]\nrecordings_max = -1", "must not be negative"),
            ("[cleanup]\nrecordings_count = true", "must be a whole number, or \"none\""),
            ("[session\n", "1:9: "),
            ("[log]\nbackups = 1\nbackups = 2\n", "3:1: "),
        ] {
            assert!(complaint(text).contains(want), "{text}\n{}", complaint(text));
        }
    }

    #[test]
    fn what_contradicts_itself_is_told_before_anything_runs() {
        for (text, want) in [
            (
                "[session]\nretry_delay = \"10m\"\nrecovery_deadline = \"1m30s\"\nretries = 1",
                "2:1: session.retry_delay: no retry would ever start: its delay of 10m is longer \
                 than the recovery deadline of 1m30s",
            ),
            (
                "[session]\nrecovery_deadline = \"1s\"\nretries = 1",
                "2:1: session.retry_delay: no retry would ever start: its delay of 2s",
            ),
            (
                "[template.x]\nlimits = { timeout = \"5m\", idle_timeout = \"10m\" }",
                "1:11: template.x: an idle limit of 10m is never reached before the time limit \
                 of 5m",
            ),
            (
                "[template.a]\nlimits.timeout = \"5m\"\n[template.b]\nextends = \"a\"\n\
                 limits.idle_timeout = \"5m\"",
                "3:11: template.b: an idle limit of 5m",
            ),
            (
                "[template.claude]\nretry_delay = \"1h\"",
                "1:11: template.claude: no retry would ever start: its delay of 1h is longer than \
                 the recovery deadline of 30m",
            ),
        ] {
            assert!(complaint(text).contains(want), "{text}\n{}", complaint(text));
        }
        for text in [
            "[session]\ntimeout = \"5m\"\nidle_timeout = \"10m\"",
            "[session]\nretry_delay = \"10m\"\nrecovery_deadline = \"1m\"",
            "[template.x]\nretries = 0\nretry_delay = \"1h\"",
            "[template.x]\nrecovery_deadline = \"none\"\nretry_delay = \"1h\"",
            "[template.x]\nlimits = { timeout = \"10m\", idle_timeout = \"5m\" }",
        ] {
            assert!(load_text(text.as_bytes(), &[]).is_ok(), "{text}");
        }
        let variables = [("WK_SESSION_RECOVERY_DEADLINE", "1m")];
        let text = b"[session]\nretry_delay = \"10m\"\nretries = 1";
        let error = load_text(text, &variables).unwrap_err().to_string();
        assert!(error.starts_with("WK_SESSION_RECOVERY_DEADLINE: session.retry_delay"), "{error}");
        assert!(load_text(text, &[("WK_SESSION_RECOVERY_DEADLINE", "1h")]).is_ok());
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let text = complaint("[session]\ngrace = 1\n[log]\nbackups = true\n");
        assert!(text.contains(":2:9:") && text.contains(":4:11:"), "{text}");
    }

    #[test]
    fn a_file_that_is_no_text_is_refused() {
        let error = load_text(b"[session]\n# \xff\n", &[]).unwrap_err().to_string();
        assert!(error.contains(":2:3: not valid UTF-8"), "{error}");
        assert!(load_text(&vec![b'#'; 2 << 20], &[]).is_err());
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(load(dir.path(), |_| None), Err(ConfigError::Unreadable { .. })));
    }
}
