//! The agents whose hooks can be registered, and which of their hooks are.

use std::{fmt, str::FromStr};

use crate::json::Dialect;

/// An agent that calls hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Agent {
    Claude,
    Codex,
    Gemini,
    Opencode,
}

/// A version as programs print it: `2.1.204`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

/// A hook that an agent is to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration {
    pub event: &'static str,
    /// Concerns tools, so that it has a matcher: here, of all of them.
    pub of_tools: bool,
    /// In the agent's own unit.
    pub timeout: u32,
    /// The first version that knows it; a settings file with a name that is not known may be
    /// skipped whole, permission rules included.
    since: Version,
}

const ALWAYS: Version = Version(0, 0, 0);

const fn hook(event: &'static str, since: Version) -> Registration {
    Registration { event, of_tools: false, timeout: 10, since }
}

const fn tool(event: &'static str, since: Version) -> Registration {
    Registration { event, of_tools: true, timeout: 10, since }
}

/// The first Claude Code of which it is certain that it knows an event of 2.1.
const CLAUDE_2_1: Version = Version(2, 1, 0);
/// And one that came in the course of it.
const CLAUDE_LATE: Version = Version(2, 1, 200);

/// `WorktreeCreate` wants a path as its answer, `MessageDisplay` comes with every message: never.
const CLAUDE: &[Registration] = &[
    hook("SessionStart", ALWAYS),
    hook("UserPromptSubmit", ALWAYS),
    tool("PreToolUse", ALWAYS),
    tool("PostToolUse", ALWAYS),
    tool("PostToolUseFailure", CLAUDE_2_1),
    tool("PermissionRequest", CLAUDE_2_1),
    tool("PermissionDenied", CLAUDE_LATE),
    hook("Notification", ALWAYS),
    hook("SubagentStart", CLAUDE_2_1),
    hook("SubagentStop", ALWAYS),
    hook("PreCompact", ALWAYS),
    hook("PostCompact", CLAUDE_LATE),
    hook("Stop", ALWAYS),
    hook("StopFailure", CLAUDE_LATE),
    hook("SessionEnd", ALWAYS),
];

const CODEX_LATE: Version = Version(0, 169, 0);

const CODEX: &[Registration] = &[
    hook("SessionStart", ALWAYS),
    hook("UserPromptSubmit", ALWAYS),
    tool("PreToolUse", ALWAYS),
    tool("PermissionRequest", ALWAYS),
    tool("PostToolUse", ALWAYS),
    hook("PreCompact", CODEX_LATE),
    hook("PostCompact", CODEX_LATE),
    hook("SubagentStart", CODEX_LATE),
    hook("SubagentStop", CODEX_LATE),
    hook("Stop", ALWAYS),
    // These two may take no longer.
    Registration { timeout: 3, ..hook("Interrupt", CODEX_LATE) },
    Registration { timeout: 3, ..hook("SessionEnd", CODEX_LATE) },
];

const fn gemini(registration: Registration) -> Registration {
    // Milliseconds.
    Registration { timeout: 10_000, ..registration }
}

/// `BeforeModel` and `AfterModel` come with every piece of an answer: never.
const GEMINI: &[Registration] = &[
    gemini(hook("SessionStart", ALWAYS)),
    gemini(hook("BeforeAgent", ALWAYS)),
    gemini(tool("BeforeTool", ALWAYS)),
    gemini(tool("AfterTool", ALWAYS)),
    gemini(hook("PreCompress", ALWAYS)),
    gemini(hook("Notification", ALWAYS)),
    gemini(hook("AfterAgent", ALWAYS)),
    gemini(hook("SessionEnd", ALWAYS)),
];

impl Agent {
    pub const ALL: [Self; 4] = [Self::Claude, Self::Codex, Self::Gemini, Self::Opencode];

