//! What a holder is asked to run.

use serde::{Deserialize, Serialize};
use wk_model::{Limits, OsText, SessionId};

/// The lasting description of a session's command, kept in its folder.
///
/// It holds the caller's environment: the file is 0600 and its contents go nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    pub session_id: SessionId,
    /// The program and its arguments; never empty.
    pub command: Vec<OsText>,
    /// The program and its arguments for every attempt but the first; none: the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Vec<OsText>>,
    /// For `sh -c`, when the session is closed; the daemon runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_finish: Option<OsText>,
    pub working_directory: OsText,
    /// `NAME=VALUE` each.
    pub environment: Vec<OsText>,
    pub umask: u32,
    pub limits: Vec<ResourceLimit>,
    pub stdio: Stdio,
    pub recording: Option<RecordingOptions>,
    /// Leave descendants alone when the leader has ended.
    pub keep_descendants: bool,
    /// Time between TERM and KILL.
    pub grace_ms: u64,
    /// What the attempt's whole process tree is held to.
    #[serde(default)]
    pub tree_limits: Limits,
    #[serde(default)]
    pub limit_mechanism: LimitMechanism,
}

/// How the tree's limits are measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitMechanism {
    /// By the kernel where it can.
    #[default]
    Auto,
    /// By looking at the tree in `/proc`.
    Sampling,
}

/// What the child has for stdin, stdout and stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Stdio {
    /// A terminal of its own.
    Terminal { cols: u16, rows: u16 },
    /// Stdout and stderr apart. With `feed`, stdin is a pipe that a client fills, and output
    /// waits for that client, so that nothing is lost to it; without, stdin is empty.
    Pipes { feed: bool },
}

/// A kernel resource limit of the caller, by its number in `getrlimit(2)`; none is infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceLimit {
    pub resource: u32,
    pub soft: Option<u64>,
    pub hard: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingOptions {
    /// Bytes on disk, all segments together.
    pub max_size: u64,
    /// Hide known secret shapes.
    pub mask: bool,
}

/// Leaves of one attempt in the hierarchies of cgroup v1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegacyCgroups {
    #[serde(default)]
    pub memory: Option<OsText>,
    #[serde(default)]
    pub pids: Option<OsText>,
}

/// The first message to a new holder: which attempt to run, and where everything is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// The session's folder, with the spec in it.
    pub folder: OsText,
    pub attempt: u32,
    /// Where the holder listens.
    pub socket: OsText,
    /// The cgroup v2 leaf for the child's tree, made by the daemon; none where it could not.
    pub cgroup: Option<OsText>,
    /// Leaves in the hierarchies of cgroup v1, where a limit needs them.
    #[serde(default)]
    pub legacy_cgroups: LegacyCgroups,
    /// The daemon's socket, to see whether it answers.
    pub daemon_socket: OsText,
    /// The program to start a daemon with when the child has ended and nobody answers:
    /// arguments, then the environment it needs.
    pub daemon_command: Vec<OsText>,
    pub daemon_environment: Vec<OsText>,
    /// A client is about to attach: a session that ends sooner waits so long for it, with its
    /// last screen. (A `feed` client is always waited for.)
    #[serde(default)]
    pub attach_wait_ms: u64,
    /// What a shell would have said of the attempt before (`$?`); none: there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_exit: Option<i32>,
    /// `NAME=VALUE` each, over those of the spec: of the instance that the attempt runs with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<OsText>,
    /// Instead of the spec's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<OsText>,
    /// A later attempt that begins anew: there is nothing to resume.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub afresh: bool,
}

impl Spec {
    /// What an attempt runs.
    pub fn command_of(&self, attempt: u32) -> &[OsText] {
        match &self.resume {
            Some(resume) if attempt > 1 => resume,
            _ => &self.command,
        }
    }

    /// The spec as one attempt has it: with its instance's variables and folder over its own,
    /// and without a resume command where there is nothing to resume.
    pub fn overlaid(mut self, launch: &Launch) -> Self {
        fn name(variable: &OsText) -> &[u8] {
            variable.as_bytes().split(|byte| *byte == b'=').next().unwrap_or_default()
        }
        let over = &launch.environment;
        self.environment.retain(|own| over.iter().all(|other| name(other) != name(own)));
        self.environment.extend(over.iter().cloned());
        if let Some(folder) = &launch.working_directory {
            self.working_directory.clone_from(folder);
        }
        if launch.afresh {
            self.resume = None;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Spec {
        serde_json::from_value(serde_json::json!({
            "session_id": "k7f3q2m9x1ab", "command": ["x"], "working_directory": "/a",
            "environment": ["A=1", "B=2", "AB=3"], "umask": 18, "limits": [],
            "stdio": {"type": "pipes", "feed": false}, "recording": null,
            "keep_descendants": false, "grace_ms": 0, "time_limit_ms": null,
        }))
        .unwrap()
    }

    fn launch() -> Launch {
        serde_json::from_value(serde_json::json!({
            "folder": "/f", "attempt": 1, "socket": "/s", "cgroup": null, "daemon_socket": "/d",
            "daemon_command": [], "daemon_environment": [],
        }))
        .unwrap()
    }

    #[test]
    fn an_instance_lays_its_variables_and_folder_over_the_specs() {
        let text = |text: &str| OsText::new(text).unwrap();
        let (spec, mut launch) = (spec(), launch());
        assert_eq!(spec.clone().overlaid(&launch), spec);
        launch.environment = vec![text("A=9"), text("C=4")];
        launch.working_directory = Some(text("/b"));
        let laid = spec.overlaid(&launch);
        assert_eq!(laid.environment, ["B=2", "AB=3", "A=9", "C=4"].map(text));
        assert_eq!(laid.working_directory, text("/b"));
    }

    #[test]
    fn a_later_attempt_resumes_unless_it_begins_anew() {
        let text = |text: &str| OsText::new(text).unwrap();
        let resuming = Spec { resume: Some(vec![text("y")]), ..spec() };
        assert_eq!(resuming.command_of(1), [text("x")]);
        assert_eq!(resuming.command_of(2), [text("y")]);
        let anew = resuming.overlaid(&Launch { attempt: 2, afresh: true, ..launch() });
        assert_eq!(anew.command_of(2), [text("x")]);
    }
}
