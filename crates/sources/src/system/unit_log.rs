//! What systemd and the daemons under it have written of ends: units that were stopped, OOM
//! daemons, logins that ended.
//!
//! Asked of `journalctl` where systemd's journal is, once for each look and for a bounded time.
//! Believed is only whom the journal itself vouches for (`_SYSTEMD_UNIT`, `_COMM`, `_UID`): a
//! name that a line gives itself can be anybody's.

mod ask;
mod line;

use std::time::{Duration, Instant};

use wk_judges::autopsy::LogNote;
use wk_model::Time;

pub use self::line::read_line;

/// A line of systemd's journal, and when it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journalled {
    pub time: Time,
    pub note: LogNote,
    /// The login session whose end it tells of.
    pub login: Option<String>,
}

/// Whether this machine has such a journal that may be asked.
pub fn is_there() -> bool {
    std::path::Path::new("/run/systemd/system").is_dir()
}

/// Asks for what was written since; gives up at the deadline with what came until then.
pub fn read(since: Time, until: Time, deadline: Instant) -> Vec<Journalled> {
    if !is_there() {
        return Vec::new();
    }
    let left = deadline.saturating_duration_since(Instant::now());
    from("journalctl", since, until, left)
}

fn from(program: &str, since: Time, until: Time, patience: Duration) -> Vec<Journalled> {
    let bytes = ask::ask(program, since, until, patience).unwrap_or_else(|error| {
        tracing::debug!(%error, program, "cannot ask systemd's journal");
        Vec::new()
    });
    // The last line may have been cut by the deadline: it is no JSON then.
    bytes.split(|byte| *byte == b'\n').filter_map(read_line).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const LINE: &str = r#"{"__REALTIME_TIMESTAMP":"1732197600123456","_UID":"0","_COMM":"systemd-oomd","_SYSTEMD_UNIT":"systemd-oomd.service","MESSAGE":"Killed /user.slice/a.scope due to memory pressure for /user.slice being 71.20% > 50.00% for > 20s with reclaim activity"}"#;

    fn program(folder: &tempfile::TempDir, script: &str) -> String {
        let path = folder.path().join("journalctl");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn what_the_journal_prints_is_read_and_one_that_hangs_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let (since, until) =
            (Time::from_millis(1_732_197_600_000), Time::from_millis(1_732_197_601_000));
        let quick = program(&folder, &format!("echo '{LINE}'; echo '{{\"cut'"));
        let told = from(&quick, since, until, Duration::from_secs(10));
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].time, Time::from_millis(1_732_197_600_123));
        let slow = program(&folder, &format!("echo '{LINE}'; exec sleep 1000"));
        let began = Instant::now();
        let told = from(&slow, since, until, Duration::from_millis(500));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(began.elapsed() < Duration::from_secs(20));
        assert_eq!(from("/nonexistent", since, until, Duration::from_secs(1)), []);
    }
}
