//! The words for where a session is in its life, and how a run of it ended.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{LimitKind, ProcessId, Recovering, Requester, Time, WaitsFor};

/// What a session is a session of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    #[default]
    Command,
    Agent,
    Tmux,
    Shell,
}

/// How a session stands, for programs. None before the first attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Running,
    Completed,
    Failed,
    Cancelled,
    Timeout,
    Recovering,
}

/// Where a session is in its life, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Queued,
    Starting,
    Running,
    Parked,
    /// Its holder cannot be reached; the status stays.
    Lost,
    Ended,
}

/// How a session ended; the final statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Completed,
    Failed,
    Cancelled,
    Timeout,
}

/// How one attempt ended, as its waiting parent saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Ending {
    Exited {
        code: i32,
    },
    Signaled {
        signal: i32,
        core_dumped: bool,
    },
    /// The command could not be started: 127 when it was not found, else 126.
    ExecFailed {
        code: i32,
        error: String,
    },
    /// Nobody was left to see the end: the holder was killed before it could write it down.
    HolderLost,
    /// The machine went down.
    Rebooted,
    /// It is gone, and whoever waited for it was not one of ours.
    Gone,
    /// Whoever told of it said that it is over.
    Closed {
        /// Somebody else, who closed its record.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Requester>,
    },
    /// It was given up before an attempt ran.
    NeverRan {
        why: String,
    },
}

impl Ending {
    /// The exit code, where the attempt had one.
    pub fn exit_code(&self) -> Option<i32> {
        match self {
            Self::Exited { code } | Self::ExecFailed { code, .. } => Some(*code),
            Self::Signaled { .. }
            | Self::HolderLost
            | Self::Rebooted
            | Self::Gone
            | Self::Closed { .. }
            | Self::NeverRan { .. } => None,
        }
    }

    /// The signal that ended it, where one did.
    pub fn signal(&self) -> Option<i32> {
        match self {
            Self::Signaled { signal, .. } => Some(*signal),
            _ => None,
        }
    }

    /// What a shell would report as `$?`.
    pub fn shell_code(&self) -> i32 {
        match self {
            Self::Exited { code } | Self::ExecFailed { code, .. } => *code,
            Self::Signaled { signal, .. } => 128 + signal,
            // Nobody knows; 1 is "failed", and not a signal that never was.
            Self::HolderLost | Self::Rebooted | Self::Gone | Self::NeverRan { .. } => 1,
            Self::Closed { .. } => 0,
        }
    }

    /// The status that this ending leads to, by the table in the interfaces.
    ///
    /// `stopped`: somebody had asked for the end. `limit`: we had enforced one.
    pub fn outcome(&self, kind: Kind, stopped: bool, limit: Option<LimitKind>) -> Outcome {
        match (limit, self) {
            (Some(LimitKind::Time | LimitKind::Idle | LimitKind::CpuTime), _) => Outcome::Timeout,
            (Some(LimitKind::Memory | LimitKind::Processes | LimitKind::Output), _) => {
                Outcome::Failed
            }
            (None, Self::ExecFailed { .. } | Self::Rebooted) => Outcome::Failed,
            (None, Self::NeverRan { .. }) => Outcome::Cancelled,
            (None, _) if stopped => Outcome::Cancelled,
            (None, Self::Exited { code: 0 } | Self::Closed { .. }) => Outcome::Completed,
            // A shell returns its last command's code: that says nothing of the session.
            (None, Self::Exited { .. }) if matches!(kind, Kind::Shell | Kind::Tmux) => {
                Outcome::Completed
            }
            (None, Self::Exited { .. } | Self::Signaled { .. } | Self::HolderLost | Self::Gone) => {
                Outcome::Failed
            }
        }
    }
}

/// Where a session is in its life; each state holds what is known in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Life {
    /// Created; it waits for its turn.
    Queued { waits_for: WaitsFor },
    /// Its next attempt is about to run.
    Starting,
    /// An attempt runs. `reachable` is false while its holder does not answer.
    Running { process: Option<ProcessId>, holder: Option<ProcessId>, reachable: bool },
    /// Between attempts.
    Recovering { wait: Wait, last: Ended },
    /// Over.
    Ended(Ended),
}

/// What a session waits for between two attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "wait", rename_all = "snake_case")]
pub enum Wait {
    /// A delay.
    Retry(Recovering),
    /// A moment that the failure itself has named.
    Parked(crate::Parked),
    /// Nothing: somebody asked for the attempt.
    Restart { attempt: u32, at: Time },
}

