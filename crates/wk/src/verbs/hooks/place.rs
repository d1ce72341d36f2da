//! Where each agent's settings are.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use wk_agents::agent::Agent;

use super::Scope;

/// The file to change.
pub(super) fn of(agent: Agent, scope: Scope) -> anyhow::Result<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    match scope {
        Scope::User => of_user(agent, variable),
        Scope::Project => {
            let here = env::current_dir().context("cannot tell in which folder this is")?;
            Ok(of_project(agent, project(&here)))
        }
    }
}

fn of_user(agent: Agent, variable: impl Fn(&str) -> Option<OsString>) -> anyhow::Result<PathBuf> {
    let home =
        || variable("HOME").map(PathBuf::from).context("cannot tell where your home is: set HOME");
    let set = |name| variable(name).map(PathBuf::from);
    let path = match agent {
        Agent::Claude => match set("CLAUDE_CONFIG_DIR") {
            Some(folder) => folder.join("settings.json"),
            None => home()?.join(".claude/settings.json"),
        },
        Agent::Codex => match set("CODEX_HOME") {
            Some(folder) => folder.join("hooks.json"),
            None => home()?.join(".codex/hooks.json"),
        },
        Agent::Gemini => {
            let home = set("GEMINI_CLI_HOME").map_or_else(home, Ok)?;
            home.join(".gemini/settings.json")
        }
        Agent::Opencode => {
            let folder = match (set("OPENCODE_CONFIG_DIR"), set("XDG_CONFIG_HOME")) {
                (Some(folder), _) => folder,
                (None, Some(folder)) => folder.join("opencode"),
                (None, None) => home()?.join(".config/opencode"),
            };
            folder.join("plugins/watchkeeper.js")
        }
    };
    std::path::absolute(path).context("cannot tell where the settings are")
}

fn of_project(agent: Agent, root: &Path) -> PathBuf {
    root.join(match agent {
        Agent::Claude => ".claude/settings.json",
        Agent::Codex => ".codex/hooks.json",
        Agent::Gemini => ".gemini/settings.json",
        Agent::Opencode => ".opencode/plugins/watchkeeper.js",
    })
}

/// The folder above that has a `.git`; else this one.
fn project(here: &Path) -> &Path {
    here.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_found_where_their_users_have_put_them() {
        let find = |agent, set: &[(&str, &str)]| {
            let variable = |name: &str| {
                set.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
            };
            of_user(agent, variable).map(|path| path.display().to_string()).ok()
        };
        let home = ("HOME", "/h");
        for (agent, set, want) in [
            (Agent::Claude, vec![home], Some("/h/.claude/settings.json")),
            (Agent::Claude, vec![home, ("CLAUDE_CONFIG_DIR", "/c")], Some("/c/settings.json")),
            (Agent::Codex, vec![("CODEX_HOME", "/c")], Some("/c/hooks.json")),
            (Agent::Gemini, vec![home], Some("/h/.gemini/settings.json")),
            (
                Agent::Opencode,
                vec![home, ("XDG_CONFIG_HOME", "/x")],
                Some("/x/opencode/plugins/watchkeeper.js"),
            ),
            (Agent::Gemini, vec![], None),
        ] {
            assert_eq!(find(agent, &set).as_deref(), want, "{agent} {set:?}");
        }
    }

    #[test]
    fn a_project_is_where_its_repository_is() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("a/b");
        std::fs::create_dir_all(&below).unwrap();
        assert_eq!(project(&below), below);
        std::fs::write(folder.path().join("a/.git"), "gitdir: elsewhere").unwrap();
        assert_eq!(project(&below), folder.path().join("a"));
    }
}
