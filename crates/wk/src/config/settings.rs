//! What can be set, and what holds where nothing is.

use std::{ffi::OsString, time::Duration};

use wk_client::Places;
use wk_holder::spec::LimitMechanism;

use super::{ConfigError, load};
use crate::attach::detach_key::DetachKey;

/// All settings that are in effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    pub session: SessionSettings,
    pub recording: RecordingSettings,
    pub log: LogSettings,
    pub attach: AttachSettings,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionSettings {
    /// A session is ended after so long; none: never.
    pub timeout: Option<Duration>,
    /// Retries of one budget.
    pub retries: u32,
    /// Before the first retry; doubled for each that follows.
    pub retry_delay: Duration,
    /// No delay between attempts is longer, jitter aside.
    pub max_retry_delay: Duration,
    /// Recovering takes no longer than this; none: as long as the budget lasts.
    pub recovery_deadline: Option<Duration>,
    /// A run of this length refills the budget.
    pub healthy_after: Duration,
    /// Whether an attempt that was ended for its memory is retried.
    pub retry_memory: bool,
    /// And after so long without input or output.
    pub idle_timeout: Option<Duration>,
    /// Bytes of its whole tree.
    pub max_memory: Option<u64>,
    /// Of its whole tree.
    pub max_cpu_time: Option<Duration>,
    /// At one time.
    pub max_processes: Option<u64>,
    /// Bytes.
    pub max_output: Option<u64>,
    pub limit_mechanism: LimitMechanism,
    /// Time between TERM and KILL.
    pub grace: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordingSettings {
    pub enabled: bool,
    /// Bytes on disk of one session's recording.
    pub max_size: u64,
    /// Hide known secret shapes.
    pub mask: bool,
}

/// The daemon's own log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogSettings {
    pub format: LogFormat,
    /// Bytes of one log file.
    pub max_size: u64,
    /// Older files that are kept.
    pub backups: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Json,
    Text,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AttachSettings {
    pub detach_key: DetachKey,
}

impl Settings {
    /// Reads the settings of a user; `env` looks a variable up.
    pub(crate) fn load(
        places: &Places,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        Ok(load::load(&places.config, env)?.settings)
    }
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            timeout: None,
            retries: 0,
            retry_delay: Duration::from_secs(2),
            max_retry_delay: Duration::from_mins(5),
            recovery_deadline: Some(Duration::from_mins(30)),
            healthy_after: Duration::from_mins(1),
            retry_memory: false,
            idle_timeout: None,
            max_memory: None,
            max_cpu_time: None,
            max_processes: None,
            max_output: None,
            limit_mechanism: LimitMechanism::Auto,
            grace: Duration::from_secs(10),
        }
    }
}

impl Default for RecordingSettings {
    fn default() -> Self {
        Self { enabled: true, max_size: 64 << 20, mask: true }
    }
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::Json, max_size: 50_000_000, backups: 5 }
    }
}
