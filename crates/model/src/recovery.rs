//! The words of recovery: what a session may do about its own failures, and why it failed.

use serde::{Deserialize, Serialize};

use crate::Time;

/// What a session was told to do when an attempt fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecoveryOptions {
    /// False: a failure is the end.
    pub enabled: bool,
    /// Retries within one budget; the budget refills after a healthy run.
    pub retries: u32,
    /// Before the first retry, in milliseconds; doubled for each that follows.
    pub delay_ms: u64,
    /// No delay before jitter is longer, in milliseconds.
    pub max_delay_ms: u64,
    /// Recovering takes no longer than this, parking aside; none: as long as the budget lasts.
    pub deadline_ms: Option<u64>,
    /// A run of so many milliseconds counts as healthy.
    pub healthy_after_ms: u64,
    /// Whether an attempt that was ended for its memory is worth another.
    pub retry_memory: bool,
    /// Start again after a reboot, or when its holder was lost with the daemon.
    pub restore: bool,
    /// What the last screen of a failed attempt says about why.
    pub patterns: Vec<FailurePattern>,
}

/// How a failure of a known kind shows. Where both are given, both must fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailurePattern {
    pub category: Category,
    /// The exit code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Text on the last screen, in any case; `*` stands for anything within a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screen: Option<String>,
}

/// What kind of failure ended an attempt: it decides whether another is worth while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    CommandNotFound,
    NotExecutable,
    Stopped,
    Authentication,
    RateLimit,
    Quota,
    /// A signal that nobody of ours sent.
    Crash,
    ExitCode,
    /// The resume command found nothing to resume: the next attempt begins anew.
    NotResumable,
    Timeout,
    MemoryLimit,
    /// A limit that another attempt would run into again: processes or output.
    OtherLimit,
    HolderLost,
    Rebooted,
    /// It did nothing for long, and was ended for that.
    Stale,
}

/// The session waits for its next attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovering {
    /// The attempt to come.
    pub attempt: u32,
    pub category: Category,
    /// Which retry of the budget this is, from 1.
    pub retry: u32,
    pub max_retries: u32,
    /// Jitter included, in milliseconds.
    pub delay_ms: u64,
    /// The attempt does not start sooner.
    pub not_before: Time,
    /// When this recovery began, later by the time spent parked: the deadline counts from here.
    pub since: Time,
}

/// The session waits for something that trying again would not hasten; no retry is spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// The attempt to come.
    pub attempt: u32,
    pub category: Category,
    pub until: Time,
    /// The line of the screen that says so, masked; or the exit code.
    pub reason: String,
}

/// How a session's recovery stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recovery {
    /// Retries spent of the present budget.
    pub spent: u32,
    /// When the present recovery began, later by the time spent parked.
    pub since: Option<Time>,
    /// All retries that there were, parking included, whatever the budget.
    pub total: u32,
    /// How often it was parked since its last healthy run.
    pub parks: u32,
}

impl RecoveryOptions {
    /// Whether any failure gets another attempt.
    pub fn has_retries(&self) -> bool {
        self.enabled && self.retries > 0
    }
}

impl Default for RecoveryOptions {
    fn default() -> Self {
        Self {
            enabled: true,
            retries: 0,
            delay_ms: 2_000,
            max_delay_ms: 5 * 60_000,
            deadline_ms: Some(30 * 60_000),
            healthy_after_ms: 60_000,
            retry_memory: false,
            restore: false,
            patterns: Vec::new(),
        }
    }
}