/// How the latest attempt ended, or that there was none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub outcome: Outcome,
    pub ending: Ending,
    pub limit: Option<LimitKind>,
    pub at: Time,
}

impl Wait {
    /// The attempt to come.
    pub fn attempt(&self) -> u32 {
        match self {
            Self::Retry(retry) => retry.attempt,
            Self::Parked(parked) => parked.attempt,
            Self::Restart { attempt, .. } => *attempt,
        }
    }

    /// The attempt does not start sooner.
    pub fn until(&self) -> Time {
        match self {
            Self::Retry(retry) => retry.not_before,
            Self::Parked(parked) => parked.until,
            Self::Restart { at, .. } => *at,
        }
    }
}

impl Life {
    /// The status that programs see.
    pub fn status(&self) -> Option<Status> {
        match self {
            Self::Queued { .. } | Self::Starting => None,
            Self::Running { .. } => Some(Status::Running),
            Self::Recovering { .. } => Some(Status::Recovering),
            Self::Ended(ended) => Some(Status::from(ended.outcome)),
        }
    }

    /// The phase that people see.
    pub fn phase(&self) -> Phase {
        match self {
            Self::Queued { .. } => Phase::Queued,
            Self::Starting
            | Self::Recovering { wait: Wait::Retry(_) | Wait::Restart { .. }, .. } => {
                Phase::Starting
            }
            Self::Recovering { wait: Wait::Parked(_), .. } => Phase::Parked,
            Self::Running { reachable: true, .. } => Phase::Running,
            Self::Running { reachable: false, .. } => Phase::Lost,
            Self::Ended(_) => Phase::Ended,
        }
    }
}

impl From<Outcome> for Status {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Completed => Self::Completed,
            Outcome::Failed => Self::Failed,
            Outcome::Cancelled => Self::Cancelled,
            Outcome::Timeout => Self::Timeout,
        }
    }
}

/// Gives an enum of unit variants one list of its words, for text in both directions.
macro_rules! words {
    ($type:ty, $what:literal, { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// Every value, in the order of the interfaces.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word for it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(format!(
                        "`{}` is not a {}: use one of {}",
                        text.escape_debug(), $what, [$($word),+].join(", ")
                    )),
                }
            }
        }
    };
}

pub(crate) use words;

words!(Kind, "kind", { Command = "command", Agent = "agent", Tmux = "tmux", Shell = "shell" });
words!(Status, "status", {
    Running = "running", Completed = "completed", Failed = "failed",
    Cancelled = "cancelled", Timeout = "timeout", Recovering = "recovering",
});
words!(Phase, "phase", {
    Queued = "queued", Starting = "starting", Running = "running",
    Parked = "parked", Lost = "lost", Ended = "ended",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_lead_to_the_statuses_of_the_table() {
        let (clean, three) = (Ending::Exited { code: 0 }, Ending::Exited { code: 3 });
        let killed = Ending::Signaled { signal: 9, core_dumped: false };
        let absent = Ending::ExecFailed { code: 127, error: "not found".into() };
        for (case, ending, kind, stopped, limit, want) in [
            ("a clean exit", &clean, Kind::Command, false, None, Outcome::Completed),
            ("another code", &three, Kind::Command, false, None, Outcome::Failed),
            ("a shell's code is no failure", &three, Kind::Shell, false, None, Outcome::Completed),
            ("a killed shell is one", &killed, Kind::Shell, false, None, Outcome::Failed),
            ("a stop that was asked for", &killed, Kind::Command, true, None, Outcome::Cancelled),
            ("a stop that was obeyed", &clean, Kind::Command, true, None, Outcome::Cancelled),
            (
                "the time limit",
                &killed,
                Kind::Agent,
                false,
                Some(LimitKind::Time),
                Outcome::Timeout,
            ),
            (
                "the memory limit",
                &killed,
                Kind::Agent,
                false,
                Some(LimitKind::Memory),
                Outcome::Failed,
            ),
            ("nothing ran", &absent, Kind::Command, true, None, Outcome::Failed),
            ("a lost holder", &Ending::HolderLost, Kind::Agent, false, None, Outcome::Failed),
        ] {
            assert_eq!(ending.outcome(kind, stopped, limit), want, "{case}");
        }
    }

    #[test]
    fn words_read_back_and_bad_ones_name_the_good() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(*status));
        }
        assert!("runing".parse::<Status>().unwrap_err().contains("running, completed"));
    }
}
