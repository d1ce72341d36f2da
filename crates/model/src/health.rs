//! The words of health.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Something about a living session that somebody should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// No output, no input and no CPU for a long time.
    Stale,
    /// Stopped, or in an uninterruptible sleep for long.
    Hung,
    /// Its holder, or its tmux server, does not answer.
    Unreachable,
    /// Its end was never heard.
    Incomplete,
    /// Near a limit of its own.
    OverLimit,
}

/// What is done about a session that has become stale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnStale {
    #[default]
    Report,
    Stop,
    Restart,
}

/// How a session's health is looked after; none: as the settings say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthOptions {
    /// Between two looks; 0: nobody looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
    /// Without output, input and CPU; 0: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hung_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_stale: Option<OnStale>,
}

/// The conditions of a session are others than before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthChanged {
    /// All that hold now, in order.
    pub conditions: Vec<Condition>,
    /// All that held before.
    pub before: Vec<Condition>,
    /// What was seen, for people: one sentence for each condition that is new.
    pub reasons: Vec<String>,
}

impl HealthChanged {
    /// Of a session whose end cannot be seen from here, and why.
    pub fn incomplete(reason: &str) -> Self {
        let conditions = vec![Condition::Incomplete];
        Self { conditions, before: Vec::new(), reasons: vec![reason.to_owned()] }
    }
}

impl Condition {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stale => "stale",
            Self::Hung => "hung",
            Self::Unreachable => "unreachable",
            Self::Incomplete => "incomplete",
            Self::OverLimit => "over_limit",
        }
    }
}

impl OnStale {
    /// Every value.
    pub const ALL: [Self; 3] = [Self::Report, Self::Stop, Self::Restart];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }
}

impl FromStr for OnStale {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|word| word.as_str() == text).ok_or_else(|| {
            format!("must be \"report\", \"stop\" or \"restart\", not `{}`", text.escape_debug())
        })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
