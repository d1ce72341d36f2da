//! What can be set, and what holds where nothing is.

use std::{
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use wk_agents::privacy::Privacy;
use wk_client::Places;
use wk_holder::spec::LimitMechanism;
use wk_model::OnStale;
use wk_server::auth::{Mode, Tracking};

use super::{ConfigError, load, template::Templates};
use crate::attach::detach_key::DetachKey;

/// All settings that are in effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    pub session: SessionSettings,
    pub recording: RecordingSettings,
    pub log: LogSettings,
    pub attach: AttachSettings,
    pub templates: Templates,
    /// What is done about events: `[[on]]`.
    pub rules: Vec<wk_sinks::rules::Rule>,
    pub health: HealthSettings,
    pub cleanup: CleanupSettings,
    pub deaths: DeathSettings,
    pub witness: WitnessSettings,
    pub tmux: TmuxSettings,
    pub hooks: HookSettings,
    pub privacy: Privacy,
    pub server: ServerSettings,
    pub auth: AuthSettings,
    pub client: ClientSettings,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionSettings {
    /// A session is ended after so long; none: never.
    pub timeout: Option<Duration>,
    /// Sessions that run at a time, all together; 0: no limit.
    pub max_concurrent: u32,
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

/// How the health of sessions is looked after, unless a session says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HealthSettings {
    /// Between two looks at a session; none: nobody looks.
    pub interval: Option<Duration>,
    /// Without output, input and CPU for so long it is stale; none: never.
    pub stale_after: Option<Duration>,
    /// An uninterruptible sleep of so long is a hang.
    pub hung_after: Duration,
    pub on_stale: OnStale,
    /// A tracked shell that runs elsewhere and sends heartbeats is gone after so long without.
    pub heartbeat_timeout: Duration,
}

/// How deaths are looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeathSettings {
    /// Those that follow each other within it may belong together.
    pub window: Duration,
}

/// The kernel's witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WitnessSettings {
    pub start: WitnessStart,
    /// Where its socket is.
    pub dir: PathBuf,
}

/// Whether the daemon starts a witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WitnessStart {
    /// When it runs as root, and nobody answers.
    Auto,
    Off,
}

/// How long what ended sessions leave behind is kept; none: for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CleanupSettings {
    /// Between two looks.
    pub interval: Duration,
    pub live_state_after: Option<Duration>,
    pub recordings_after: Option<Duration>,
    /// Bytes of all recordings together.
    pub recordings_max: Option<u64>,
    /// Recordings of ended sessions.
    pub recordings_count: Option<u64>,
    pub journal_after: Option<Duration>,
}

/// What is done about tmux sessions that others started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TmuxSettings {
    pub watch: bool,
    /// What is done where a server's socket has vanished.
    pub repair: Repair,
    /// Between two looks at a server.
    pub health_interval: Duration,
    /// Sockets beside those in tmux's own folder; those of other users only if they are here.
    pub sockets: Vec<String>,
}

/// What agents tell by their hooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HookSettings {
    /// Where session files are.
    pub session_file_dir: PathBuf,
    /// Older ids are no longer believed.
    pub session_file_ttl: Duration,
    /// Whether a session file is on disk before the hook returns.
    pub session_file_fsync: bool,
    /// Between two cleanups of session files.
    pub cleanup_interval: Duration,
    /// Bytes of one call that are kept.
    pub max_payload: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repair {
    Report,
    Auto,
}

/// The API over TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerSettings {
    /// None: nowhere.
    pub listen: Option<SocketAddr>,
    /// Names of this machine beside those of the loopback.
    pub hosts: Vec<String>,
    /// Origins of pages that may call.
    pub origins: Vec<String>,
    /// Recordings per second that are taken without a token.
    pub unverified_rate: u32,
}

/// How callers over TCP show who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuthSettings {
    pub mode: Mode,
    pub tracking: Tracking,
    /// Whose web tokens are believed.
    pub issuers: Vec<String>,
    /// For whom they are made.
    pub audiences: Vec<String>,
    /// Where the secret is, if no variable has it.
    pub secret_file: Option<PathBuf>,
}

/// What clients in other programs' shells are to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientSettings {
    /// Whom they tell.
    pub endpoint: String,
    /// Failures in a row after which nobody is asked for a while.
    pub breaker_failures: u32,
    pub breaker_open: Duration,
    /// Of one call.
    pub attempts: u32,
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
            max_concurrent: 0,
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

impl Default for HealthSettings {
    fn default() -> Self {
        Self {
            interval: Some(Duration::from_secs(30)),
            stale_after: Some(Duration::from_secs(5 * 60)),
            hung_after: Duration::from_secs(60),
            on_stale: OnStale::Report,
            heartbeat_timeout: Duration::from_mins(5),
        }
    }
}

impl Default for DeathSettings {
    fn default() -> Self {
        Self { window: Duration::from_secs(2) }
    }
}

impl Default for WitnessSettings {
    fn default() -> Self {
        Self { start: WitnessStart::Auto, dir: PathBuf::from(wk_witness::protocol::FOLDER) }
    }
}

impl Default for TmuxSettings {
    fn default() -> Self {
        Self {
            watch: true,
            repair: Repair::Report,
            health_interval: Duration::from_secs(30),
            sockets: Vec::new(),
        }
    }
}

impl Default for HookSettings {
    fn default() -> Self {
        Self {
            session_file_dir: "/tmp".into(),
            session_file_ttl: Duration::from_hours(24),
            session_file_fsync: false,
            cleanup_interval: Duration::from_hours(1),
            max_payload: 64 << 10,
        }
    }
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 8678))),
            hosts: Vec::new(),
            origins: Vec::new(),
            unverified_rate: 2000,
        }
    }
}

impl Default for AuthSettings {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            mode: Mode::Token,
            tracking: Tracking::Loopback,
            issuers: words(&[
                "mahavishnu",
                "session-buddy",
                "akosha",
                "dhara",
                "crackerjack",
                "watchkeeper",
            ]),
            audiences: words(&["session-buddy", "watchkeeper"]),
            secret_file: None,
        }
    }
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            endpoint: "http://127.0.0.1:8678/mcp".to_owned(),
            breaker_failures: 3,
            breaker_open: Duration::from_secs(60),
            attempts: 3,
        }
    }
}

impl Default for CleanupSettings {
    fn default() -> Self {
        const HOUR: Duration = Duration::from_secs(3600);
        Self {
            interval: Duration::from_secs(300),
            live_state_after: Some(HOUR),
            recordings_after: Some(30 * 24 * HOUR),
            recordings_max: Some(10 << 30),
            recordings_count: Some(10_000),
            journal_after: Some(365 * 24 * HOUR),
        }
    }
}