    /// Its name on the command line, and `wk-hook`'s argument.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Opencode => "opencode",
        }
    }

    /// What people call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Claude => "Claude Code",
            Self::Codex => "Codex",
            Self::Gemini => "Gemini CLI",
            Self::Opencode => "opencode",
        }
    }

    /// The program.
    pub fn program(self) -> &'static str {
        self.as_str()
    }

    /// How its settings are written.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::Gemini => Dialect::WithComments,
            Self::Claude | Self::Codex | Self::Opencode => Dialect::Strict,
        }
    }

    /// All hooks that are registered with some version of it.
    pub fn hooks(self) -> &'static [Registration] {
        match self {
            Self::Claude => CLAUDE,
            Self::Codex => CODEX,
            Self::Gemini => GEMINI,
            // Its plugin decides.
            Self::Opencode => &[],
        }
    }

    /// The hooks that this version knows, and those of `kept`, which it has been given before.
    /// Where the version is not known, those that every version knows.
    pub fn hooks_of(self, version: Option<Version>, kept: &[String]) -> Vec<Registration> {
        let known = |hook: &&Registration| {
            version.unwrap_or(ALWAYS) >= hook.since
                || (version.is_none() && kept.iter().any(|event| event == hook.event))
        };
        self.hooks().iter().filter(known).copied().collect()
    }
}

impl Version {
    /// The first version in what a program printed, e.g. `2.1.204 (Claude Code)`.
    pub fn find(text: &str) -> Option<Self> {
        text.split(|letter: char| !(letter.is_ascii_digit() || letter == '.')).find_map(|word| {
            let mut numbers = word.split('.').map(str::parse::<u32>);
            match (numbers.next()?, numbers.next()?, numbers.next()) {
                (Ok(major), Ok(minor), patch) => {
                    Some(Self(major, minor, patch.and_then(Result::ok).unwrap_or(0)))
                }
                _ => None,
            }
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl fmt::Display for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Agent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|agent| agent.as_str() == text).ok_or_else(|| {
            format!("`{}` is no agent: use claude, codex, gemini or opencode", text.escape_debug())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hurts_an_agent_is_never_registered() {
        for agent in Agent::ALL {
            for hook in agent.hooks() {
                let bad = ["WorktreeCreate", "MessageDisplay", "BeforeModel", "AfterModel"];
                assert!(!bad.contains(&hook.event), "{agent}: {}", hook.event);
            }
        }
        // Gemini's are milliseconds, and Codex caps these two at three seconds.
        assert!(Agent::Gemini.hooks().iter().all(|hook| hook.timeout >= 1000));
        let last = |event| Agent::Codex.hooks().iter().find(|hook| hook.event == event);
        assert!(
            last("SessionEnd").unwrap().timeout <= 3 && last("Interrupt").unwrap().timeout <= 3
        );
    }

    #[test]
    fn an_old_version_gets_only_what_it_knows() {
        let names = |version, kept: &[String]| -> Vec<&str> {
            Agent::Claude.hooks_of(version, kept).iter().map(|hook| hook.event).collect()
        };
        assert_eq!(names(Some(Version(2, 0, 9)), &[]).len(), 9);
        assert_eq!(names(None, &[]), names(Some(Version(1, 0, 0)), &[]));
        assert!(names(Some(Version(2, 1, 3)), &[]).contains(&"PostToolUseFailure"));
        assert!(!names(Some(Version(2, 1, 3)), &[]).contains(&"StopFailure"));
        assert_eq!(names(Some(Version(2, 2, 0)), &[]).len(), CLAUDE.len());
        // What it was given when its version was known, it keeps.
        assert!(names(None, &["StopFailure".into()]).contains(&"StopFailure"));
    }

    #[test]
    fn versions_are_found_in_what_programs_say() {
        for (text, want) in [
            ("2.1.204 (Claude Code)\n", Some(Version(2, 1, 204))),
            ("codex-cli 0.169.0", Some(Version(0, 169, 0))),
            ("0.61", Some(Version(0, 61, 0))),
            ("error: 404", None),
            ("", None),
        ] {
            assert_eq!(Version::find(text), want, "{text}");
        }
    }
}
