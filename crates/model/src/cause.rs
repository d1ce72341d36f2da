//! The words of a verdict: why a session ended, how sure that is, and how many it struck.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// By itself with code 0, or its user ended it.
    Completed,
    /// `wk stop`, `wk end` or the API asked for it.
    Stopped,
    /// By itself with another code.
    Failed,
    /// A fault that it raised itself.
    Crashed,
    /// Another process sent it a signal.
    Killed,
    /// It, or a descendant of it, sent the signal.
    SelfKilled,
    /// The kernel ended it because its parent, or its namespace's init, went.
    ParentDied,
    /// Its user pressed Ctrl-C or Ctrl-\ at its terminal.
    Interrupted,
    /// Its terminal went away.
    Hangup,
    /// A tmux client asked for it.
    TmuxKill,
    TmuxServerKilled,
    TmuxServerCrashed,
    /// An option of tmux: `destroy-unattached`, `exit-empty` and the like.
    TmuxOption,
    OomCgroup,
    OomSystem,
    /// systemd-oomd, earlyoom.
    OomDaemon,
    LimitMemory,
    LimitCpu,
    LimitTime,
    LimitIdle,
    LimitProcesses,
    LimitOutput,
    /// A resource limit of the kernel: CPU, file size.
    Rlimit,
    /// The runtime's own limit of its heap.
    HeapExhausted,
    DiskFull,
    /// systemd stopped the unit that it lived in.
    ServiceStopped,
    LoggedOut,
    /// A forbidden system call.
    Seccomp,
    ExecFailed,
    HolderKilled,
    Rebooted,
    /// The evidence does not say.
    Unknown,
}

/// How sure a verdict is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// It fits, unproven.
    Possible,
    /// One indirect witness.
    Likely,
    /// The kernel or the waiting parent said so.
    Certain,
}

/// How many a cause struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScopeKind {
    /// One session.
    Targeted,
    /// Several, within the window, that share a cause.
    Systemic,
    /// Several at once that share nothing.
    Coincident,
}

impl Cause {
    /// Whether a session that ended so was meant to, or at least ended by itself. All other ends
    /// are unexpected deaths; `failed` is one only where the session was interactive, and a limit
    /// only where its options did not ask for it.
    pub fn is_limit(self) -> bool {
        matches!(
            self,
            Self::LimitMemory
                | Self::LimitCpu
                | Self::LimitTime
                | Self::LimitIdle
                | Self::LimitProcesses
                | Self::LimitOutput
        )
    }
}

crate::lifecycle::words!(Cause, "cause", {
    Completed = "completed", Stopped = "stopped", Failed = "failed", Crashed = "crashed",
    Killed = "killed", SelfKilled = "self-killed", ParentDied = "parent-died",
    Interrupted = "interrupted", Hangup = "hangup", TmuxKill = "tmux-kill",
    TmuxServerKilled = "tmux-server-killed", TmuxServerCrashed = "tmux-server-crashed",
    TmuxOption = "tmux-option", OomCgroup = "oom-cgroup", OomSystem = "oom-system",
    OomDaemon = "oom-daemon", LimitMemory = "limit-memory", LimitCpu = "limit-cpu",
    LimitTime = "limit-time", LimitIdle = "limit-idle", LimitProcesses = "limit-processes",
    LimitOutput = "limit-output", Rlimit = "rlimit", HeapExhausted = "heap-exhausted",
    DiskFull = "disk-full", ServiceStopped = "service-stopped", LoggedOut = "logged-out",
    Seccomp = "seccomp", ExecFailed = "exec-failed", HolderKilled = "holder-killed",
    Rebooted = "rebooted", Unknown = "unknown",
});
crate::lifecycle::words!(Confidence, "confidence", {
    Possible = "possible", Likely = "likely", Certain = "certain",
});
crate::lifecycle::words!(ScopeKind, "scope", {
    Targeted = "targeted", Systemic = "systemic", Coincident = "coincident",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_written_as_their_words() {
        for cause in Cause::ALL {
            let text = serde_json::to_string(cause).unwrap();
            assert_eq!(text, format!("\"{cause}\""));
        }
    }

    #[test]
    fn the_kernels_word_weighs_more_than_a_guess() {
        assert!(Confidence::Certain > Confidence::Likely);
        assert!(Confidence::Likely > Confidence::Possible);
    }
}
